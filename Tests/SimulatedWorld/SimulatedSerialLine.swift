import MeterDaemon
import MeterProtocols
import Metering
import VirtualMeters

/// A serial adapter with a virtual meter in front of its head. Characters take their transmission time, arrive in chunks as from a USB adapter,
/// and are garbage if the speeds differ. It can be unplugged and plugged in again.
///
/// SAFETY: only used on the simulation's one thread.
package final class SimulatedSerialLine: SerialPort, @unchecked Sendable {
    /// The latency timer of the usual USB adapters.
    private static let chunk = Duration.milliseconds(16)

    private let loop: SimulatedLoop
    package private(set) var meter: any VirtualMeter
    private var inbox: Inbox<PortEvent>?
    private var speed = BaudRate.b9600
    private var advance: MovableDeadline?
    /// The adapter's output, in order.
    private var portions: [Portion] = []
    private var arrival: MovableDeadline?
    package private(set) var opened = 0
    package private(set) var bytesSent = 0
    package private(set) var signOns = 0

    package var isPlugged = true {
        didSet { if !isPlugged { inbox?.push(.closed(PortError("the adapter is gone"))) } }
    }

    package init(_ loop: SimulatedLoop, meter: any VirtualMeter) {
        self.loop = loop
        self.meter = meter
        advance = MovableDeadline(loop) { [weak self] in
            if let self { deliver(self.meter.advance(to: loop.now)) }
        }
        advance?.move(to: meter.nextDeadline)
        arrival = MovableDeadline(loop) { [weak self] in self?.arrive() }
    }

    private struct Portion {
        var at: Instant
        var bytes: [UInt8]
        var speed: BaudRate
    }

    package func open(_ settings: LineSettings) async throws(PortError) -> any SerialConnection {
        guard isPlugged else { throw PortError("the adapter is not there") }
        opened += 1
        speed = settings.speed
        let inbox = Inbox<PortEvent>(loop)
        self.inbox = inbox
        return Connection(line: self, inbox: inbox)
    }

    private func send(_ bytes: [UInt8]) {
        bytesSent += bytes.count
        if bytes.starts(with: "/?".utf8) { signOns += 1 }
        let speed = speed
        loop.at(loop.now + LineSettings(speed).duration(of: bytes.count)) {
            guard self.isPlugged else { return }
            self.deliver(self.meter.received(bytes, at: self.loop.now, lineSpeed: speed))
        }
    }

    private func deliver(_ emissions: [Emission]) {
        for emission in emissions {
            let perChunk = max(1, Int(Self.chunk.nanoseconds / LineSettings(emission.speed).duration(of: 1).nanoseconds))
            var from = 0
            while from < emission.bytes.count {
                let end = min(from + perChunk, emission.bytes.count)
                let portion = Portion(
                    at: emission.completion(of: end - 1), bytes: Array(emission.bytes[from..<end]), speed: emission.speed)
                let place = portions.lastIndex { $0.at <= portion.at }.map { $0 + 1 } ?? 0
                portions.insert(portion, at: place)
                from = end
            }
        }
        arrival?.move(to: portions.first?.at)
        advance?.move(to: meter.nextDeadline)
    }

    private func arrive() {
        while let portion = portions.first, portion.at <= loop.now {
            portions.removeFirst()
            let heard = heard(portion.bytes, sentAt: portion.speed, heardAt: speed)
            if isPlugged, !heard.isEmpty { inbox?.push(.received(heard, at: loop.now)) }
        }
        arrival?.move(to: portions.first?.at)
    }

    /// Runs on the loop like its caller, so that no event needs an executor switch.
    private actor Connection: SerialConnection {
        private nonisolated let line: SimulatedSerialLine
        private nonisolated let inbox: Inbox<PortEvent>

        nonisolated var unownedExecutor: UnownedSerialExecutor { line.loop.asUnownedSerialExecutor() }

        init(line: SimulatedSerialLine, inbox: Inbox<PortEvent>) {
            self.line = line
            self.inbox = inbox
        }

        func send(_ bytes: [UInt8]) throws(PortError) {
            guard line.isPlugged else { throw PortError("the adapter is gone") }
            line.send(bytes)
        }

        func apply(_ settings: LineSettings) throws(PortError) {
            guard line.isPlugged else { throw PortError("the adapter is gone") }
            line.speed = settings.speed
        }

        func next(until deadline: Instant?) async -> PortEvent {
            // Same as `Inbox.next`, but without two executor switches: this is the most frequent operation of the simulation.
            while true {
                if let event = inbox.take() {
                    if Task.isCancelled { return .closed(.cancelled) }
                    if case .received(let bytes, let at) = event { return gathered(bytes, at) }
                    return event
                }
                inbox.begin()
                let end = await withTaskCancellationHandler {
                    // SAFETY: `wait` keeps it, and resumes it once.
                    await withUnsafeContinuation { inbox.wait($0, until: deadline, isOnActor: true) }
                } onCancel: {
                    inbox.cancel()
                }
                switch end {
                case .event: continue
                case .timedOut: return .timedOut
                case .cancelled: return .closed(.cancelled)
                }
            }
        }

        /// Returns all pending bytes at once, as from a kernel's buffer.
        private func gathered(_ bytes: [UInt8], _ at: Instant) -> PortEvent {
            var (bytes, at) = (bytes, at)
            while case .received(let more, let last)? = inbox.take(if: { if case .received = $0 { true } else { false } }) {
                bytes += more
                at = last
            }
            return .received(bytes, at: at)
        }

        func close() { if line.inbox === inbox { line.inbox = nil } }
    }
}
