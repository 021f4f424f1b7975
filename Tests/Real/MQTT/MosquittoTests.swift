import Configuration
import Glibc
import LinuxIO
import MeterDaemon
import Metering
import Publishing
import Synchronization
import Testing

@Suite(.serialized, .enabled(if: access(RealBroker.program, X_OK) == 0, "mosquitto is not installed"), .timeLimit(.minutes(5)))
struct MosquittoTests {
    private static let config = "homeassistant/device/jouled_grid/config"

    @Test func publishesAsContracted() async throws {
        let broker = try RealBroker()
        try broker.start()
        let daemon = RealPublisher(.local(broker.port))
        try await daemon.run {
            _ = await daemon.log.messages(1, by: daemon.loop)
            let live = try await broker.subscriber(retaining: "1 1 jouled/status online", by: daemon.loop)
            daemon.read("33402.264")
            let lines = await live.lines(by: daemon.loop) { $0.contains { $0.contains("/json ") } }
            #expect(lines.contains("1 0 jouled/grid/energy_import 33402.264"))
            #expect(lines.contains("0 0 jouled/grid/power 345"))
            #expect(lines.contains { $0.hasPrefix("0 0 jouled/grid/json {\"time\":\"2026-11-21T06:28:00.000Z\",") })
            #expect(lines.contains { $0.hasPrefix("1 0 \(Self.config) {") })
            let late = try await broker.subscriber(
                retaining: { lines in lines.contains { $0.contains(" jouled/grid/power 345") } && lines.count >= 7 }, by: daemon.loop)
            let retained = await late.lines(by: daemon.loop) { $0.count >= 7 }
            let expected: Set = [
                "1 1 jouled/status online", "1 1 jouled/grid/availability online", "1 1 jouled/grid/problem none",
                "1 1 jouled/grid/energy_import 33402.264", "0 1 jouled/grid/power 345",
            ]
            #expect(expected.isSubset(of: retained))
            #expect(retained.contains { $0.hasPrefix("1 1 \(Self.config) {") })
            #expect(!retained.contains { $0.contains("/json ") })
        }
        #expect(daemon.log.messages == ["mqtt: connected"])
        let last = try broker.subscriber("jouled/status")
        #expect(await last.lines(by: EventLoop.started()) { !$0.isEmpty } == ["1 1 jouled/status offline"])
    }

    @Test func waitsForABrokerThatStartsLate() async throws {
        let broker = try RealBroker()
        let daemon = RealPublisher(.local(broker.port))
        try await daemon.run {
            daemon.read("1.000")
            #expect(await daemon.log.messages(1, by: daemon.loop) == ["mqtt: not connected: connection refused"])
            await daemon.loop.sleep(until: daemon.loop.now + .seconds(2))
            try broker.start()
            #expect(await daemon.log.messages(2, by: daemon.loop).last == "mqtt: connected")
            let expected: Set = ["1 1 jouled/status online", "1 1 jouled/grid/energy_import 1.000"]
            let late = try await broker.subscriber(retaining: { expected.isSubset(of: $0) }, by: daemon.loop)
            #expect(expected.isSubset(of: await late.lines(by: daemon.loop) { _ in true }))
        }
    }

    /// The broker publishes the will when it is stopped: `offline` would remain forever.
    @Test func saysOnlineAgainAfterARestart() async throws {
        let broker = try RealBroker()
        try broker.start()
        let daemon = RealPublisher(.local(broker.port))
        try await daemon.run {
            daemon.read("1.000")
            _ = await daemon.log.messages(1, by: daemon.loop)
            _ = try await broker.subscriber(retaining: "1 1 jouled/grid/energy_import 1.000", by: daemon.loop)
            broker.stop()
            #expect(await daemon.log.messages(2, by: daemon.loop)[1].hasPrefix("mqtt: not connected: the broker "))
            daemon.read("1.001", reading: 2)
            daemon.read("1.002", reading: 3)
            try broker.start()
            _ = await daemon.log.messages(3, by: daemon.loop)
            let lines = await (try broker.subscriber()).lines(by: daemon.loop) {
                $0.contains { $0.contains("energy_import 1.002") } && $0.contains { $0.hasSuffix("status online") }
            }
            #expect(lines.contains { $0.hasSuffix("status online") })
            #expect(lines.last { $0.contains("energy_import ") }?.hasSuffix("1.002") == true)
        }
    }

