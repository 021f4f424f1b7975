import Metering

/// Saves the totals of the pulse meters: at the start, every `saveEvery` while they change, at once when one was
/// set, and at the end.
package actor TotalKeeper {
    /// Is told when a meter's total can't be saved, why, and when it can again (`nil`).
    package typealias Report = @Sendable (_ meter: String, _ failure: PortError?) async -> Void

    private nonisolated let executor: any SerialExecutor
    private let store: any TotalStore
    private let saveEvery: Duration
    private let clock: any Clockwork
    private let current: @Sendable () async -> [String: PulseTotal]
    private let report: Report
    private let alarm: any Alarm
    private var newest: [String: PulseTotal] = [:]
    private var saved: [String: PulseTotal] = [:]
    private var isScheduled = false
    private var hasTried = false
    private var failures: [String: PortError] = [:]

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// `newest`: not every pulse is told of, but who saves asks for all.
    package init(
        store: any TotalStore, saveEvery: Duration, executor: any SerialExecutor, clock: any Clockwork,
        newest: @escaping @Sendable () async -> [String: PulseTotal], report: @escaping Report
    ) {
        self.store = store
        self.saveEvery = saveEvery
        self.executor = executor
        self.clock = clock
        current = newest
        self.report = report
        alarm = clock.makeAlarm()
    }

    package func run(_ totals: Newest<[String: PulseTotal]>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.saveOnTime() }
            await note(totals)
            group.cancelAll()
        }
        await save()
    }

    /// Writes what has changed; says why not, or `nil`.
    @discardableResult
    package func save() async -> PortError? {
        isScheduled = false
        hasTried = true
        alarm.set(nil)
        var failure: PortError?
        for (meter, total) in newest.sorted(by: { $0.key < $1.key }) where saved[meter] != total {
            let failed = await write(total, of: meter)
            failure = failed ?? failure
        }
        if failure != nil { schedule() }
        return failure
    }

    private func write(_ total: PulseTotal, of meter: String) async -> PortError? {
        var failure: PortError?
        do throws(PortError) {
            try await store.save(meter, total)
            saved[meter] = total
        } catch {
            failure = error
        }
        // A full disk is said once, and that it is over.
        guard failures[meter] != failure else { return failure }
        failures[meter] = failure
        await report(meter, failure)
        return failure
    }

    /// Takes a total that was just set before the snapshot comes round.
    package func save(_ total: PulseTotal, of meter: String) async -> PortError? {
        newest[meter] = total
        return await save()
    }

    private func note(_ totals: Newest<[String: PulseTotal]>) async {
        for await newest in totals where newest != self.newest {
            self.newest = newest
            schedule()
        }
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        // The first time at once: from then on a total that is missing is known to be lost.
        alarm.set(hasTried ? clock.now + saveEvery : clock.now)
    }

    private func saveOnTime() async {
        while await alarm.goesOff() {
            let known = newest
            let current = await current()
            if newest == known { newest = current }
            await save()
        }
    }
}
