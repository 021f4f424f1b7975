import CLinux
import CMosquitto
import Configuration
import Glibc
import MeterDaemon
import Metering
import Publishing
import Synchronization

/// One connection to the broker: a client of libmosquitto that is used once.
final class MosquittoConnection: Sendable {
    /// In seconds. The broker publishes the will of a client that has been silent for one and a half times this long. libmosquitto pings a
    /// broker that has been silent for this long, and gives up after the same time again.
    private static let keepalive: Int32 = 20
    /// The maximum size of a received packet. An MQTT 5 broker is told this limit and sends no longer packets.
    private static let longestPacket = 65_536
    /// Much longer than any valid command. A longer payload is truncated, and the code that parses it then rejects it.
    private static let longestPayload = 256
    private static let tooLong =
        "received a message of more than \(longestPacket / 1024) kB, which is refused: find out who publishes that to jouled's topics"
    private static let library: Void = {
        // OpenSSL writes in a way that raises the signal when the broker has closed the connection.
        signal(SIGPIPE, SIG_IGN)
        mosquitto_lib_init()
    }()

    /// What the library's callbacks have reported.
    private struct Notes {
        var answer: Int32?
        var farewell: Int32?
        var complaint: String?
        /// Why this side ends the connection.
        var verdict: String?
        /// A message that the broker refused has been reported. Only the first is, because the next ones are refused for the same reason.
        var hasRefusal = false
        /// A whole packet has arrived since this was last checked.
        var hasPacket = false
    }

    private let settings: Configuration.MQTT
    /// The connection uses MQTT 5, in which messages and packets have properties.
    private let isVersion5: Bool
    private unowned let broker: MosquittoBroker
    private let notes = Guarded(Notes())
    // SAFETY: libmosquitto's functions may be called from any thread. It is set once, in `init`, and destroyed with the last reference.
    private nonisolated(unsafe) var client: OpaquePointer?

    /// Returns `nil` if out of memory. The broker's thread must hold a reference to the broker for as long as this connection exists.
    init?(_ settings: Configuration.MQTT, _ version: Configuration.MQTT.ProtocolVersion, _ broker: MosquittoBroker) {
        _ = Self.library
        self.settings = settings
        isVersion5 = version != .v311
        self.broker = broker
        // SAFETY: callbacks only come during `run`, whose caller holds a reference.
        client = mosquitto_new(settings.clientID, true, Unmanaged.passUnretained(self).toOpaque())
        if client == nil { return nil }
    }

    deinit { if client != nil { mosquitto_destroy(client) } }

    // MARK: From any thread

    /// Publishes a message. Returns whether `settled` will be called once it has been acknowledged or has failed.
    func publish(_ message: MQTTMessage) -> Bool {
        var payload = message.payload
        var properties: OpaquePointer?
        defer { mosquitto_property_free_all(&properties) }
        if let seconds = message.expiresAfter, isVersion5 {
            mosquitto_property_add_int32(&properties, Int32(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.rawValue), UInt32(clamping: seconds))
        }
        let result = payload.withUTF8 { bytes in
            mosquitto_publish_v5(
                client, nil, message.topic, Int32(bytes.count), bytes.baseAddress, Int32(message.qos), message.retain, properties)
        }
        guard result != MOSQ_ERR_SUCCESS.rawValue else { return true }
        if Self.isFinal(result) {
            refused("\(message.topic) can't be published: \(String(cString: mosquitto_strerror(result)).lowercased())")
        } else {
            giveUp(result == MOSQ_ERR_NOMEM.rawValue ? "out of memory" : nil)
        }
        return false
    }

    func subscribe(_ topic: String) { mosquitto_subscribe(client, nil, topic, 1) }

    func unsubscribe(_ topic: String) { mosquitto_unsubscribe(client, nil, topic) }

    func disconnect() { mosquitto_disconnect(client) }

    /// Ends the connection like a network failure: at once, even if the broker reads nothing, and so that the broker publishes the will.
    func giveUp(_ verdict: String?) {
        notes.withLock { $0.verdict = $0.verdict ?? verdict }
        shutdown(mosquitto_socket(client), Int32(SHUT_RDWR))
    }

    /// Whether publishing the same message on the next connection would fail in the same way.
    private static func isFinal(_ result: Int32) -> Bool {
        let final = [
            MOSQ_ERR_OVERSIZE_PACKET, MOSQ_ERR_PAYLOAD_SIZE, MOSQ_ERR_MALFORMED_UTF8, MOSQ_ERR_INVAL, MOSQ_ERR_QOS_NOT_SUPPORTED,
            MOSQ_ERR_NOT_SUPPORTED,
        ]
        return final.contains { $0.rawValue == result }
    }

