import Metering

/// A request from a command such as `jouled total` to the running daemon, in one line: `total NAME`, `total NAME VALUE`, `problem NAME`, or
/// `problem` for all meters and outputs. The answer is `error WHY` or `ok VALUE`; for a total, the known corrections follow, one per line.
package enum ControlRequest: Equatable {
    case showProblem(String)
    case showProblems
    case showTotal(String)
    case setTotal(String, Quantity)

    package init?(_ line: String) {
        let words = line.split(separator: " ", maxSplits: 3).map(String.init)
        if words.first == "problem", words.count <= 2 {
            self = words.count == 2 ? .showProblem(words[1]) : .showProblems
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

extension ControlRequest {
    /// Limits the length of the answer: the command that sent the request reads at most 4096 bytes.
    private static let mostProblems = 12

    static func answer(listing problems: [String]) -> String {
        guard !problems.isEmpty else { return "ok everything works" }
        let more = problems.count > mostProblems ? "; and \(problems.count - mostProblems) more" : ""
        return "error " + problems.prefix(mostProblems).joined(separator: "; ") + more
    }
}

extension Daemon {
    package func answer(_ line: String) async -> String {
        switch ControlRequest(line) {
        case .showProblem(let meter):
            guard let meter = await aggregator.snapshot[meter] else { return "error no meter named \(meter)" }
            return meter.failure.map { "error \($0)" } ?? "ok being read"
        case .showProblems:
            return ControlRequest.answer(listing: await aggregator.snapshot.problems)
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
