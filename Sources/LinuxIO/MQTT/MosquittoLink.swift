import CLinux
import CMosquitto
import Configuration
import Glibc
import MeterDaemon
import Metering
import Publishing
import Synchronization

/// A thread that keeps one connection to a broker, for ever.
///
/// It drives libmosquitto itself instead of `mosquitto_loop_start`: that thread ends for good on a certificate it does not trust, never
/// begins when the first connection is refused, and sends after a reconnect what was left of before, older than what is known by now.
/// Here each connection is a new client, so nothing survives it. Looking up a name and connecting may block this thread only.
final class MosquittoLink: Sendable {
    /// The broker publishes the will of who is silent for one and a half of it. libmosquitto asks a silent broker after one, and gives it
    /// up after another.
    private static let keepalive: Int32 = 20
    /// More than all that the largest configuration publishes at once. With so many unacknowledged, the broker does not keep up.
    private static let mostPending = 8192
    /// A broker that speaks MQTT 5 keeps longer packets to itself.
    private static let longestPacket = 65_536
    /// No valid command is nearly as long. Longer payloads are truncated, and refused by their reader.
    private static let longestPayload = 256
    private static let mostEvents = 1024
    private static let library: Void = { _ = mosquitto_lib_init() }()

    // SAFETY: libmosquitto's functions may be called from any thread; `State` sees to it that none is called after `mosquitto_destroy`.
    private struct Client: @unchecked Sendable { let pointer: OpaquePointer }

    private struct State {
        var client: Client?
        var isConnected = false
        var isStopping = false
    }

    /// What the library's callbacks said since the connection began.
    private struct Notes {
        var answer: Int32?
        var farewell: Int32?
        var complaint: String?
        /// Why this side ends the connection.
        var verdict: String?
        /// A message was refused, which is said once.
        var hasRefusal = false
        /// A whole packet has come since this was looked at last.
        var hasPacket = false
    }

    private let settings: Configuration.MQTT
    private let will: MQTTMessage?
    private let events: AsyncStream<BrokerEvent>.Continuation
    private let stream: AsyncStream<BrokerEvent>
    /// Rings for whoever waits for the end.
    let bell = EventBell.required()
    /// Ends the thread's pause.
    private let alarm = EventBell.required()
    private let state = Mutex(State())
    private let notes = Mutex(Notes())
    private let pending = Atomic(0)
    private let isAwaited = Atomic(false)
    private let ended = Atomic(false)
    /// Of each turn of the thread.
    let heartbeat = Heartbeat()
    /// libmosquitto speaks MQTT 5 to begin with, unless told otherwise or refused.
    private let speaksOld: Atomic<Bool>

    init(_ settings: Configuration.MQTT, will: MQTTMessage?) {
        _ = Self.library
        self.settings = settings
        self.will = will
        speaksOld = Atomic(settings.version == .v311)
        // An overflow is a flood of commands: the newest say what is wanted.
        (stream, events) = AsyncStream.makeStream(of: BrokerEvent.self, bufferingPolicy: .bufferingNewest(Self.mostEvents))
    }

    // MARK: From any thread

    func start() -> AsyncStream<BrokerEvent> {
        startThread(named: "mqtt") { self.run() }
        return stream
    }

    func publish(_ message: MQTTMessage) {
        whileConnected { client in
            // The publisher counts on every message being delivered. A dropped one is published again on the next connection, as everything is.
            guard pending.load(ordering: .relaxed) < Self.mostPending else {
                return giveUp(client, "the broker does not keep up: \(Self.mostPending) messages are not acknowledged")
            }
            pending.add(1, ordering: .relaxed)
            var payload = message.payload
            // Only MQTT 5 has properties.
            var properties: OpaquePointer?
            defer { mosquitto_property_free_all(&properties) }
            if let seconds = message.expiresAfter, !speaksOld.load(ordering: .relaxed) {
                mosquitto_property_add_int32(&properties, Int32(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.rawValue), UInt32(clamping: seconds))
            }
            let result = payload.withUTF8 { bytes in
                mosquitto_publish_v5(
                    client, nil, message.topic, Int32(bytes.count), bytes.baseAddress, Int32(message.qos), message.retain, properties)
            }
            guard result != MOSQ_ERR_SUCCESS.rawValue else { return }
            settled()
            if Self.isFinal(result) {
                refused("\(message.topic) can't be published: \(String(cString: mosquitto_strerror(result)).lowercased())")
            } else {
                giveUp(client, result == MOSQ_ERR_NOMEM.rawValue ? "out of memory" : nil)
            }
        }
    }

    /// The next connection would not take it either.
    private static func isFinal(_ result: Int32) -> Bool {
        let final = [
            MOSQ_ERR_OVERSIZE_PACKET, MOSQ_ERR_PAYLOAD_SIZE, MOSQ_ERR_MALFORMED_UTF8, MOSQ_ERR_INVAL, MOSQ_ERR_QOS_NOT_SUPPORTED,
            MOSQ_ERR_NOT_SUPPORTED,
        ]
        return final.contains { $0.rawValue == result }
    }

