import MeterDaemon
import Metering

/// Feeds the service's watchdog as long as each of the daemon's threads is alive, as its own heartbeat shows.
///
/// The main loop and the pulse thread never block, so a thread that does not answer in time has hung. The storage thread waits for disks,
/// and the broker's thread for name look-ups and connections. That may take minutes, and a restart would not help but would cost the count.
/// So these threads only count as hung after a time that no wait can explain.
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
    /// After how long without a heartbeat a thread that may block is reported in the log, and after how long it counts as hung.
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

    /// Runs until the task is cancelled. `proof` returns only if the data flow is working; `feed` notifies the watchdog.
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

    /// Asks the pulse thread for a heartbeat, sleeps until the watchdog has to be fed, and only then checks for the heartbeat, so that the
    /// check causes no extra wake-up. If there was none, waits until it comes.
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
