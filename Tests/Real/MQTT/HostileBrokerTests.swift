import CLinux
import Configuration
import Glibc
import LinuxIO
import MeterDaemon
import Metering
import Publishing
import Testing

/// What other clients, or the broker itself, may do to the daemon.
@Suite(.serialized, .enabled(if: access(RealBroker.program, X_OK) == 0, "mosquitto is not installed"), .timeLimit(.minutes(5)))
struct HostileBrokerTests {
    /// Each client disconnects the other as soon as it connects; the pauses must grow.
    @Test func twoClientsOfOneNameLeaveEachOtherAlone() async throws {
        let broker = try RealBroker()
        try broker.start()
        let (one, other) = (RealPublisher(.local(broker.port)), RealPublisher(.local(broker.port)))
        let clock = EventLoop()
        // Not every version of mosquitto sends the reason.
        let words: Set = [
            "mqtt: not connected: another client uses the client_id jouled-test: give each its own client_id",
            "mqtt: not connected: the broker closed the connection",
            "mqtt: not connected: the broker closed the connection soon after it was established, 3 times in a row:"
                + " if another client uses the client_id jouled-test, give each its own",
            "mqtt: not connected: the broker closed the connection soon after it was established, 4 times in a row:"
                + " if another client uses the client_id jouled-test, give each its own",
        ]
        try await one.run {
            _ = await one.log.messages(1, by: one.loop)
            let begin = clock.now
            try await other.run {
                let lines = await one.log.messages(8, by: one.loop, within: 120)
                // Pauses of 1, 2 and 4 s before the connections that were lost to the other client.
                #expect(clock.now - begin >= .seconds(7), "\(clock.now - begin)")
                #expect(lines.count(where: words.contains) == 4, "\(lines)")
                #expect(lines.contains { $0.contains("client_id jouled-test") }, "\(lines)")
            }
        }
    }

    /// A broker that accepts everything and acknowledges nothing.
    @Test func whatIsNotAcknowledgedIsPublishedAnew() async throws {
        let port = try #require(freePort())
        let listener = try #require(listen(on: port))
        defer { close(listener) }
        let loop = EventLoop()
        loop.startThread(named: "test")
        let server = EventLoop()
        server.startThread(named: "server")
        let broker = MosquittoBroker(.local(port), will: nil, loop: loop)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while await server.wait(readable: listener, until: nil) == .ready {
                    let client = clinux_accept(listener)
                    var isGreeted = false
                    var buffer = [UInt8](repeating: 0, count: 65_536)
                    while await server.wait(readable: client, until: nil) == .ready {
                        guard read(client, &buffer, buffer.count) > 0 else { break }
                        if !isGreeted { _ = write(client, [0x20, 3, 0, 0, 0] as [UInt8], 5) }
                        isGreeted = true
                    }
                    close(client)
                }
            }
            var events = broker.connect().makeAsyncIterator()
            #expect(await events.next() == .connected)
            for number in 0..<9000 { broker.publish(MQTTMessage("jouled/grid/energy_import", "\(number)", qos: 1, retain: true)) }
            #expect(await events.next() == .disconnected(reason: "the broker does not keep up: 8192 messages are not acknowledged"))
            #expect(await events.next() == .connected, "and all is published again")
            await broker.disconnect(within: 1)
            group.cancelAll()
        }
        loop.stop()
        server.stop()
    }

    /// With MQTT 5 the message doesn't arrive at all. With earlier versions the connection ends, and the log states the reason.
    @Test(arguments: [Configuration.MQTT.ProtocolVersion.v5, .v311]) func aHugeMessageIsNotTaken(
        version: Configuration.MQTT.ProtocolVersion
    ) async throws {
        let broker = try RealBroker()
        try broker.start()
        let size = 20_000_000
        broker.directory.write(String(repeating: "1", count: size), to: "huge")
        var settings = Configuration.MQTT.local(broker.port)
        settings.version = version
        let daemon = RealPublisher(settings, pulses: ["gas"])
        try await daemon.run {
            _ = await daemon.log.messages(1, by: daemon.loop)
            let live = try broker.subscriber("jouled/+/total/result")
            let huge = [
                "-h", "127.0.0.1", "-p", "\(broker.port)", "-q", "1", "-t", "jouled/gas/total/set", "-f", "\(broker.directory.path)/huge",
            ]
            #expect(ChildProcess.run("/usr/bin/mosquitto_pub", huge))
            if version == .v311 {
                let lines = await daemon.log.messages(3, by: daemon.loop)
                #expect(lines.last == "mqtt: connected")
                #expect(
                    lines.dropLast().last?.hasPrefix("mqtt: not connected: received a message of more than 64 kB") == true)
            }
            var lines: [String] = []
            while !lines.contains("1 0 jouled/gas/total/result ok"), daemon.log.messages.count < 5 {
                broker.publish("jouled/gas/total/set", "77.125")
                lines = await live.lines(by: daemon.loop, within: 2) { $0.contains("1 0 jouled/gas/total/result ok") }
            }
            #expect(lines.contains("1 0 jouled/gas/total/result ok"))
            if version == .v5 { #expect(daemon.log.messages == ["mqtt: connected"]) }
        }
    }
}