    /// Said once per connection: the next ones are refused for the same reason.
    private func refused(_ remark: String) {
        let isFirst = notes.withLock { notes in
            defer { notes.hasRefusal = true }
            return !notes.hasRefusal
        }
        if isFirst { tell(.remark(remark)) }
    }

    /// Ends the connection as if the network had: at once, though the broker may read nothing, and with the will.
    private func giveUp(_ client: OpaquePointer, _ verdict: String?) {
        notes.withLock { $0.verdict = $0.verdict ?? verdict }
        shutdown(mosquitto_socket(client), Int32(SHUT_RDWR))
    }

    func subscribe(_ topic: String) { whileConnected { mosquitto_subscribe($0, nil, topic, 1) } }

    func unsubscribe(_ topic: String) { whileConnected { mosquitto_unsubscribe($0, nil, topic) } }

    var hasDelivered: Bool { pending.load(ordering: .sequentiallyConsistent) <= 0 || hasEnded }
    var hasEnded: Bool { ended.load(ordering: .sequentiallyConsistent) }

    /// From now on the bell rings.
    func expectEnd() { isAwaited.store(true, ordering: .sequentiallyConsistent) }

    func stop() {
        state.withLock { state in
            state.isStopping = true
            if let client = state.client { mosquitto_disconnect(client.pointer) }
        }
        alarm.ring()
    }

    private func whileConnected(_ use: (OpaquePointer) -> Void) {
        state.withLock { state in
            if state.isConnected, let client = state.client { use(client.pointer) }
        }
    }

    private func settled() {
        guard pending.subtract(1, ordering: .sequentiallyConsistent).newValue <= 0 else { return }
        if isAwaited.load(ordering: .sequentiallyConsistent) { bell.ring() }
    }

    // MARK: The thread

    private func run() {
        var reported: String?
        var saysVersion = settings.version == .auto
        var backOff = ConnectionBackOff()
        while !isStopping {
            heartbeat.beat()
            var connectedAt: Instant?
            let reason = connection {
                connectedAt = Instant.now
                guard saysVersion, speaksOld.load(ordering: .relaxed) else { return }
                saysVersion = false
                tell(.remark("the broker speaks MQTT 3.1.1 only: it keeps power that is not true any more"))
            }
            if connectedAt != nil { reported = nil }
            guard !isStopping else { break }
            if settings.version == .auto, connectedAt == nil, chooseVersion(after: reason) { continue }
            let seconds = backOff.pause(after: connectedAt.map { Instant.now - $0 }, wasTakenOver: reason.wasTakenOver)
            let words = reason.words(for: settings, shortConnections: backOff.shortConnections)
            if words != reported {
                tell(.disconnected(reason: words))
                reported = words
            }
            pause(seconds: seconds)
        }
        ended.store(true, ordering: .sequentiallyConsistent)
        events.finish()
        bell.ring()
    }

    /// An overflow, which is a flood of commands, must not wash away that the connection came or went.
    private func tell(_ event: BrokerEvent) {
        var next = event
        for _ in 0..<Self.mostEvents {
            guard case .dropped(let old) = events.yield(next) else { return }
            if case .received = old { return }
            next = old
        }
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Says whether the other version is to be tried at once.
    private func chooseVersion(after failure: MosquittoFailure) -> Bool {
        // Some brokers do not refuse what they do not speak, they close: then by turns.
        if failure.isUnanswered { speaksOld.store(!speaksOld.load(ordering: .relaxed), ordering: .relaxed) }
        guard failure.isUnsupportedVersion else { return false }
        return !speaksOld.exchange(true, ordering: .relaxed)
    }

    private func pause(seconds: Int32) {
        var waiting = pollfd(fd: alarm.descriptor, events: Int16(POLLIN), revents: 0)
        poll(&waiting, 1, seconds * 1000)
    }

    /// One connection from beginning to end; says how it ended.
    private func connection(established: () -> Void) -> MosquittoFailure {
        notes.withLock { $0 = Notes() }
        pending.store(0, ordering: .relaxed)
        // SAFETY: the callbacks come while this thread, which holds a reference, is in here; the client is destroyed before it leaves.
        guard let client = mosquitto_new(settings.clientID, true, Unmanaged.passUnretained(self).toOpaque()) else {
            return MosquittoFailure(result: MOSQ_ERR_NOMEM.rawValue, code: errno)
        }
        let shared = Client(pointer: client)
        defer {
            state.withLock { state in
                state.client = nil
                state.isConnected = false
            }
            mosquitto_destroy(client)
        }
        var result = configure(client)
        guard result == MOSQ_ERR_SUCCESS.rawValue else { return failure(result, errno, isSetup: true) }
        state.withLock { $0.client = shared }
        result = connect(client)
        var code = errno
        if isStopping { return failure(result, code) }
        var isConnected = false
        var wholeUntil: Int64 = 0
        while result == MOSQ_ERR_SUCCESS.rawValue {
            result = mosquitto_loop(client, Self.keepalive * 1000, 1)
            code = errno
            heartbeat.beat()
            if isTooLong(client, &wholeUntil) { break }
            // Not in the callback itself: the library is not done with the answer then.
            guard !isConnected, notes.withLock({ $0.answer }) == 0 else { continue }
            isConnected = true
            state.withLock { $0.isConnected = true }
            tell(.connected)
            established()
        }
        return failure(result, code)
    }

    private func connect(_ client: OpaquePointer) -> Int32 {
        // Only MQTT 5 has properties.
        var properties: OpaquePointer?
        defer { mosquitto_property_free_all(&properties) }
        if !speaksOld.load(ordering: .relaxed) {
            mosquitto_property_add_int32(&properties, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue), UInt32(Self.longestPacket))
        }
        return mosquitto_connect_bind_v5(client, settings.host, Int32(clamping: settings.port), Self.keepalive, nil, properties)
    }

