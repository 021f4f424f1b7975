import Configuration
import Metering
import Testing

@testable import LinuxIO

@Suite struct ReconnectPolicyTests {
    /// libmosquitto's results: 14 is `errno`, 5 a refused connection, 7 a lost one.
    private static let refused = MosquittoFailure(result: 14, code: 111)
    private static let wrongVersion = MosquittoFailure(result: 5, code: 0, answer: 1)
    private static let unanswered = MosquittoFailure(result: 7, code: 0)
    private static let closed = MosquittoFailure(result: 7, code: 0, answer: 0)

    private func policy(_ version: Configuration.MQTT.ProtocolVersion = .auto) -> ReconnectPolicy {
        var settings = Configuration.MQTT()
        settings.version = version
        return ReconnectPolicy(settings)
    }

    @Test func aFailureIsReportedOnceAndEachPauseIsLonger() {
        var policy = policy()
        let steps = (0..<3).map { _ in policy.ended(Self.refused, after: nil) }
        #expect(steps.map(\.pause) == [1, 2, 4])
        #expect(steps.map(\.report) == ["connection refused", nil, nil])
        #expect(policy.ended(Self.closed, after: nil).report == "the broker closed the connection")
        #expect(policy.ended(Self.refused, after: nil).report == "connection refused")
    }

    @Test func aFailureIsReportedAgainAfterAConnection() {
        var policy = policy()
        #expect(policy.ended(Self.closed, after: nil).report != nil)
        #expect(policy.connected() == nil)
        let step = policy.ended(Self.closed, after: .seconds(60))
        #expect(step.pause == 1 && step.report == "the broker closed the connection")
    }

    @Test func fallsBackAtOnceWhenMQTT5IsRefused() {
        var policy = policy()
        #expect(policy.version == .v5)
        #expect(policy.ended(Self.wrongVersion, after: nil) == ReconnectPolicy.Step())
        #expect(policy.version == .v311)
        #expect(policy.connected()?.contains("MQTT 3.1.1 only") == true)
        #expect(policy.connected() == nil, "it is reported once")
        // Refused again, there is nothing else to try.
        #expect(policy.ended(Self.wrongVersion, after: nil).pause == 1 && policy.version == .v311)
    }

    /// Some brokers close the connection instead of refusing the version.
    @Test func triesBothVersionsInTurnWhileThereIsNoAnswer() {
        var policy = policy()
        var versions: [Configuration.MQTT.ProtocolVersion] = []
        for _ in 0..<4 {
            #expect(policy.ended(Self.unanswered, after: nil).pause != nil)
            versions.append(policy.version)
        }
        #expect(versions == [.v311, .v5, .v311, .v5])
        // A connection that was accepted says nothing about the version.
        _ = policy.ended(Self.unanswered, after: .seconds(1))
        #expect(policy.version == .v5)
    }

    @Test(arguments: [Configuration.MQTT.ProtocolVersion.v5, .v311]) func aConfiguredVersionStays(
        version: Configuration.MQTT.ProtocolVersion
    ) {
        var policy = policy(version)
        for failure in [Self.wrongVersion, Self.unanswered] {
            #expect(policy.ended(failure, after: nil).pause != nil)
            #expect(policy.version == version && policy.connected() == nil)
        }
    }

    @Test func aTakeoverWaitsLonger() {
        let taken = MosquittoFailure(result: 7, code: 0, answer: 0, farewell: 142)
        var policy = policy()
        let pauses = (0..<10).map { _ in policy.ended(taken, after: .milliseconds(900)).pause }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300])
    }
}