    @Test(arguments: [Configuration.MQTT.ProtocolVersion.auto, .v311]) func saysThatThePasswordIsWrong(
        version: Configuration.MQTT.ProtocolVersion
    ) async throws {
        let broker = try RealBroker(["allow_anonymous false", "password_file DIRECTORY/passwords"])
        let passwords = broker.directory.path + "/passwords"
        try #require(ChildProcess.run("/usr/bin/mosquitto_passwd", ["-c", "-b", passwords, "meter", "old"]))
        try broker.start()
        var settings = Configuration.MQTT.local(broker.port)
        settings.version = version
        settings.username = "meter"
        settings.password = "new"
        let daemon = RealPublisher(settings)
        try await daemon.run {
            #expect(await daemon.log.messages(1, by: daemon.loop).last == "mqtt: not connected: not authorised: bad user name or password")
            // It is refused once more, but logged only once.
            await daemon.loop.sleep(until: daemon.loop.now + .milliseconds(1500))
            try #require(ChildProcess.run("/usr/bin/mosquitto_passwd", ["-b", passwords, "meter", "new"]))
            broker.signal(SIGHUP)
            #expect(await daemon.log.messages(2, by: daemon.loop).dropFirst() == ["mqtt: connected"])
        }
    }

    @Test func leavesAWill() async throws {
        let broker = try RealBroker()
        try broker.start()
        let daemon = RealPublisher(.local(broker.port))
        try await daemon.run {
            _ = await daemon.log.messages(1, by: daemon.loop)
            // The message is retained by now, so that a subscriber receives it whenever it connects.
            _ = try await broker.subscriber(retaining: "1 1 jouled/status online", by: daemon.loop)
            let live = try broker.subscriber("jouled/status")
            _ = await live.lines(by: daemon.loop) { $0 == ["1 1 jouled/status online"] }
            for descriptor in connections(to: broker.port) { shutdown(descriptor, Int32(SHUT_RDWR)) }
            let lines = await live.lines(by: daemon.loop) { $0.count == 3 }
            #expect(lines.dropFirst() == ["1 0 jouled/status offline", "1 0 jouled/status online"])
        }
    }

    @Test func repeatsAllWhenHomeAssistantStarts() async throws {
        let broker = try RealBroker()
        try broker.start()
        let daemon = RealPublisher(.local(broker.port))
        try await daemon.run {
            daemon.read("1.000")
            _ = await daemon.log.messages(1, by: daemon.loop)
            let live = try await broker.subscriber(retaining: "1 1 jouled/grid/energy_import 1.000", by: daemon.loop)
            broker.publish("homeassistant/status", "online")
            // The announcement may come later, 10 s after the previous one.
            let (total, config) = ("1 0 jouled/grid/energy_import 1.000", "1 0 \(Self.config) {")
            let lines = await live.lines(by: daemon.loop) { lines in
                lines.contains(total) && lines.contains { $0.hasPrefix(config) }
            }
            #expect(lines.contains("1 0 jouled/status online"))
            #expect(lines.contains { $0.hasPrefix(config) })
            #expect(lines.contains(total))
        }
    }

    /// A change of the discovery form, and removal of the meter, based on the file of the previous process.
    @Test func movesAndRemovesWhatWasAnnounced() async throws {
        let broker = try RealBroker()
        try broker.start()
        let state = try #require(ScratchDirectory())
        var settings = Configuration.MQTT.local(broker.port)
        for (form, isThere, count) in [
            (DiscoveryForm.device, true, 2), (.components, true, 5), (.device, true, 2), (.device, false, 1), (.off, true, 0),
        ] as [(DiscoveryForm, Bool, Int)] {
            settings.discovery = form
            let daemon = RealPublisher(settings, state: state.path)
            try await daemon.run {
                _ = await daemon.log.messages(1, by: daemon.loop)
                isThere ? daemon.read("1.000") : daemon.readNothing()
                _ = try await broker.subscriber(
                    retaining: { lines in
                        lines.contains("1 1 jouled/status online") && lines.contains("1 1 jouled/grid/energy_import 1.000") == isThere
                    }, by: daemon.loop)
            }
            // Retained messages arrive before new ones.
            let late = try broker.subscriber()
            let loop = EventLoop.started()
            _ = await late.lines(by: loop) { $0.contains("1 1 jouled/status offline") }
            broker.publish("end", "of it")
            let lines = await late.lines(by: loop) { $0.contains("1 0 end of it") }
            let configs = lines.filter { $0.hasPrefix("1 1 homeassistant/") }
            #expect(configs.count == count, "\(configs)")
            #expect(configs.allSatisfy { $0.contains("/device/") == (form == .device) && !$0.contains("migrate_discovery") })
            #expect(lines.contains { $0.contains(" jouled/grid/") } == isThere)
        }
        #expect(ChildProcess.run("/bin/grep", ["-q", "^meter off jouled_4711 grid$", state.path + "/announced"]))
    }