    /// Before MQTT 5 nobody can be told what is too long, and the library takes up to 256 MB, twice. So what came in is counted: a packet
    /// that has no end by now is not waited for.
    private func isTooLong(_ client: OpaquePointer, _ wholeUntil: inout Int64) -> Bool {
        let taken = clinux_taken(mosquitto_socket(client))
        return notes.withLock { notes in
            if notes.hasPacket {
                notes.hasPacket = false
                wholeUntil = taken
            } else if taken - wholeUntil > Self.longestPacket * 2 {
                notes.verdict = notes.verdict ?? Self.tooLong
            }
            return notes.verdict != nil
        }
    }

    private static let tooLong =
        "a message of more than \(longestPacket / 1024) kB came, which is not taken: find out who publishes that to jouled's topics"

    private func failure(_ result: Int32, _ code: Int32, isSetup: Bool = false) -> MosquittoFailure {
        notes.withLock { notes in
            MosquittoFailure(
                result: result, code: code, answer: notes.answer, farewell: notes.farewell, complaint: notes.complaint,
                verdict: notes.verdict, isSetup: isSetup)
        }
    }

    private func configure(_ client: OpaquePointer) -> Int32 {
        mosquitto_threaded_set(client, true)
        mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, speaksOld.load(ordering: .relaxed) ? MQTT_PROTOCOL_V311 : MQTT_PROTOCOL_V5)
        // A telegram becomes several small packets: Nagle's algorithm would hold all but the first for a round trip.
        mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1)
        setCallbacks(client)
        var result = MOSQ_ERR_SUCCESS.rawValue
        if let will {
            var payload = will.payload
            result = payload.withUTF8 {
                mosquitto_will_set(client, will.topic, Int32($0.count), $0.baseAddress, Int32(will.qos), will.retain)
            }
        }
        if result == MOSQ_ERR_SUCCESS.rawValue, settings.username != nil {
            result = mosquitto_username_pw_set(client, settings.username, settings.password)
        }
        if result == MOSQ_ERR_SUCCESS.rawValue, settings.usesTLS {
            let system = settings.caFile == nil ? "/etc/ssl/certs" : nil
            result = mosquitto_tls_set(client, settings.caFile, system, settings.certFile, settings.keyFile, nil)
        }
        return result
    }

    private func setCallbacks(_ client: OpaquePointer) {
        mosquitto_connect_callback_set(client) { _, link, code in
            MosquittoLink.of(link)?.notes.withLock { $0.answer = code }
        }
        mosquitto_disconnect_callback_set(client) { _, link, code in
            // What follows from the end does not take the place of what the broker said.
            MosquittoLink.of(link)?.notes.withLock { $0.farewell = max($0.farewell ?? code, code) }
        }
        mosquitto_publish_v5_callback_set(client) { _, link, _, code, _ in
            guard let link = MosquittoLink.of(link) else { return }
            link.settled()
            if code >= 128 { link.refused("the broker refuses messages: \(String(cString: mosquitto_reason_string(code)).lowercased())") }
        }
        mosquitto_log_callback_set(client) { _, link, level, text in
            guard let text, let link = MosquittoLink.of(link) else { return }
            if level == MOSQ_LOG_ERR {
                link.notes.withLock { $0.complaint = $0.complaint ?? String(cString: text) }
            } else if level == MOSQ_LOG_DEBUG, strstr(text, " received ") != nil {
                link.notes.withLock { $0.hasPacket = true }
            }
        }
        mosquitto_message_callback_set(client) { _, link, message in
            guard let link = MosquittoLink.of(link), let message = message?.pointee, let topic = message.topic else { return }
            let length = Int(message.payloadlen)
            if length > MosquittoLink.longestPacket { link.notes.withLock { $0.verdict = $0.verdict ?? MosquittoLink.tooLong } }
            let payload = UnsafeRawBufferPointer(start: message.payload, count: min(length, MosquittoLink.longestPayload))
            link.tell(.received(topic: String(cString: topic), payload: Array(payload), retained: message.retain))
        }
    }

    // SAFETY: the pointer is the one that `connection` gave the client, and the thread holds a reference as long as there is a client.
    private static func of(_ link: UnsafeMutableRawPointer?) -> MosquittoLink? {
        link.map { Unmanaged<MosquittoLink>.fromOpaque($0).takeUnretainedValue() }
    }
}
