import Metering

/// Saves what is remembered about the optical meters: soon after the first total or a change of the meter, then rarely, and at the end. If
/// an hour is lost in a power cut, only the check of the first reading is coarser; saving every minute would wear out the SD card.
package actor MemoryKeeper: Sink {
    package static let interest = SinkInterest.meterMemory
    private static let (usually, soon) = (Duration.seconds(3600), Duration.seconds(10))

    private nonisolated let executor: any SerialExecutor
    private let aggregator: Aggregator
    private let store: any MeterMemoryStore
    private let clock: any Clockwork
    private let log: any Log
    private let alarm: any Alarm
    /// Goes off when the disk has taken too long.
    private let overdue: any Alarm
    private var saved: [String: MeterMemory] = [:]
    private var failure: PortError?
    private var isSoon = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package init(
        _ aggregator: Aggregator, store: any MeterMemoryStore, executor: any SerialExecutor, clock: any Clockwork, log: any Log
    ) {
        self.aggregator = aggregator
        self.store = store
        self.executor = executor
        self.clock = clock
        self.log = log
        alarm = clock.makeAlarm()
        overdue = clock.makeAlarm()
    }

    package func run(_ snapshots: Newest<Snapshot>) async {
        saved = await aggregator.memories
        alarm.set(clock.now + Self.usually)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.watchTheDisk() }
            await withTaskGroup(of: Void.self) { saving in
                saving.addTask { await self.saveOnTime() }
                var revision = 0
                for await snapshot in snapshots where snapshot.memoryRevision != revision {
                    revision = snapshot.memoryRevision
                    saveSoon()
                }
                saving.cancelAll()
            }
            await save()
            group.cancelAll()
        }
    }

    private func saveSoon() {
        guard !isSoon else { return }
        isSoon = true
        alarm.set(clock.now + Self.soon)
    }

    private func saveOnTime() async {
        while await alarm.goesOff() {
            isSoon = false
            await save()
            alarm.set(clock.now + Self.usually)
        }
    }

    private func save() async {
        var failure: PortError?
        for (meter, memory) in await aggregator.memories.sorted(by: { $0.key < $1.key }) where saved[meter] != memory {
            overdue.set(clock.now + PortError.diskPatience)
            do throws(PortError) {
                try await store.remember(meter, memory)
                saved[meter] = memory
            } catch {
                failure = error
            }
        }
        overdue.set(nil)
        note(failure)
    }

    private func watchTheDisk() async {
        while await overdue.goesOff() { note(.silentDisk) }
    }

    private func note(_ failure: PortError?) {
        if let failure, failure != self.failure { log.write(.warning, "the meters' last readings can't be saved: \(failure)") }
        self.failure = failure
    }
}
