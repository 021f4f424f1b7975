import Configuration
import Glibc
import MeterDaemon
import Testing

@testable import LinuxIO

/// libmosquitto's result doesn't always match what happened.
@Suite struct MosquittoFailureTests {
    private static let system: Int32 = 14
    private static let lost: Int32 = 7
    private static let tls: Int32 = 8

    private var settings: Configuration.MQTT {
        var settings = Configuration.MQTT()
        settings.port = 8883
        settings.usesTLS = true
        return settings
    }

    /// Which of the two occurs is a race: the broker resets a connection whose greeting it has not read completely.
    @Test func hangingUpOnTheGreetingMeansNoTLS() {
        for complaint in [nil, "OpenSSL Error[0]: error:0A000126:SSL routines::unexpected eof while reading"] {
            let failure = MosquittoFailure(result: Self.system, code: EPROTO, complaint: complaint)
            #expect(failure.words(for: settings) == "TLS: the broker does not use it on port 8883")
        }
        let reset = MosquittoFailure(result: Self.tls, code: ECONNRESET)
        #expect(reset.words(for: settings) == "TLS: the broker does not use it on port 8883")
    }

    @Test func hangingUpLaterIsTheEnd() {
        let failure = MosquittoFailure(result: Self.system, code: EPROTO, answer: 0)
        #expect(failure.words(for: settings) == "the broker closed the connection")
        #expect(MosquittoFailure(result: Self.lost, code: 0, answer: 0).words(for: settings) == "the broker closed the connection")
    }

    @Test func otherErrorsKeepTheirWords() {
        #expect(MosquittoFailure(result: Self.system, code: ECONNREFUSED).words(for: settings) == "connection refused")
    }

    /// MQTT 5 sends the reason, which must not be replaced by the disconnection that follows.
    @Test func anotherClientOfThisNameIsSaid() {
        var settings = settings
        settings.clientID = "jouled-raspberrypi"
        let failure = MosquittoFailure(result: Self.lost, code: 0, answer: 0, farewell: 142)
        #expect(failure.wasTakenOver)
        #expect(failure.words(for: settings) == "another client uses the client_id jouled-raspberrypi: give each its own client_id")
        #expect(!MosquittoFailure(result: Self.lost, code: 0, answer: 0).wasTakenOver)
        #expect(MosquittoFailure(result: Self.lost, code: 0, answer: 0, verdict: "too slow").words(for: settings) == "too slow")
    }
}
