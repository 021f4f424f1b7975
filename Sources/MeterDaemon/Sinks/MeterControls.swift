import Metering
import Publishing

/// What may be asked of the running daemon, by whoever is told of the meters and by other commands.
package struct MeterControls: Sendable {
    let aggregator: Aggregator
    let keeper: TotalKeeper
    let readers: [OpticalReader]
    /// Begins the daemon again; `nil` where nobody would.
    let restart: (@Sendable () -> Void)?

    /// Sets a pulse meter's total, and has it on disk before it says so. Says why not, or `nil`: within 10 s, also when the disk hangs.
    package func setTotal(_ meter: String, _ total: Quantity) async -> String? {
        if let refusal = await aggregator.setTotal(total, of: meter) { return refusal }
        guard let new = await aggregator.snapshot[meter]?.total else { return nil }
        return await keeper.save(new, of: meter).map { failure in
            failure == .silentDisk ? "set, but not saved yet: the disk does not answer" : "set, but not saved: \(failure)"
        }
    }

    /// Takes what the broker remembers of a total: on disk before anybody is told, who could remember it once more.
    func settle(_ answer: TotalInquiry.Answer) async {
        await aggregator.settle(answer.total, of: answer.meter)
        guard let new = await aggregator.snapshot[answer.meter]?.knownTotal else { return }
        while await keeper.save(new, of: answer.meter) == .silentDisk {}
    }

    /// Everything once more, as after a start.
    func readAgain() {
        for reader in readers { reader.readAgain() }
    }
}
