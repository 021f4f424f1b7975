import Configuration
import HomeAssistant
import MeterDaemon
import MeterProtocols
import Metering
import Publishing
import VirtualMeters

/// The complete daemon with a virtual ME162, two pulse meters, a broker and a disk, in virtual time.
///
/// SAFETY: only used on the simulation's one thread.
package final class SimulatedHouse: @unchecked Sendable {
    package let loop = SimulatedLoop()
    package let line: SimulatedSerialLine
    package let broker: SimulatedBroker
    package let store = SimulatedStore()
    package let memory = SimulatedMemory()
    package let announcements = SimulatedAnnouncements()
    package let log = SimulatedLog()
    package let pulseLines: SimulatedPulseLines
    private let truth: [String: Truth]
    package var configuration = Configuration()
    package private(set) var daemon: Daemon?
    private var stopping: AsyncStream<Void>.Continuation?
    package private(set) var isRunning = false
    /// How often the daemon has requested a restart.
    package private(set) var restarts = 0
    private var reply: String?
    private let complain: (String) -> Void

    /// SAFETY: only used on the simulation's one thread.
    private final class Truth: @unchecked Sendable {
        var meter: VirtualS0
        init(_ meter: VirtualS0) { self.meter = meter }
    }

    package init(
        seed: UInt64, profile: Household.Profile = .home, faults: [Fault] = [], bounce: Bool = true, pulseWatts: [Int64] = [700, 1500],
        pushing: VirtualPushMeter.Kind? = nil, pushingAt: BaudRate? = nil, manufacturer: String = "ISK",
        meter: (any VirtualMeter)? = nil, meterAhead: Duration = .seconds(3600), complain: @escaping (String) -> Void
    ) {
        self.complain = complain
        let loop = loop
        broker = SimulatedBroker(loop)
        pulseLines = SimulatedPulseLines(loop)
        let household = Household(seed: seed, profile: profile, startedAt: loop.now)
        let grid: any VirtualMeter =
            if let meter {
                meter
            } else if let pushing {
                VirtualPushMeter(pushing, speed: pushingAt, household: household, faults: faults, seed: seed, startedAt: loop.now)
            } else {
                VirtualME162(
                    serial: "28342193", manufacturer: manufacturer, household: household, faults: faults, seed: seed, startedAt: loop.now,
                    clock: loop.wall + meterAhead)
            }
        line = SimulatedSerialLine(loop, meter: grid)
        var truth: [String: Truth] = [:]
        for (index, name) in ["heatpump", "washer"].enumerated() {
            let load = Household(seed: seed &+ UInt64(index) &+ 1, profile: .steady(watts: pulseWatts[index]), startedAt: loop.now)
            let meter = Truth(VirtualS0(pulsesPerUnit: 1000, household: load, bounce: bounce, seed: seed &+ 7))
            truth[name] = meter
            pulseLines.add(name) { meter.meter.nextEdge() }
            var pulse = Configuration.Pulse(name: name, title: name, line: .name("GPIO\(17 + index)"))
            pulse.minPulse = .milliseconds(20)
            configuration.pulses.append(pulse)
        }
        self.truth = truth
        configuration.meters = [Configuration.Meter(name: "grid", title: "Grid meter", port: "virtual")]
        // Half as many readings as back to back, to shorten the simulation of a day.
        configuration.meters[0].every = .seconds(1)
        configuration.mqtt = Configuration.MQTT()
    }

    /// Home Assistant must have no complaints in any simulation.
    deinit {
        for complaint in broker.homeAssistant.complaints { complain(complaint) }
    }

    /// The meter's LED as a pulse input, with pulses at the given times.
    package func addLight(_ blinks: [Instant]) {
        var edges = blinks.flatMap { [Edge(.falling, at: $0), Edge(.rising, at: $0 + .milliseconds(40))] }[...]
        pulseLines.add("light") { edges.popFirst() }
        var pulse = Configuration.Pulse(name: "light", title: "Light", line: .name("GPIO22"))
        pulse.of = "grid"
        configuration.pulses.append(pulse)
    }

    /// The pulses that a counter could have seen completely by now; the newest may still be in progress.
    package func pulses(_ name: String) -> Int64 { truth[name]?.meter.pulses ?? 0 }

    package func start() {
        let (stop, stopping) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        self.stopping = stopping
        isRunning = true
        let surroundings = Surroundings(
            executor: loop, clock: loop, log: log, port: { [line] _ in line },
            lines: { [pulseLines] in pulseLines.wired(to: $0) }, journal: NoPulseJournal(), broker: broker, store: store,
            memory: memory, announcements: announcements,
            restart: { [self] in restarts += 1 })
        Task(executorPreference: loop) { [configuration] in
            let daemon = await Daemon(configuration, surroundings)
            self.daemon = daemon
            await daemon.run(until: stop)
            self.isRunning = false
        }
    }

    package func run(for duration: Duration) { loop.run(until: loop.now + duration) }

    /// Asks the daemon to stop, and gives it ten seconds.
    package func stop() {
        stopping?.finish()
        run(for: .seconds(10))
    }

    /// The daemon's answer to `jouled total`; `nil` if there is none in that time.
    package func answer(to line: String, within patience: Duration = .milliseconds(10)) -> String? {
        reply = nil
        Task(executorPreference: loop) { self.reply = await self.daemon?.answer(line) }
        run(for: patience)
        return reply
    }

    /// The retained value of `jouled/<topic>`.
    package func value(_ topic: String) -> String? { broker.retained["jouled/" + topic] }

    /// All published messages and log lines, in order.
    package var transcript: [String] {
        broker.published.map { "\($0.at.nanoseconds) \($0.message.topic) \($0.message.payload)" } + log.lines
    }
}

private func + (wall: WallTime, duration: Duration) -> WallTime {
    WallTime(millisecondsSince1970: wall.millisecondsSince1970 + duration.nanoseconds / 1_000_000)
}
