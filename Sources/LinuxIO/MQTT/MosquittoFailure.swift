import CMosquitto
import Configuration
import Glibc
import MeterDaemon

/// How a connection failed or ended, with a description for the person who has to do something about it.
struct MosquittoFailure {
    /// What the library's function returned, and `errno` at that time.
    var result: Int32
    var code: Int32
    /// The broker's reason codes in its answer to CONNECT (MQTT 3.1.1: 1 to 5, MQTT 5: from 128) and at the disconnect.
    var answer: Int32?
    var farewell: Int32?
    /// The first error in the library's log: later ones are only its consequences.
    var complaint: String?
    /// Why this side ended the connection.
    var verdict: String?
    var isSetup = false

    /// Whether the broker does not support the version. A 3.1.1 broker answers an MQTT 5 CONNECT in the 3.1.1 format, which libmosquitto
    /// 2.0.21 reports as malformed.
    var isUnsupportedVersion: Bool {
        answer == 1 || answer == 132 || (answer == nil && result == MOSQ_ERR_MALFORMED_PACKET.rawValue)
    }
    var isUnanswered: Bool { answer == nil && result == MOSQ_ERR_CONN_LOST.rawValue }

    /// Another client connected with the same client_id.
    var wasTakenOver: Bool { farewell == 142 }

    /// Describes the failure. `shortConnections`: how many consecutive connections did not last, including this one.
    func words(for settings: Configuration.MQTT, shortConnections: Int = 0) -> String {
        let words = plainWords(for: settings)
        // Not every broker reports that another client has taken over the client_id.
        guard words == Self.closed, shortConnections >= 3 else { return words }
        return "\(words) soon after it was established, \(shortConnections) times in a row: if another client uses the client_id"
            + " \(settings.clientID), give each its own"
    }

    private static let closed = "the broker closed the connection"

    private func plainWords(for settings: Configuration.MQTT) -> String {
        if let verdict { return verdict }
        if isSetup { return setupWords(settings) }
        if let answer, answer != 0 { return answerWords(answer, settings) }
        if let farewell, farewell >= 128 { return answerWords(farewell, settings) }
        if isUnsupportedVersion { return answerWords(1, settings) }
        if settings.usesTLS, let words = tlsWords(settings) { return words }
        switch result {
        case MOSQ_ERR_EAI.rawValue: return "the host name \(settings.host) is unknown (\(String(cString: gai_strerror(code))))"
        case MOSQ_ERR_ERRNO.rawValue: return String(cString: strerror(code)).lowercased()
        case MOSQ_ERR_CONN_LOST.rawValue, MOSQ_ERR_NO_CONN.rawValue: return Self.closed
        case MOSQ_ERR_KEEPALIVE.rawValue: return "the broker no longer answers"
        default: return String(cString: mosquitto_strerror(result)).lowercased()
        }
    }

    private func setupWords(_ settings: Configuration.MQTT) -> String {
        for path in [settings.caFile, settings.certFile, settings.keyFile] {
            guard let path, access(path, R_OK) != 0 else { continue }
            return "can't read \(path): \(String(cString: strerror(errno)).lowercased())"
        }
        return "the settings were rejected: \(String(cString: mosquitto_strerror(result)).lowercased())"
    }

    private func answerWords(_ code: Int32, _ settings: Configuration.MQTT) -> String {
        switch code {
        case 1, 132: return "the broker does not support this version of MQTT"
        case 2, 133: return "the broker does not accept the client_id \(settings.clientID)"
        case 3, 136, 137: return "the broker is not available"
        case 4, 134: return "bad user name or password"
        case 5, 135: return "not authorised: bad user name or password"
        case 139: return "the broker was shut down"
        case 142: return "another client uses the client_id \(settings.clientID): give each its own client_id"
        default: return String(cString: mosquitto_reason_string(code)).lowercased()
        }
    }

    private func tlsWords(_ settings: Configuration.MQTT) -> String? {
        guard let complaint else {
            // The other side closed the connection, which libmosquitto reports as a protocol error or, from 2.0.21 on after a reset, as a
            // TLS error. If the connection was closed before any answer, the other side does not use TLS and could not parse our handshake.
            guard result == MOSQ_ERR_TLS.rawValue || result == MOSQ_ERR_ERRNO.rawValue && code == EPROTO else { return nil }
            return answer == nil ? noTLS(settings) : Self.closed
        }
        if complaint.mentions("certificate verify failed") {
            return "TLS: the broker's certificate is not trusted, has expired, or is not valid yet"
        }
        if complaint.mentions("host name verification failed") {
            return "TLS: the broker's certificate is for a host name other than \(settings.host)"
        }
        if ["unexpected eof", "wrong version number", "packet length too long"].contains(where: complaint.mentions) {
            return noTLS(settings)
        }
        return "TLS: " + complaint
    }

    private func noTLS(_ settings: Configuration.MQTT) -> String { "TLS: the broker does not use it on port \(settings.port)" }
}

extension String {
    fileprivate func mentions(_ words: String) -> Bool {
        let text = Array(utf8)
        return text.indices.contains { text[$0...].starts(with: words.utf8) }
    }
}