    private func refused(_ remark: String) {
        let isFirst = notes.withLock { notes in
            defer { notes.hasRefusal = true }
            return !notes.hasRefusal
        }
        if isFirst { broker.tell(.remark(remark)) }
    }

    // MARK: On the broker's thread

    /// Returns why the settings can't be used, or `nil`.
    func configure(will: MQTTMessage?) -> MosquittoFailure? {
        mosquitto_threaded_set(client, true)
        mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, isVersion5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311)
        // A telegram becomes several small packets: Nagle's algorithm would hold all but the first for a round trip.
        mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1)
        setCallbacks()
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
        return result == MOSQ_ERR_SUCCESS.rawValue ? nil : failure(result, errno, isSetup: true)
    }

    /// Connects, runs the connection, and returns how it ended. `beat`: called in each iteration; returns whether to stop.
    func run(beat: () -> Bool, accepted: () -> Void) -> MosquittoFailure {
        var result = connect()
        var code = errno
        if beat() { return failure(result, code) }
        var isAccepted = false
        var wholeUntil: Int64 = 0
        while result == MOSQ_ERR_SUCCESS.rawValue {
            result = mosquitto_loop(client, Self.keepalive * 1000, 1)
            code = errno
            _ = beat()
            if isTooLong(&wholeUntil) { break }
            // Not done in the callback itself, because there the library has not finished processing the answer.
            guard !isAccepted, notes.withLock({ $0.answer }) == 0 else { continue }
            isAccepted = true
            accepted()
        }
        return failure(result, code)
    }

    private func connect() -> Int32 {
        var properties: OpaquePointer?
        defer { mosquitto_property_free_all(&properties) }
        if isVersion5 {
            mosquitto_property_add_int32(&properties, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue), UInt32(Self.longestPacket))
        }
        return mosquitto_connect_bind_v5(client, settings.host, Int32(clamping: settings.port), Self.keepalive, nil, properties)
    }

    /// In MQTT 3.1.1 a client can't limit the size of packets, and the library allocates up to 256 MB, twice. So the received bytes are
    /// counted, and a packet that exceeds the limit ends the connection.
    private func isTooLong(_ wholeUntil: inout Int64) -> Bool {
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

    private func failure(_ result: Int32, _ code: Int32, isSetup: Bool = false) -> MosquittoFailure {
        notes.withLock { notes in
            MosquittoFailure(
                result: result, code: code, answer: notes.answer, farewell: notes.farewell, complaint: notes.complaint,
                verdict: notes.verdict, isSetup: isSetup)
        }
    }

    // MARK: Callbacks

    private func setCallbacks() {
        mosquitto_connect_callback_set(client) { _, connection, code in
            MosquittoConnection.of(connection)?.notes.withLock { $0.answer = code }
        }
        mosquitto_disconnect_callback_set(client) { _, connection, code in
            // Keep the reason that the broker gave: a later call may only report a consequence.
            MosquittoConnection.of(connection)?.notes.withLock { $0.farewell = max($0.farewell ?? code, code) }
        }
        mosquitto_publish_v5_callback_set(client) { _, connection, _, code, _ in
            guard let connection = MosquittoConnection.of(connection) else { return }
            connection.broker.settled()
            if code >= 128 {
                connection.refused("the broker refuses messages: \(String(cString: mosquitto_reason_string(code)).lowercased())")
            }
        }
        mosquitto_log_callback_set(client) { _, connection, level, text in
            guard let text, let connection = MosquittoConnection.of(connection) else { return }
            if level == MOSQ_LOG_ERR {
                connection.notes.withLock { $0.complaint = $0.complaint ?? String(cString: text) }
            } else if level == MOSQ_LOG_DEBUG, strstr(text, " received ") != nil {
                connection.notes.withLock { $0.hasPacket = true }
            }
        }
        mosquitto_message_callback_set(client) { _, connection, message in
            guard let message = message?.pointee else { return }
            MosquittoConnection.of(connection)?.received(message)
        }
    }

    private func received(_ message: mosquitto_message) {
        guard let topic = message.topic else { return }
        let length = Int(message.payloadlen)
        if length > Self.longestPacket { notes.withLock { $0.verdict = $0.verdict ?? Self.tooLong } }
        let payload = UnsafeRawBufferPointer(start: message.payload, count: min(length, Self.longestPayload))
        broker.tell(.received(topic: String(cString: topic), payload: Array(payload), retained: message.retain))
    }

    // SAFETY: the pointer is the one that `init` gave to the client, and callbacks only come during `run`, whose caller holds a reference.
    private static func of(_ connection: UnsafeMutableRawPointer?) -> MosquittoConnection? {
        connection.map { Unmanaged<MosquittoConnection>.fromOpaque($0).takeUnretainedValue() }
    }
}
