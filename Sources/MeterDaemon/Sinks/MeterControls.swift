import Metering
import Publishing

/// The controls of the running daemon that sinks and other commands use.
package struct MeterControls: Sendable {
    let aggregator: Aggregator
    let keeper: TotalKeeper
    let readers: [OpticalReader]
    /// Restarts the daemon; `nil` if that is not possible.
    let restart: (@Sendable () -> Void)?

    /// Sets a pulse meter's total and saves it. Returns why that failed, or `nil`; it returns within 10 s even if the disk hangs.
    package func setTotal(_ meter: String, _ total: Quantity) async -> String? {
        if let refusal = await aggregator.setTotal(total, of: meter) { return refusal }
        guard let new = await aggregator.snapshot[meter]?.total else { return nil }
        return await keeper.save(new, of: meter).map { failure in
            failure == .silentDisk ? "set, but not saved yet: the disk does not answer" : "set, but not saved: \(failure)"
        }
    }

    /// Takes over the total that the broker retains. It is saved before it is published, because the broker retains what is published.
    func settle(_ answer: TotalInquiry.Answer) async {
        await aggregator.settle(answer.total, of: answer.meter)
        guard let new = await aggregator.snapshot[answer.meter]?.knownTotal else { return }
        while await keeper.save(new, of: answer.meter) == .silentDisk {}
    }

    /// `problem`: why an output delivers nothing, or `nil`.
    func report(problem: String?, of output: String) async {
        await aggregator.change { state, _, wall in state.note(outputProblem: problem, of: output, wall: wall) }
    }

    /// Reads all registers again, as after a start.
    func readAgain() {
        for reader in readers { reader.readAgain() }
    }
}
