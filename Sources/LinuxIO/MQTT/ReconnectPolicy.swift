import Configuration
import Metering

/// What to do between two connections to the broker: which version of MQTT to try next, how long to wait, and what to report.
struct ReconnectPolicy {
    struct Step: Equatable {
        /// How many seconds to wait; `nil` means that the other version is tried at once.
        var pause: Int32?
        /// The failure as text; `nil` if it is the same failure that was reported last.
        var report: String?
    }

    private let settings: Configuration.MQTT
    /// The version for the next connection: MQTT 5, unless the configuration specifies another version or the broker has refused MQTT 5.
    private(set) var version: Configuration.MQTT.ProtocolVersion
    private var backOff = ConnectionBackOff()
    private var reported: String?
    private var hasReportedVersion: Bool

    init(_ settings: Configuration.MQTT) {
        self.settings = settings
        version = settings.version == .v311 ? .v311 : .v5
        hasReportedVersion = settings.version != .auto
    }

    /// To be called when the broker has accepted the connection. Returns what the user should know about it.
    mutating func connected() -> String? {
        reported = nil
        guard version == .v311, !hasReportedVersion else { return nil }
        hasReportedVersion = true
        return "the broker speaks MQTT 3.1.1 only: it keeps outdated power values"
    }

    /// Decides what to do after a connection. `duration`: how long it lasted after the broker accepted it; `nil` if it was not accepted.
    mutating func ended(_ failure: MosquittoFailure, after duration: Duration?) -> Step {
        if settings.version == .auto, duration == nil, chooseVersion(after: failure) { return Step() }
        let pause = backOff.pause(after: duration, wasTakenOver: failure.wasTakenOver)
        let words = failure.words(for: settings, shortConnections: backOff.shortConnections)
        defer { reported = words }
        return Step(pause: pause, report: words == reported ? nil : words)
    }

    /// Returns whether to try the new version at once.
    private mutating func chooseVersion(after failure: MosquittoFailure) -> Bool {
        // Some brokers close the connection instead of refusing a version. If there was no answer, the two versions alternate, with a pause
        // before each attempt.
        if failure.isUnanswered { version = version == .v5 ? .v311 : .v5 }
        guard failure.isUnsupportedVersion, version == .v5 else { return false }
        version = .v311
        return true
    }
}
