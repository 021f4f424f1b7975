import Metering

/// A request of another command to the running daemon, one line: `total NAME`, `total NAME VALUE`, `problem NAME`. The answer is `error WHY`
/// or `ok VALUE`; for a total, the known corrections follow, one per line.
package enum ControlRequest: Equatable {
    case showProblem(String)
    case showTotal(String)
    case setTotal(String, Quantity)

    package init?(_ line: String) {
        let words = line.split(separator: " ", maxSplits: 3).map(String.init)
        if words.count == 2, words[0] == "problem" {
            self = .showProblem(words[1])
            return
        }
        guard words.count >= 2, words[0] == "total" else { return nil }
        if words.count == 2 {
            self = .showTotal(words[1])
        } else {
            guard words.count == 3, let value = Quantity(words[2]) else { return nil }
            self = .setTotal(words[1], value)
        }
    }
}

extension Daemon {
    package func answer(_ line: String) async -> String {
        switch ControlRequest(line) {
        case .showProblem(let meter):
            guard let meter = await aggregator.snapshot[meter] else { return "error no meter named \(meter)" }
            return meter.problem.map { "error \($0)" } ?? (meter.isAvailable ? "ok being read" : "error has not been read yet")
        case .showTotal(let meter):
            guard let meter = await aggregator.snapshot[meter] else { return "error no meter named \(meter)" }
            guard let total = meter.knownTotal else {
                let reason =
                    meter.lacksTotal ? "still asking the broker for its retained total" : "\(meter.name) is not a pulse meter"
                return "error \(meter.problem ?? reason)"
            }
            return okay(total)
        case .setTotal(let meter, let total):
            if let refusal = await controls.setTotal(meter, total) { return "error \(refusal)" }
            return await aggregator.snapshot[meter]?.total.map(okay) ?? "error \(meter) is gone"
        case nil: return "error not understood"
        }
    }

    private func okay(_ total: PulseTotal) -> String { (["ok \(total.total)"] + total.remarks).joined(separator: "\n") }
}
