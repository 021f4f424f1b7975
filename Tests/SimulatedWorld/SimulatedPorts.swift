import Configuration
import HomeAssistant
import MeterDaemon
import MeterProtocols
import Metering
import Publishing

/// Pulse lines whose edges are functions of time, and which can be unplugged.
///
/// Runs on the loop like its caller, so that no event needs an executor switch.
package actor SimulatedPulseLines: PulseLines {
    private enum Event {
        case edges([Edge], of: Int)
        case gone(Int)
    }

    /// SAFETY: only used on the simulation's one thread.
    private final class Line: @unchecked Sendable {
        let name: String
        let nextEdge: () -> Edge?
        var upcoming: Edge?
        var isThere = true
        /// Its index in the configuration while it is open.
        var place: Int?

        init(_ name: String, _ nextEdge: @escaping () -> Edge?) {
            self.name = name
            self.nextEdge = nextEdge
        }
    }

    private nonisolated let loop: SimulatedLoop
    private nonisolated let inbox: Inbox<Event>
    // SAFETY: only used on the simulation's one thread.
    private nonisolated(unsafe) var lines: [Line] = []
    private nonisolated(unsafe) var wanted: [String] = []

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    package init(_ loop: SimulatedLoop) {
        self.loop = loop
        inbox = Inbox(loop)
    }

    package nonisolated func add(_ name: String, _ nextEdge: @escaping () -> Edge?) {
        let line = Line(name, nextEdge)
        lines.append(line)
        schedule(line)
    }

    package nonisolated func wired(to pulses: [Configuration.Pulse]) -> SimulatedPulseLines {
        wanted = pulses.map(\.name)
        return self
    }

    package nonisolated func pull(_ name: String, isThere: Bool) {
        for line in lines where line.name == name {
            line.isThere = isThere
            guard !isThere, let place = line.place else { continue }
            line.place = nil
            inbox.push(.gone(place))
        }
    }

    /// Edges within a millisecond are delivered together, as when a process is woken.
    private nonisolated func schedule(_ line: Line) {
        guard let first = line.upcoming ?? line.nextEdge() else { return }
        var edges = [first]
        line.upcoming = line.nextEdge()
        while let edge = line.upcoming, edge.at - first.at < .milliseconds(1) {
            edges.append(edge)
            line.upcoming = line.nextEdge()
        }
        loop.at(edges[edges.count - 1].at) { [edges] in
            if line.isThere, let place = line.place { self.inbox.push(.edges(edges, of: place)) }
            self.schedule(line)
        }
    }

    package func run(_ counter: PulseCounter) async {
        var counter = counter
        while true {
            if let due = counter.opensAt, due <= loop.now { counter.opened(open(), loop.now) }
            switch await inbox.next(until: counter.deadline == .distantFuture ? nil : counter.deadline) {
            case .event(.edges(let edges, let place)):
                for edge in edges { counter.push(edge, of: place) }
            case .event(.gone(let place)): counter.lost([place], PortError("the GPIO chip is gone"), loop.now)
            case .timedOut: break
            case .cancelled:
                for line in lines { line.place = nil }
                return counter.finish(loop.now)
            }
            counter.settle(loop.now)
        }
    }

    private func open() -> [LineOpening] {
        wanted.enumerated().compactMap { place, name in
            guard let line = lines.first(where: { $0.name == name }), line.isThere else {
                return LineOpening(line: place, result: .failure(PortError("no GPIO line is called GPIO17")))
            }
            guard line.place == nil else { return nil }
            line.place = place
            return LineOpening(
                line: place, result: .success(OpenLine(request: 1, beginning: .new(activeSince: nil), isDebounced: false)))
        }
    }
}

