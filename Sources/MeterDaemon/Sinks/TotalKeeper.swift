import Metering

/// Saves the totals of the pulse meters: at the start, every `saveEvery` while they change, at once after one was set, and at the end.
/// Only one task writes, so only that task may have to wait for the disk.
package actor TotalKeeper: Sink {
    package static let interest = SinkInterest.pulseTotals

    /// Called with the reason when a meter's total can't be saved, and with `nil` when it can be saved again.
    package typealias Report = @Sendable (_ meter: String, _ failure: PortError?) async -> Void

    private struct Waiter {
        let id: Int
        let meter: String
        let answer: AsyncStream<PortError?>.Continuation
    }

    private nonisolated let executor: any SerialExecutor
    private let store: any TotalStore
    private let saveEvery: Duration
    private let clock: any Clockwork
    private let current: @Sendable () async -> [String: PulseTotal]
    private let report: Report
    private let alarm: any Alarm
    /// Goes off when the disk has taken too long.
    private let overdue: any Alarm
    /// Requests to save. One pending request is enough, because it saves everything that is new.
    private let (requests, request) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
    private var newest: [String: PulseTotal] = [:]
    private var saved: [String: PulseTotal] = [:]
    private var isScheduled = false
    private var hasTried = false
    private var failures: [String: PortError] = [:]
    private var waiters: [Waiter] = []
    private var lastID = 0
    private var isOver = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// `newest`: called for the current totals before saving, because there is no snapshot for every pulse.
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
        overdue = clock.makeAlarm()
    }

    package func run(_ snapshots: Newest<Snapshot>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.saveOnTime() }
            group.addTask { await self.watchTheDisk() }
            await withTaskGroup(of: Void.self) { writing in
                writing.addTask { await self.write() }
                await note(snapshots)
                request.yield()
                request.finish()
            }
            group.cancelAll()
        }
        isOver = true
        for waiter in waiters { waiter.answer.yield(.cancelled) }
    }

    /// Saves a total that was just set, without waiting for the next snapshot. Returns why it could not be saved, or `nil`. If the disk
    /// does not answer in time, the total is saved as soon as the disk answers.
    package func save(_ total: PulseTotal, of meter: String) async -> PortError? {
        guard !isOver else { return .cancelled }
        newest[meter] = total
        let (answers, answer) = AsyncStream.makeStream(of: PortError?.self, bufferingPolicy: .bufferingOldest(1))
        lastID += 1
        let id = lastID
        waiters.append(Waiter(id: id, meter: meter, answer: answer))
        defer { waiters.removeAll { $0.id == id } }
        request.yield()
        let deadline = clock.now + PortError.diskPatience
        return await withTaskGroup(of: PortError?.self) { group in
            group.addTask {
                for await failure in answers { return failure }
                return .cancelled
            }
            group.addTask { [clock] in
                await clock.sleep(until: deadline)
                return .silentDisk
            }
            // A `defer` in this closure crashes Swift 6.0's compiler with an assertion.
            let answer = await group.next() ?? nil
            group.cancelAll()
            return answer
        }
    }

    private func note(_ snapshots: Newest<Snapshot>) async {
        for await snapshot in snapshots {
            let totals = snapshot.totals
            guard totals != newest else { continue }
            newest = totals
            schedule()
        }
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        // The first save is done at once: if the file is missing at a later start, it is known that a total was lost.
        alarm.set(hasTried ? clock.now + saveEvery : clock.now)
    }

    private func saveOnTime() async {
        while await alarm.goesOff() {
            let known = newest
            let current = await current()
            if newest == known { newest = current }
            request.yield()
        }
    }

    // MARK: Writing

    private func write() async {
        for await _ in requests { await save() }
    }

    /// Writes what has changed, and answers everyone who had asked for a save before that.
    private func save() async {
        isScheduled = false
        hasTried = true
        alarm.set(nil)
        let (asking, totals) = (waiters, newest)
        overdue.set(clock.now + PortError.diskPatience)
        for (meter, total) in totals.sorted(by: { $0.key < $1.key }) where saved[meter] != total || failures[meter] != nil {
            await save(total, meter)
        }
        overdue.set(nil)
        for waiter in asking { waiter.answer.yield(failures[waiter.meter]) }
        if failures.values.contains(.silentDisk) {
            // The disk is answering again; the totals with this error were only waiting for the save of another total.
            request.yield()
        } else if !failures.isEmpty {
            schedule()
        }
    }

    private func save(_ total: PulseTotal, _ meter: String) async {
        do throws(PortError) {
            try await store.save(meter, total)
            saved[meter] = total
            await note(nil, meter)
        } catch {
            await note(error, meter)
        }
        overdue.set(clock.now + PortError.diskPatience)
    }

    /// Reports a failure such as a full disk once, and again when it is over.
    private func note(_ failure: PortError?, _ meter: String) async {
        guard failures[meter] != failure else { return }
        failures[meter] = failure
        await report(meter, failure)
    }

    private func watchTheDisk() async {
        while await overdue.goesOff() {
            overdue.set(clock.now + PortError.diskPatience)
            for (meter, total) in newest.sorted(by: { $0.key < $1.key }) where saved[meter] != total { await note(.silentDisk, meter) }
        }
    }
}
