import Configuration
import Glibc
import LinuxIO
import MeterDaemon
import Metering
import Publishing
import Testing

/// Connections that fail or end: everything recovers without intervention, and each reason is logged once.
@Suite(.serialized, .enabled(if: access(RealBroker.program, X_OK) == 0, "mosquitto is not installed"), .timeLimit(.minutes(10)))
struct BrokerAwayTests {
    private static let everything: Set = [
        "1 1 jouled/status online", "1 1 jouled/grid/availability online", "1 1 jouled/grid/problem none",
        "1 1 jouled/grid/energy_import 1.000", "0 1 jouled/grid/power 345",
    ]

    private func hasEverything(_ lines: [String]) -> Bool {
        Self.everything.isSubset(of: lines) && lines.contains { $0.contains("homeassistant/device/jouled_grid/config {") }
    }

    /// The connection is established, but the other end no longer answers, and no packet tells so.
    @Test func noticesAHalfOpenConnection() async throws {
        let broker = try RealBroker()
        try broker.start()
        let daemon = RealPublisher(.local(broker.port))
        let clock = EventLoop()
        try await daemon.run {
            daemon.read("1.000")
            _ = await daemon.log.messages(1, by: daemon.loop)
            _ = try await broker.subscriber(retaining: hasEverything, by: daemon.loop)
            broker.signal(SIGSTOP)
            let stopped = clock.now
            let lost = await daemon.log.messages(2, by: daemon.loop)
            #expect(lost.last == "mqtt: not connected: the broker no longer answers")
            let seconds = (clock.now - stopped).seconds
            print("a half-open connection is noticed after \(seconds) s")
            // 40 s, plus the delays of a busy machine.
            #expect(seconds < 90)
            // The next attempts get no answer either, which has already been logged.
            await daemon.loop.sleep(until: daemon.loop.now + .seconds(25))
            #expect(daemon.log.messages.count == 2, "\(daemon.log.messages)")
            broker.signal(SIGCONT)
            let back = await daemon.log.messages(3, by: daemon.loop)
            #expect(back.last == "mqtt: connected")
            let lines = await (try await broker.subscriber(retaining: hasEverything, by: daemon.loop)).lines(by: daemon.loop) { _ in true }
            #expect(hasEverything(lines), "\(lines)")
        }
    }

    /// No broker, then one that doesn't accept the user, then one that does: three log lines for a dozen failures.
    @Test func saysEachReasonOnce() async throws {
        let broker = try RealBroker(["allow_anonymous false", "password_file DIRECTORY/passwords"])
        let passwords = broker.directory.path + "/passwords"
        try #require(ChildProcess.run("/usr/bin/mosquitto_passwd", ["-c", "-b", passwords, "meter", "old"]))
        var settings = Configuration.MQTT.local(broker.port)
        settings.username = "meter"
        settings.password = "new"
        let daemon = RealPublisher(settings)
        try await daemon.run {
            daemon.read("1.000")
            await daemon.loop.sleep(until: daemon.loop.now + .milliseconds(3500))
            #expect(daemon.log.messages == ["mqtt: not connected: connection refused"], "refused at 0, 1 and 3 s")
            try broker.start()
            _ = await daemon.log.messages(2, by: daemon.loop)
            await daemon.loop.sleep(until: daemon.loop.now + .seconds(9))
            let refusals = ["mqtt: not connected: connection refused", "mqtt: not connected: not authorised: bad user name or password"]
            #expect(daemon.log.messages == refusals)
            try #require(ChildProcess.run("/usr/bin/mosquitto_passwd", ["-b", passwords, "meter", "new"]))
            broker.signal(SIGHUP)
            let all = await daemon.log.messages(3, by: daemon.loop)
            #expect(all == refusals + ["mqtt: connected"])
        }
    }

    /// A broker without persistence is empty after its restart: everything is published again, even unchanged values.
    @Test func fillsABrokerThatForgets() async throws {
        let broker = try RealBroker()
        try broker.start()
        let daemon = RealPublisher(.local(broker.port))
        try await daemon.run {
            daemon.read("1.000")
            _ = await daemon.log.messages(1, by: daemon.loop)
            _ = try await broker.subscriber(retaining: hasEverything, by: daemon.loop)
            broker.stop()
            unlink(broker.directory.path + "/mosquitto.db")
            _ = await daemon.log.messages(2, by: daemon.loop)
            try broker.start()
            _ = await daemon.log.messages(3, by: daemon.loop)
            let lines = await (try await broker.subscriber(retaining: hasEverything, by: daemon.loop)).lines(by: daemon.loop) { _ in true }
            #expect(hasEverything(lines), "\(lines)")
        }
        #expect(daemon.log.messages.count == 3)
    }

    /// Home Assistant's birth message before jouled has connected, while the broker is away, and twice in a row afterwards.
    @Test func homeAssistantMayStartAtAnyTime() async throws {
        let broker = try RealBroker()
        try broker.start()
        broker.publish("homeassistant/status", "online", retain: true)
        let daemon = RealPublisher(.local(broker.port))
        try await daemon.run {
            daemon.read("1.000")
            _ = await daemon.log.messages(1, by: daemon.loop)
            _ = try await broker.subscriber(retaining: hasEverything, by: daemon.loop)
            broker.stop()
            // The old values go with it: whoever sees a value afterwards knows that jouled has published everything.
            unlink(broker.directory.path + "/mosquitto.db")
            _ = await daemon.log.messages(2, by: daemon.loop)
            try broker.start()
            // The birth message comes before jouled has reconnected.
            broker.publish("homeassistant/status", "online", retain: true)
            _ = await daemon.log.messages(3, by: daemon.loop)
            _ = try await broker.subscriber(retaining: hasEverything, by: daemon.loop)
            let live = try broker.subscriber("jouled/grid/energy_import")
            let before = await live.lines(by: daemon.loop) { !$0.isEmpty }
            #expect(before.count == 1)
            broker.publish("homeassistant/status", "online", times: 2)
            let repeated = await live.lines(by: daemon.loop, within: 10) { $0.count >= 3 }
            #expect(repeated.count == 2, "once for both")
            broker.publish("homeassistant/status", "offline")
            broker.publish("homeassistant/status", "online")
            let again = await live.lines(by: daemon.loop) { $0.count >= 3 }
            #expect(again.count == 3)
        }
    }
}
