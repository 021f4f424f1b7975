import Metering
import Publishing
import Testing

/// The publication with a clock that is moved by hand.
private struct Bench {
    var publication: MQTTPublication
    var now = Instant(nanoseconds: 1_000_000_000_000)
    let wall = WallTime(millisecondsSince1970: 1_795_242_480_000)
    var meter = MeterSnapshot(name: "grid", title: "Grid meter", kind: .optical)

    init(every: Duration = .seconds(5), discovery: DiscoveryForm = .off, clientID: String = "jouled") {
        publication = MQTTPublication(
            topics: Topics(base: "jouled", prefix: "homeassistant"), discovery: discovery, version: "0.1.0", clientID: clientID,
            publishEvery: ["grid": every])
        meter.isAvailable = true
        meter.serial = "4711"
    }

    mutating func wait(_ duration: Duration) { now = now + duration }

    mutating func read(_ values: [Measurand: MeasuredValue]) -> [MQTTMessage] {
        meter.values.merge(values) { $1 }
        meter.readings += 1
        meter.readAt = wall
        return update()
    }

    mutating func update() -> [MQTTMessage] { publication.update(Snapshot(meters: [meter]), now: now, wall: wall) }

    /// Lets time pass until nothing is due within `duration`; what went out, with the seconds since the beginning.
    mutating func pass(_ duration: Duration) -> [(Int64, MQTTMessage)] {
        let (begin, end) = (now, now + duration)
        var sent: [(Int64, MQTTMessage)] = []
        while let due = publication.nextDeadline, due <= end {
            now = due
            sent += publication.tick(now: now).map { ((now - begin).nanoseconds / 1_000_000_000, $0) }
        }
        now = end
        return sent
    }
}

private func number(_ text: String) -> MeasuredValue { Quantity(text).map { .number($0) } ?? .text(text) }

extension [MQTTMessage] {
    fileprivate func payloads(_ topic: String) -> [String] { filter { $0.topic == topic }.map(\.payload) }
}

@Suite struct MQTTPublicationTests {
    /// Of an estimate, what is beyond its own error; and the error goes with it.
    @Test func anEstimateGoesAtOnceWhenItLeavesItsError() {
        var bench = Bench()
        _ = bench.read([.power: number("2000"), .powerError: number("30")])
        _ = bench.publication.connected(now: bench.now)
        bench.wait(.seconds(1))
        #expect(bench.read([.power: number("2035"), .powerError: number("45")]).isEmpty, "within 2 %")
        let messages = bench.read([.power: number("2070"), .powerError: number("50")])
        #expect(messages.payloads("jouled/grid/power") == ["2070"])
        #expect(messages.payloads("jouled/grid/power_error") == ["50"])
        #expect(bench.read([.power: number("2080"), .powerError: number("500")]).isEmpty, "an error alone has time")
        #expect(bench.read([.power: number("1990"), .powerError: number("500")]).isEmpty, "within 5 %")
        #expect(bench.read([.power: number("1960"), .powerError: number("500")]).payloads("jouled/grid/power") == ["1960"])
    }

    @Test func saysEverythingAtEveryConnect() {
        var bench = Bench()
        #expect(bench.read([.energyImport: number("33402.264"), .power: number("-345"), .serial: .text("4711")]) == [])
        let all = [
            MQTTMessage("jouled/status", "online", qos: 1, retain: true),
            MQTTMessage("jouled/grid/availability", "online", qos: 1, retain: true),
            MQTTMessage("jouled/grid/problem", "none", qos: 1, retain: true),
            MQTTMessage("jouled/grid/energy_import", "33402.264", qos: 1, retain: true),
            MQTTMessage("jouled/grid/power", "-345", qos: 0, retain: true, expiresAfter: 60),
            MQTTMessage("jouled/grid/serial", "4711", qos: 1, retain: true),
        ]
        let json =
            #"{"time":"2026-11-21T06:28:00.000Z","meter":"grid","serial":"4711","energy_import":33402.264,"power":-345}"#
        #expect(bench.publication.connected(now: bench.now) == all + [MQTTMessage("jouled/grid/json", json)])
        #expect(bench.update() == [])
        bench.publication.disconnected()
        bench.wait(.seconds(3600))
        #expect(bench.publication.nextDeadline == nil)
        #expect(bench.publication.connected(now: bench.now) == all)
    }

    @Test func hasNoTopicForWhatWasNeverRead() {
        var bench = Bench()
        bench.meter.isAvailable = false
        #expect(bench.publication.connected(now: bench.now).map(\.topic) == ["jouled/status"])
        #expect(bench.update().map(\.topic) == ["jouled/grid/availability", "jouled/grid/problem"])
    }