    @Test func obeysItsButtons() async throws {
        let broker = try RealBroker()
        try broker.start()
        broker.publish("jouled/restart/set", "PRESS", retain: true)
        let pressed = Mutex<[BridgeCommand]>([])
        let commands = Dictionary(
            uniqueKeysWithValues: BridgeCommand.allCases.map { command in
                (command, { @Sendable in pressed.withLock { $0.append(command) } })
            })
        let daemon = RealPublisher(.local(broker.port), commands: commands)
        try await daemon.run {
            daemon.read("1.000")
            #expect(await daemon.log.messages(2, by: daemon.loop).last == "mqtt: ignored a retained message on jouled/restart/set")
            let live = try await broker.subscriber(retaining: "1 1 jouled/grid/energy_import 1.000", by: daemon.loop)
            broker.publish("jouled/read/set", "PRESS")
            let lines = await live.lines(by: daemon.loop) { $0.contains("1 0 jouled/grid/energy_import 1.000") }
            #expect(lines.contains("1 0 jouled/grid/energy_import 1.000"))
            broker.publish("jouled/restart/set", "OFF")
            broker.publish("jouled/restart/set", "PRESS")
            _ = await daemon.log.messages(5, by: daemon.loop)
        }
        #expect(pressed.withLock { $0 } == [.read, .restart])
    }

