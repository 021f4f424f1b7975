import CMosquitto
import Configuration
import Glibc
import MeterDaemon
import Metering
import Publishing
import Synchronization

/// The MQTT broker, through libmosquitto on a thread of its own. Only that thread may block.
///
/// It calls `mosquitto_loop` itself instead of `mosquitto_loop_start`, whose thread ends for good on an untrusted certificate, never starts
/// when the first connection is refused, and after a reconnect sends queued messages that are older than the current state. Here each
/// connection is a new client, so nothing is carried over.
package final class MosquittoBroker: MessageBroker {
    /// More messages than the largest configuration publishes at once. If so many are unacknowledged, the broker can't keep up.
    private static let mostPending = 8192
    private static let mostEvents = 1024

    private struct State {
        var connection: MosquittoConnection?
        var isAccepted = false
        var isStopping = false
    }

    private let settings: Configuration.MQTT
    private let will: MQTTMessage?
    private let loop: EventLoop
    private let events: AsyncStream<BrokerEvent>.Continuation
    private let stream: AsyncStream<BrokerEvent>
    /// Wakes `disconnect` when a message has been settled or the thread has ended.
    private let bell = EventBell.required()
    /// Ends the thread's pause between two connections.
    private let alarm = EventBell.required()
    private let state = Guarded(State())
    private let pending = Atomic(0)
    private let isAwaited = Atomic(false)
    private let hasEnded = Atomic(false)
    /// Beats with each turn of the thread.
    package let heartbeat = Heartbeat()

    package init(_ settings: Configuration.MQTT, will: MQTTMessage?, loop: EventLoop) {
        self.settings = settings
        self.will = will
        self.loop = loop
        // Only a flood of commands can overflow the buffer. The newest commands are kept, because they override the older ones.
        (stream, events) = AsyncStream.makeStream(of: BrokerEvent.self, bufferingPolicy: .bufferingNewest(Self.mostEvents))
    }

    // MARK: From any thread

    /// May be called once. The thread runs until `disconnect`.
    package func connect() -> AsyncStream<BrokerEvent> {
        startThread(named: "mqtt") { self.run() }
        return stream
    }

    package func publish(_ message: MQTTMessage) {
        whileConnected { connection in
            // The publisher relies on every message being delivered. So instead of dropping one message, end the connection: everything is
            // published again on the next one.
            guard pending.load(ordering: .relaxed) < Self.mostPending else {
                return connection.giveUp("the broker does not keep up: \(Self.mostPending) messages are not acknowledged")
            }
            pending.add(1, ordering: .relaxed)
            if !connection.publish(message) { settled() }
        }
    }

    package func subscribe(_ topic: String) { whileConnected { $0.subscribe(topic) } }

    package func unsubscribe(_ topic: String) { whileConnected { $0.unsubscribe(topic) } }

    package func disconnect(within seconds: Int) async {
        let deadline = loop.now + .seconds(seconds)
        isAwaited.store(true, ordering: .sequentiallyConsistent)
        await wait(until: deadline) { pending.load(ordering: .sequentiallyConsistent) <= 0 }
        state.withLock { state in
            state.isStopping = true
            state.connection?.disconnect()
        }
        alarm.ring()
        await wait(until: deadline) { false }
    }

    /// Waits until the condition holds, the thread has ended, or the deadline has passed.
    private func wait(until deadline: Instant, for condition: () -> Bool) async {
        while !condition(), !hasEnded.load(ordering: .sequentiallyConsistent) {
            guard await loop.wait(readable: bell.descriptor, until: deadline) == .ready else { return }
            bell.silence()
        }
    }

    private func whileConnected(_ use: (MosquittoConnection) -> Void) {
        state.withLock { state in
            if state.isAccepted, let connection = state.connection { use(connection) }
        }
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }

    // MARK: The thread

    private func run() {
        var policy = ReconnectPolicy(settings)
        while !isStopping {
            heartbeat.beat()
            var acceptedAt: Instant?
            let failure = runConnection(policy.version) {
                acceptedAt = Instant.now
                if let remark = policy.connected() { tell(.remark(remark)) }
            }
            guard !isStopping else { break }
            let step = policy.ended(failure, after: acceptedAt.map { Instant.now - $0 })
            if let report = step.report { tell(.disconnected(reason: report)) }
            if let pause = step.pause { wait(seconds: pause) }
        }
        hasEnded.store(true, ordering: .sequentiallyConsistent)
        events.finish()
        bell.ring()
    }

    /// Runs one connection until it ends, and returns the reason.
    private func runConnection(_ version: Configuration.MQTT.ProtocolVersion, accepted: () -> Void) -> MosquittoFailure {
        pending.store(0, ordering: .relaxed)
        guard let connection = MosquittoConnection(settings, version, self) else {
            return MosquittoFailure(result: MOSQ_ERR_NOMEM.rawValue, code: errno)
        }
        defer {
            state.withLock { ($0.connection, $0.isAccepted) = (nil, false) }
            // Destroyed here, not under the lock: closing it takes time.
            withExtendedLifetime(connection) {}
        }
        if let failure = connection.configure(will: will) { return failure }
        state.withLock { $0.connection = connection }
        return connection.run { [self] in
            heartbeat.beat()
            return isStopping
        } accepted: {
            state.withLock { $0.isAccepted = true }
            tell(.connected)
            accepted()
        }
    }

    private func wait(seconds: Int32) {
        var waiting = pollfd(fd: alarm.descriptor, events: Int16(POLLIN), revents: 0)
        poll(&waiting, 1, seconds * 1000)
    }

    // MARK: From the connection

    /// Called when a message has been acknowledged, or can no longer be.
    func settled() {
        guard pending.subtract(1, ordering: .sequentiallyConsistent).newValue <= 0 else { return }
        if isAwaited.load(ordering: .sequentiallyConsistent) { bell.ring() }
    }

    /// Adds an event to the stream. If a flood of commands overflows the buffer, the connection's own events must not be dropped.
    func tell(_ event: BrokerEvent) {
        var next = event
        for _ in 0..<Self.mostEvents {
            guard case .dropped(let old) = events.yield(next) else { return }
            if case .received = old { return }
            next = old
        }
    }
}