    @Test func throttlesEachValueAndLosesNoEnd() {
        var bench = Bench()
        _ = bench.publication.connected(now: bench.now)
        #expect(bench.read([.energyImport: number("1.000")]).payloads("jouled/grid/energy_import") == ["1.000"])
        for step in 1...3 {
            bench.wait(.seconds(1))
            #expect(bench.read([.energyImport: number("1.00\(step)")]) == [])
        }
        let sent = bench.pass(.seconds(60))
        #expect(sent.map(\.0) == [2, 2])
        #expect(sent.map(\.1).payloads("jouled/grid/energy_import") == ["1.003"])
        #expect(sent.map(\.1.topic).contains("jouled/grid/json"))
        #expect(bench.publication.nextDeadline == nil)
        // What did not change is not said again; what changes after a pause goes at once.
        bench.meter.readings -= 1
        #expect(bench.read([:]) == [])
        #expect(bench.read([.energyImport: number("1.004")]).payloads("jouled/grid/energy_import") == ["1.004"])
    }

    @Test func publishesEveryReadingOnDemand() {
        var bench = Bench(every: .zero)
        _ = bench.publication.connected(now: bench.now)
        for step in 1...5 {
            let messages = bench.read([.power: number("\(step)")])
            #expect(messages.payloads("jouled/grid/power") == ["\(step)"])
            #expect(messages.payloads("jouled/grid/json").count == 1)
        }
    }

    @Test(arguments: [
        ("100", "119", false), ("100", "121", true), ("1000", "1050", false), ("1000", "1051", true), ("1000", "900", true),
        ("5", "-1", true), ("0", "-15", false), ("-3", "2", true), ("-1000", "-1049", false),
    ])
    func letsSignificantPowerPass(from: String, to: String, isSignificant: Bool) {
        var bench = Bench()
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([.power: number(from)])
        bench.wait(.seconds(1))
        let messages = bench.read([.power: number(to)])
        #expect(messages.map(\.topic) == (isSignificant ? ["jouled/grid/power", "jouled/grid/json"] : []))
        // The interval begins anew.
        let sent = bench.pass(.seconds(10))
        #expect(sent.map(\.0) == (isSignificant ? [] : [4, 4]))
    }

    @Test func measuresSignificanceFromWhatWasPublished() {
        var bench = Bench()
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([.power: number("100")])
        #expect(bench.read([.power: number("115")]) == [])
        #expect(bench.read([.power: number("121")]).payloads("jouled/grid/power") == ["121"])
    }

    @Test func saysTroubleAtOnceAndKeepsTheValues() {
        var bench = Bench()
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([.power: number("100"), .meterError: .text("00")])
        bench.meter.isAvailable = false
        bench.meter.problem = "no such device"
        #expect(
            bench.update() == [
                MQTTMessage("jouled/grid/availability", "offline", qos: 1, retain: true),
                MQTTMessage("jouled/grid/problem", "no such device", qos: 1, retain: true),
            ])
        bench.meter.isAvailable = true
        bench.meter.problem = nil
        let back = bench.read([.meterError: .text("01")])
        #expect(back.payloads("jouled/grid/problem") == ["none"])
        #expect(back.payloads("jouled/grid/meter_error") == ["01"])
    }

    @Test func saysASetTotalAtOnce() {
        var bench = Bench()
        var total = PulseTotal(pulsesPerUnit: Quantity(1000))
        bench.meter = MeterSnapshot(name: "grid", title: "Heat pump", kind: .pulse(.electricity))
        bench.meter.total = total
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([.energy: number("0.000")])
        #expect(bench.read([.energy: number("0.001")]) == [])
        total.set(Quantity(77_125, exponent: -3), at: bench.wall)
        bench.meter.total = total
        #expect(bench.read([.energy: number("77.125")]).payloads("jouled/grid/energy") == ["77.125"])
    }

    @Test func saysDiagnosticsOnceAMinute() {
        var bench = Bench(every: .seconds(1))
        _ = bench.publication.connected(now: bench.now)
        var sent: [MQTTMessage] = []
        for telegram in 1...180 {
            sent += bench.read([.telegrams: number("\(telegram)"), .power: number("100")])
            sent += bench.pass(.seconds(1)).map(\.1)
        }
        #expect(sent.payloads("jouled/grid/telegrams") == ["1", "60", "120", "180"])
        #expect(sent.payloads("jouled/grid/power").count == 10, "only so that it does not expire")
    }

    /// A value that stands still must not look as if it were lost; one that is lost must not look as if it stood still.
    @Test(arguments: [(1, 20, 60), (5, 20, 60), (20, 20, 60), (600, 600, 1800)]) func repeatsPowerBeforeItExpires(
        every: Int64, pause: Int64, expiresAfter: Int
    ) {
        var bench = Bench(every: .seconds(every))
        _ = bench.publication.connected(now: bench.now)
        let first = bench.read([.power: number("100"), .energyImport: number("1.000"), .voltageL1: number("230.1")])
        #expect(first.filter { $0.expiresAfter != nil }.map(\.topic) == ["jouled/grid/power"])
        let sent = bench.pass(.seconds(5 * pause))
        #expect(sent.map(\.0) == [pause, 2 * pause, 3 * pause, 4 * pause, 5 * pause])
        #expect(
            Set(sent.map(\.1)) == [MQTTMessage("jouled/grid/power", "100", qos: 0, retain: true, expiresAfter: expiresAfter)])
        // A change begins the pause anew.
        bench.wait(.seconds(pause / 2))
        #expect(bench.read([.power: number("200")]).payloads("jouled/grid/power") == ["200"])
        #expect(bench.pass(.seconds(pause)).map(\.0) == [pause])
        bench.meter.isAvailable = false
        _ = bench.update()
        #expect(bench.pass(.seconds(3600)).isEmpty, "nobody knows whether it is still true")
        bench.meter.isAvailable = true
        #expect(bench.update().payloads("jouled/grid/power") == ["200"], "the broker has forgotten it")
    }

    @Test func repeatsEverythingWhenHomeAssistantStarts() {
        var delays: Set<Int64> = []
        for client in ["jouled-kitchen", "jouled-cellar", "a", ""] {
            var bench = Bench(clientID: client)
            _ = bench.publication.connected(now: bench.now)
            _ = bench.read([.power: number("100")])
            let begin = bench.now
            bench.publication.homeAssistantStarted(now: bench.now)
            bench.publication.homeAssistantStarted(now: bench.now)
            delays.insert(((bench.publication.nextDeadline ?? begin) - begin).nanoseconds / 1_000_000)
            let sent = bench.pass(.seconds(10)).map(\.1)
            #expect(sent.payloads("jouled/status") == ["online"])
            #expect(sent.payloads("jouled/grid/availability") == ["online"])
            #expect(sent.payloads("jouled/grid/power") == ["100"])
        }
        #expect(delays.count > 2)
        #expect(delays.allSatisfy { (0...3000).contains($0) })
    }

    @Test func saysWhatWaitsBeforeGoodbye() {
        var bench = Bench()
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([.energyImport: number("1.000")])
        _ = bench.read([.energyImport: number("1.001")])
        let last = bench.publication.farewell(now: bench.now)
        #expect(last.map(\.topic) == ["jouled/grid/energy_import", "jouled/grid/json", "jouled/status"])
        #expect(last.last == MQTTMessage("jouled/status", "offline", qos: 1, retain: true))
        #expect(last.last == bench.publication.will)
    }
}