/// A broker that keeps every published message with its time, and can be unavailable.
///
/// Runs on the loop like its caller, so that no message needs an executor switch.
package actor SimulatedBroker: MessageBroker {
    package struct Published: Equatable {
        package var at: Instant
        package var message: MQTTMessage
    }

    private nonisolated let loop: SimulatedLoop
    // SAFETY: all these are only used on the simulation's one thread.
    private nonisolated(unsafe) var continuation: AsyncStream<BrokerEvent>.Continuation?
    package private(set) nonisolated(unsafe) var published: [Published] = []
    /// Receives the announcements only; the values are too many.
    package private(set) nonisolated(unsafe) var homeAssistant = HomeAssistantModel()
    package nonisolated(unsafe) var retained: [String: String] = [:]
    /// Topics that nobody may read, and the delay of retained messages.
    package nonisolated(unsafe) var secrets: Set<String> = []
    package nonisolated(unsafe) var delay = Duration.milliseconds(5)
    private nonisolated(unsafe) var subscriptions: Set<String> = []
    package nonisolated(unsafe) var isThere = true {
        didSet {
            guard oldValue != isThere else { return }
            if !isThere { retained["jouled/status"] = "offline" }
            subscriptions = []
            continuation?.yield(isThere ? .connected : .disconnected(reason: "connection refused"))
        }
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    package init(_ loop: SimulatedLoop) { self.loop = loop }

    package func connect() -> AsyncStream<BrokerEvent> {
        let (stream, continuation) = AsyncStream.makeStream(of: BrokerEvent.self, bufferingPolicy: .bufferingNewest(1024))
        self.continuation = continuation
        continuation.yield(isThere ? .connected : .disconnected(reason: "connection refused"))
        return stream
    }

    package func publish(_ message: MQTTMessage) {
        guard isThere else { return }
        published.append(Published(at: loop.now, message: message))
        if message.topic.hasPrefix("homeassistant/") {
            homeAssistant.receive(message.topic, message.payload, isRetained: message.retain)
        }
        if message.retain { retained[message.topic] = message.payload }
        if subscriptions.contains(message.topic) { send(message.topic, message.payload) }
    }

    /// Continues with the other's retained messages and Home Assistant, after a restart of the daemon.
    package nonisolated func inherit(_ broker: SimulatedBroker) {
        retained = broker.retained
        homeAssistant = broker.homeAssistant
    }

    package func subscribe(_ topic: String) {
        // Like mosquitto: it grants the subscription but then sends nothing.
        guard isThere, !secrets.contains(topic) else { return }
        subscriptions.insert(topic)
        loop.at(loop.now + delay) {
            guard self.isThere, self.subscriptions.contains(topic), let payload = self.retained[topic], !payload.isEmpty else { return }
            self.send(topic, payload, retained: true)
        }
    }

    package func unsubscribe(_ topic: String) { subscriptions.remove(topic) }

    package nonisolated func send(_ topic: String, _ payload: String, retained: Bool = false) {
        continuation?.yield(.received(topic: topic, payload: Array(payload.utf8), retained: retained))
    }

    package func disconnect(within seconds: Int) { continuation?.finish() }
}

/// SAFETY: only used on the simulation's one thread.
package final class SimulatedStore: TotalStore, @unchecked Sendable {
    package var totals: [String: StoredTotal] = [:]
    package var failure: PortError?
    /// The disk's delay.
    package var pause: (@Sendable () async -> Void)?
    package private(set) var saves = 0

    package init() {}

    package func load(_ meter: String) async -> StoredTotal { totals[meter] ?? .new }

    package func save(_ meter: String, _ total: PulseTotal) async throws(PortError) {
        await pause?()
        if let failure { throw failure }
        saves += 1
        totals[meter] = .total(total)
    }
}

/// SAFETY: only used on the simulation's one thread.
package final class SimulatedMemory: MeterMemoryStore, @unchecked Sendable {
    package var memories: [String: MeterMemory] = [:]
    /// The notes in RAM.
    package var notes: [String: MeterMemory] = [:]
    package var failure: PortError?
    package var pause: (@Sendable () async -> Void)?
    package private(set) var saves = 0

    package init() {}

    package func recall(_ meter: String) async -> MeterMemory { memories[meter].map { notes[meter] ?? $0 } ?? MeterMemory() }

    package func note(_ meter: String, _ memory: MeterMemory) { notes[meter] = memory }

    package func remember(_ meter: String, _ memory: MeterMemory) async throws(PortError) {
        await pause?()
        if let failure { throw failure }
        saves += 1
        memories[meter] = memory
    }
}

/// SAFETY: only used on the simulation's one thread.
package final class SimulatedAnnouncements: AnnouncementStore, @unchecked Sendable {
    package var announcements: [Announcement] = []
    package var failure: PortError?
    package private(set) var saves = 0

    package init() {}

    package func load() async throws(PortError) -> [Announcement] {
        if let failure { throw failure }
        return announcements
    }

    package func save(_ announcements: [Announcement]) async throws(PortError) {
        if let failure { throw failure }
        saves += 1
        self.announcements = announcements
    }
}

/// SAFETY: only used on the simulation's one thread.
package final class SimulatedLog: Log, @unchecked Sendable {
    package private(set) var lines: [String] = []
    package init() {}

    package func write(_ level: LogLevel, _ message: String) { lines.append(message) }
}