    @Test func setsATotal() async throws {
        let broker = try RealBroker()
        try broker.start()
        broker.publish("jouled/gas/total/set", "1", retain: true)
        let set = Mutex<[String]>([])
        let daemon = RealPublisher(.local(broker.port), pulses: ["gas", "x"]) { meter, total in
            set.withLock { $0.append("\(meter) \(total)") }
            return meter == "gas" ? nil : "no pulse meter named \(meter)"
        }
        try await daemon.run {
            _ = await daemon.log.messages(2, by: daemon.loop)
            broker.publish("jouled/nobody/total/result", "subscribed", retain: true)
            let live = try broker.subscriber("jouled/+/total/result")
            _ = await live.lines(by: daemon.loop) { !$0.isEmpty }
            let commands = [("gas", "77.125"), ("gas", "-1"), ("gas", "10000000"), ("gas", String(repeating: "1", count: 33)), ("x", "5")]
            for (meter, total) in commands { broker.publish("jouled/\(meter)/total/set", total) }
            let lines = await live.lines(by: daemon.loop) { $0.count == 1 + commands.count }
            #expect(
                lines.dropFirst() == [
                    "1 0 jouled/gas/total/result ok", "1 0 jouled/gas/total/result -1 is not between 0 and 9999999",
                    "1 0 jouled/gas/total/result 10000000 is not between 0 and 9999999", "1 0 jouled/gas/total/result not a number",
                    "1 0 jouled/x/total/result no pulse meter named x",
                ])
        }
        #expect(set.withLock { $0 } == ["gas 77.125", "x 5"])
        #expect(daemon.log.messages.contains("mqtt: ignored a retained message on jouled/gas/total/set"))
    }

    /// A broker that is suspended must not prevent the daemon from ending.
    @Test func endsInTime() async throws {
        let broker = try RealBroker()
        try broker.start()
        let daemon = RealPublisher(.local(broker.port))
        var ending = Instant(nanoseconds: 0)
        let clock = EventLoop()
        try await daemon.run {
            _ = await daemon.log.messages(1, by: daemon.loop)
            broker.signal(SIGSTOP)
            ending = clock.now
        }
        // Two seconds, plus the delays of a busy machine; the broker's keepalive would be 30.
        #expect(clock.now - ending < .seconds(15))
        broker.signal(SIGCONT)
        let absent = RealPublisher(.local(try #require(freePort())))
        try await absent.run {
            _ = await absent.log.messages(1, by: absent.loop)
            ending = clock.now
        }
        #expect(clock.now - ending < .seconds(15))
    }

    @Test func saysThatANameIsNotKnown() async throws {
        var settings = Configuration.MQTT.local(1883)
        settings.host = "no-such-host.invalid"
        let daemon = RealPublisher(settings)
        try await daemon.run {
            let message = await daemon.log.messages(1, by: daemon.loop).first
            #expect(message?.hasPrefix("mqtt: not connected: the host name no-such-host.invalid is unknown (") == true)
        }
    }

    /// With MQTT 5 the broker drops a power that is no longer published, but keeps totals.
    @Test(arguments: [Configuration.MQTT.ProtocolVersion.auto, .v5, .v311]) func letsPowerExpire(
        version: Configuration.MQTT.ProtocolVersion
    ) async throws {
        let broker = try RealBroker()
        try broker.start()
        var settings = Configuration.MQTT.local(broker.port)
        settings.version = version
        let daemon = RealPublisher(settings)
        try await daemon.run {
            daemon.read("1.000")
            _ = await daemon.log.messages(1, by: daemon.loop)
            let live = try broker.subscriber("jouled/grid/#", format: "%t %E %p")
            let lines = await live.lines(by: daemon.loop) { $0.count >= 4 }
            #expect(lines.contains("jouled/grid/energy_import  1.000"))
            let power = try #require(lines.first { $0.hasPrefix("jouled/grid/power ") }).split(separator: " ")
            if version == .v311 {
                #expect(power == ["jouled/grid/power", "345"])
            } else {
                #expect(power.count == 3 && (1...60).contains(Int(power[1]) ?? 0), "\(power)")
            }
        }
        #expect(daemon.log.messages == ["mqtt: connected"])
    }

    /// Everything works without MQTT 5, except the expiry, which is logged once.
    @Test func contentsItselfWithTheOldVersion() async throws {
        let broker = try RealBroker()
        try broker.start()
        let old = try OldBroker(broker)
        let daemon = RealPublisher(.local(old.port))
        let loop = EventLoop.started()
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            group.addTask { await old.serve(loop) }
            try await daemon.run {
                daemon.read("1.000")
                #expect(await daemon.log.messages(2, by: daemon.loop).count == 2)
                let late = try await broker.subscriber(retaining: "1 1 jouled/grid/energy_import 1.000", by: daemon.loop)
                #expect(await late.lines(by: daemon.loop) { _ in true }.contains("1 1 jouled/status online"))
                broker.stop()
                try broker.start()
                #expect(await daemon.log.messages(4, by: daemon.loop).count == 4)
            }
            group.cancelAll()
            #expect(try await group.next() == [5, 4, 4])
        }
        let remark = "mqtt: the broker speaks MQTT 3.1.1 only: it keeps outdated power values"
        #expect(daemon.log.messages.filter { !$0.contains("not connected") } == ["mqtt: connected", remark, "mqtt: connected"])
    }

    @Test func insistsOnTheNewVersionIfItMust() async throws {
        let broker = try RealBroker()
        try broker.start()
        let old = try OldBroker(broker)
        var settings = Configuration.MQTT.local(old.port)
        settings.version = .v5
        let daemon = RealPublisher(settings)
        let loop = EventLoop.started()
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            group.addTask { await old.serve(loop) }
            try await daemon.run {
                let first = await daemon.log.messages(1, by: daemon.loop).first
                #expect(first == "mqtt: not connected: the broker does not support this version of MQTT")
            }
            group.cancelAll()
            #expect(try await group.next()?.allSatisfy { $0 == 5 } == true)
        }
    }

    /// Doesn't support MQTT 5, and answers like a broker for 3.1.1.
    @Test func fallsBackToTheOldVersion() async throws {
        let port = try #require(freePort())
        let listener = try #require(listen(on: port))
        defer { close(listener) }
        let loop = EventLoop.started()
        let broker = MosquittoBroker(.local(port), will: MQTTMessage("jouled/status", "offline", qos: 1, retain: true), loop: loop)
        var events = broker.connect().makeAsyncIterator()
        var versions: [UInt8] = []
        for answer: UInt8 in [1, 0] {
            guard await loop.wait(readable: listener, until: loop.now + .seconds(120)) == .ready else { break }
            let client = accept(listener, nil, nil)
            defer { if answer != 0 { close(client) } }
            var greeting = [UInt8](repeating: 0, count: 512)
            guard read(client, &greeting, greeting.count) > 9 else { break }
            versions.append(greeting[8])
            _ = write(client, [0x20, 2, 0, answer], 4)
        }
        #expect(versions == [5, 4])
        #expect(await events.next() == .connected)
        await broker.disconnect(within: 1)
        // A connection that the broker has closed must not end the process by a signal, also in commands that handle no signals.
        let handler = signal(SIGPIPE, SIG_IGN)
        #expect(unsafeBitCast(handler, to: Int.self) == 1, "it is ignored already")
    }
}

extension EventLoop {
    fileprivate static func started() -> EventLoop {
        let loop = EventLoop()
        loop.startThread(named: "test")
        return loop
    }
}