@Suite struct AnnouncementTests {
    private let topic = "homeassistant/device/jouled_grid/config"

    @Test func announcesAgainWhenMoreIsSeen() {
        var bench = Bench(discovery: .device)
        _ = bench.publication.connected(now: bench.now)
        #expect(bench.read([.power: number("1")]).payloads(topic).count == 1)
        #expect(bench.read([.power: number("2")]).payloads(topic).count == 0)
        let more = bench.read([.energyImportT2: number("0.000")]).payloads(topic)
        #expect(more.count == 1)
        #expect(more.first?.contains(#""enabled_by_default":false"#) == true)
        bench.meter.values[.firmware] = .text("1.2")
        #expect(bench.read([:]).payloads(topic).first?.contains(#""sw_version":"1.2""#) == true)
        // The tariff runs after all.
        let runs = bench.read([.energyImportT2: number("0.001")]).payloads(topic)
        #expect(runs.first?.contains("enabled_by_default") == false)
        bench.publication.disconnected()
        #expect(bench.publication.connected(now: bench.now).payloads(topic).count == 1)
    }

    /// Entities made under one identity would stay behind as orphans under the next.
    @Test func waitsForTheSerialNumberButNotForEver() {
        var bench = Bench(discovery: .device)
        bench.meter.serial = nil
        _ = bench.publication.connected(now: bench.now)
        #expect(bench.read([.power: number("1")]).payloads(topic) == [])
        #expect(bench.read([.power: number("2")]).payloads(topic) == [])
        #expect(bench.read([.power: number("3")]).payloads(topic).first?.contains(#"["jouled_grid"]"#) == true)
    }

    @Test(arguments: [DiscoveryForm.device, .components]) func takesBackAMeterThatWasExchanged(form: DiscoveryForm) {
        var bench = Bench(every: .zero, discovery: form)
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([.power: number("1"), .energyImport: number("5.0")])
        bench.publication.disconnected()
        bench.meter.serial = "4712"
        bench.meter.values = [:]
        _ = bench.read([.energyImport: number("0.0")])
        let messages = bench.publication.connected(now: bench.now)
        let configs = messages.filter { $0.topic.hasPrefix("homeassistant/") }
        let takenBack = configs.prefix { $0.payload.isEmpty }
        #expect(takenBack.count == (form == .device ? 1 : 4))
        #expect(configs.dropFirst(takenBack.count).allSatisfy { $0.payload.contains("jouled_4712") && !$0.payload.contains("4711") })
        #expect(messages.payloads("jouled/grid/power") == [""])
        #expect(messages.payloads("jouled/grid/energy_import") == ["0.0"])
        #expect(messages.payloads("jouled/grid/json").first?.contains("power") == false)
    }
}
