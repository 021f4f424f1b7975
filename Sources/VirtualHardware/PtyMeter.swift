import MeterDaemon
import MeterProtocols
import Metering
import VirtualMeters

/// A virtual meter on a pseudo-terminal, at the pace of a real one: bytes take time in both directions, arrive in chunks as from a USB
/// adapter, and are garbage if the program's speed differs from the meter's.
package actor PtyMeter<Meter: VirtualMeter> {
    /// Bytes sent at one speed, the last of which ends at `at`.
    private struct Portion {
        var bytes: [UInt8]
        var speed: BaudRate
        var at: Instant
    }

    private nonisolated let executor: any SerialExecutor
    private let clock: any Clockwork
    private nonisolated let terminal: any SerialTerminal
    private var meter: Meter
    private var outgoing: [Portion] = []
    private var incoming: [Portion] = []
    /// The program's speed when the first byte of `incoming` began. If the speed changes before the last bit has been sent, the rest is
    /// corrupted.
    private var programSpeed: BaudRate?

    /// The path of the port that a program opens.
    package nonisolated var path: String { terminal.path }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// How long a USB adapter buffers bytes.
    private static var latency: Duration { .milliseconds(16) }
    /// The maximum number of bytes buffered here; further ones wait in the kernel.
    private static var longestQueue: Int { 1024 }

    package init(_ meter: Meter, on terminal: any SerialTerminal, executor: any SerialExecutor, clock: any Clockwork) {
        self.meter = meter
        self.terminal = terminal
        self.executor = executor
        self.clock = clock
    }

    /// Runs the meter once, until the task is cancelled; afterwards the port disappears as if it had been unplugged.
    package func run() async {
        while true {
            let deadlines = [meter.nextDeadline, incoming.first?.at, outgoing.first?.at].compactMap { $0 }
            switch await terminal.wait(forBytes: incoming.count < Self.longestQueue, until: deadlines.min()) {
            case .readable: listen()
            case .timedOut: break
            case .cancelled: return terminal.close()
            }
            let now = clock.now
            hear(until: now)
            send(meter.advance(to: now))
            speak(until: now)
        }
    }

    /// Reads or changes the meter.
    package func with<Result: Sendable>(_ body: @Sendable (inout Meter) -> Result) -> Result { body(&meter) }

    /// Reads the bytes that the program has written to its port. The port begins to send them now.
    private func listen() {
        let bytes = terminal.read()
        guard let speed = terminal.speed else { return }
        if incoming.isEmpty { programSpeed = speed }
        incoming += portions(bytes, speed, start: max(clock.now, incoming.last?.at ?? clock.now))
    }

    private func hear(until now: Instant) {
        let through = incoming.prefix { $0.at <= now }
        guard !through.isEmpty else { return }
        incoming.removeFirst(through.count)
        for portion in through { send(meter.received(portion.bytes, at: portion.at, lineSpeed: programSpeed ?? portion.speed)) }
        programSpeed = terminal.speed
    }

    private func send(_ emissions: [Emission]) {
        guard !emissions.isEmpty else { return }
        for emission in emissions { outgoing += portions(emission.bytes, emission.speed, start: emission.start) }
        outgoing.sort { $0.at < $1.at }
    }

    private func speak(until now: Instant) {
        let through = outgoing.prefix { $0.at <= now }
        guard !through.isEmpty else { return }
        outgoing.removeFirst(through.count)
        guard let speed = terminal.speed else { return }
        terminal.write(through.flatMap { heard($0.bytes, sentAt: $0.speed, heardAt: speed) })
    }

    private func portions(_ bytes: [UInt8], _ speed: BaudRate, start: Instant) -> [Portion] {
        let line = LineSettings(speed)
        let size = max(1, Int(Self.latency.nanoseconds / line.duration(of: 1).nanoseconds))
        return stride(from: 0, to: bytes.count, by: size).map { first in
            let end = min(first + size, bytes.count)
            return Portion(bytes: Array(bytes[first..<end]), speed: speed, at: start + line.duration(of: end))
        }
    }
}
