import MeterDaemon
import Metering

/// Feeds the service's watchdog as long as each of the daemon's threads is alive, by its own heartbeat.
///
/// The main loop and the pulse thread never block, so each answers in time or hangs. The storage thread waits for disks, and the broker's
/// for names and connections: that may take minutes, and a restart would cure neither, and would cost the count. They only count as hung
/// when no wait can explain it.
package struct ServiceWatchdog: Sendable {
    private struct Waiting {
        var name: String
        var heartbeat: Heartbeat
        var isSuspect = false
    }

    private let interval: Duration
    private let loop: EventLoop
    private let storage: EventLoop
    private let pulses: PulseBell?
    private let broker: Heartbeat?
    private let log: any Log
    /// After how much silence a thread that may wait is reported in the log, and after how much it counts as hung.
    private let suspicion: Duration
    private let patience: Duration

    package init(
        every interval: Duration, loop: EventLoop, storage: EventLoop, pulses: PulseBell?, broker: Heartbeat?, log: any Log,
        suspicion: Duration = .seconds(300), patience: Duration = .seconds(3600)
    ) {
        self.interval = interval
        self.loop = loop
        self.storage = storage
        self.pulses = pulses
        self.broker = broker
        self.log = log
        self.suspicion = suspicion
        self.patience = patience
    }

    /// Runs until the task is cancelled. `proof` returns if the data flow is working.
    package func run(proof: @escaping @Sendable () async -> Void, feed: @escaping @Sendable () -> Void) async {
        let stored = Heartbeat()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    await storage.sleep(until: storage.now + interval)
                    stored.beat()
                }
            }
            var waiting = [Waiting(name: "storage: a disk", heartbeat: stored)]
            if let broker { waiting.append(Waiting(name: "mqtt: a name look-up or a connection", heartbeat: broker)) }
            while !Task.isCancelled {
                await proof()
                await waitForPulses()
                if !areHung(&waiting), !Task.isCancelled { feed() }
            }
            group.cancelAll()
        }
    }

    /// Asks the thread for a heartbeat, and checks for it at the next feeding, without a wake-up in between.
    private func waitForPulses() async {
        let asked = loop.now
        pulses?.askForBeat()
        await loop.sleep(until: asked + interval)
        var isSaid = false
        while let pulses, !Task.isCancelled, pulses.heartbeat.isSilent(since: asked) {
            if !isSaid { log.write(.error, "the pulse thread is not responding: the service's watchdog will kill jouled") }
            isSaid = true
            await loop.sleep(until: loop.now + min(interval, .seconds(1)))
        }
    }

    private func areHung(_ waiting: inout [Waiting]) -> Bool {
        let now = loop.now
        var areHung = false
        for index in waiting.indices {
            let (name, silence) = (waiting[index].name, waiting[index].heartbeat.silence(at: now))
            if (silence > suspicion) != waiting[index].isSuspect {
                waiting[index].isSuspect.toggle()
                let words = "has not answered for \(silence.nanoseconds / 1_000_000_000) s"
                log.write(waiting[index].isSuspect ? .error : .notice, "\(name) \(waiting[index].isSuspect ? words : "answers again")")
            }
            guard silence > patience else { continue }
            log.write(.error, "\(name) has hung: the service's watchdog will kill jouled")
            areHung = true
        }
        return areHung
    }
}
