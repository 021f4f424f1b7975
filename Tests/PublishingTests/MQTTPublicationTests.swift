import Metering
import Publishing
import Testing

@Suite struct MQTTPublicationTests {
    /// An estimate is sent immediately when it changes by more than its error, together with the error.
    @Test func anEstimateGoesAtOnceWhenItLeavesItsError() {
        var bench = PublicationBench()
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
        var bench = PublicationBench()
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
        var bench = PublicationBench()
        bench.meter.isAvailable = false
        #expect(bench.publication.connected(now: bench.now).map(\.topic) == ["jouled/status"])
        #expect(bench.update().map(\.topic) == ["jouled/grid/availability", "jouled/grid/problem"])
    }

    @Test func throttlesEachValueAndLosesNoEnd() {
        var bench = PublicationBench()
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
        // Unchanged values are not sent again; a change after a pause is sent immediately.
        bench.meter.readings -= 1
        #expect(bench.read([:]) == [])
        #expect(bench.read([.energyImport: number("1.004")]).payloads("jouled/grid/energy_import") == ["1.004"])
    }

    @Test func publishesEveryReadingOnDemand() {
        var bench = PublicationBench(every: .zero)
        _ = bench.publication.connected(now: bench.now)
        for step in 1...5 {
            let messages = bench.read([.power: number("\(step)")])
            #expect(messages.payloads("jouled/grid/power") == ["\(step)"])
            #expect(messages.payloads("jouled/grid/json").count == 1)
        }
    }

    @Test(arguments: [
        ("100", "119", false), ("100", "120", false), ("100", "121", true), ("100", "80", false), ("100", "79", true),
        ("1000", "1050", false), ("1000", "1051", true), ("1000", "900", true),
        ("5", "-1", true), ("0", "-15", false), ("-3", "2", true), ("-1000", "-1049", false),
    ])
    func letsSignificantPowerPass(from: String, to: String, isSignificant: Bool) {
        var bench = PublicationBench()
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([.power: number(from)])
        bench.wait(.seconds(1))
        let messages = bench.read([.power: number(to)])
        #expect(messages.map(\.topic) == (isSignificant ? ["jouled/grid/power", "jouled/grid/json"] : []))
        // The interval starts again.
        let sent = bench.pass(.seconds(10))
        #expect(sent.map(\.0) == (isSignificant ? [] : [4, 4]))
    }

    @Test func measuresSignificanceFromWhatWasPublished() {
        var bench = PublicationBench()
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([.power: number("100")])
        #expect(bench.read([.power: number("115")]) == [])
        #expect(bench.read([.power: number("121")]).payloads("jouled/grid/power") == ["121"])
    }

    @Test func saysTroubleAtOnceAndKeepsTheValues() {
        var bench = PublicationBench()
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
        var bench = PublicationBench()
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
        var bench = PublicationBench(every: .seconds(1))
        _ = bench.publication.connected(now: bench.now)
        var sent: [MQTTMessage] = []
        for telegram in 1...180 {
            sent += bench.read([.telegrams: number("\(telegram)"), .power: number("100")])
            sent += bench.pass(.seconds(1)).map(\.1)
        }
        #expect(sent.payloads("jouled/grid/telegrams") == ["1", "60", "120", "180"])
        #expect(sent.payloads("jouled/grid/power").count == 10, "only so that it does not expire")
    }

    /// A constant value must not look lost, and a lost value must not look constant.
    @Test(arguments: [(1, 20, 60), (5, 20, 60), (20, 20, 60), (600, 600, 1800)]) func repeatsPowerBeforeItExpires(
        every: Int64, pause: Int64, expiresAfter: Int
    ) {
        var bench = PublicationBench(every: .seconds(every))
        _ = bench.publication.connected(now: bench.now)
        let first = bench.read([.power: number("100"), .energyImport: number("1.000"), .voltageL1: number("230.1")])
        #expect(first.filter { $0.expiresAfter != nil }.map(\.topic) == ["jouled/grid/power"])
        let sent = bench.pass(.seconds(5 * pause))
        #expect(sent.map(\.0) == [pause, 2 * pause, 3 * pause, 4 * pause, 5 * pause])
        #expect(
            Set(sent.map(\.1)) == [MQTTMessage("jouled/grid/power", "100", qos: 0, retain: true, expiresAfter: expiresAfter)])
        // A change restarts the interval.
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
            var bench = PublicationBench(clientID: client)
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
        var bench = PublicationBench()
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([.energyImport: number("1.000")])
        _ = bench.read([.energyImport: number("1.001")])
        let last = bench.publication.farewell(now: bench.now)
        #expect(last.map(\.topic) == ["jouled/grid/energy_import", "jouled/grid/json", "jouled/grid/availability", "jouled/status"])
        #expect(last.last == MQTTMessage("jouled/status", "offline", qos: 1, retain: true))
        #expect(last.last == bench.publication.will)
    }

    private static let jitters: [(String, Int64)] = [
        ("", 0x811C_9DC5 % 3001), ("a", 0xE40C_292C % 3001), ("foobar", 0xBF9C_F968 % 3001),
    ]

    /// A delay of up to three seconds, by the FNV-1a hash of the client ID (checked against its authors' test vectors), and at least ten seconds
    /// after the last answer.
    @Test(arguments: jitters) func answersABirthAfterAWhile(_ client: String, _ milliseconds: Int64) {
        var bench = PublicationBench(clientID: client)
        _ = bench.publication.connected(now: bench.now)
        bench.wait(.seconds(60))
        let jitter = Duration.milliseconds(milliseconds)
        bench.publication.homeAssistantStarted(now: bench.now)
        let due = bench.now + jitter
        #expect(bench.publication.nextDeadline == due)
        // A second birth message changes nothing.
        bench.publication.homeAssistantStarted(now: bench.now + .milliseconds(1))
        #expect(bench.publication.nextDeadline == due)
        #expect(bench.publication.tick(now: due).payloads("jouled/status") == ["online"] && bench.publication.nextDeadline == nil)
        bench.publication.homeAssistantStarted(now: due + .seconds(1))
        #expect(bench.publication.nextDeadline == due + .seconds(10))
        #expect(bench.publication.tick(now: due + .milliseconds(9999)) == [])
        #expect(bench.publication.tick(now: due + .seconds(10)).count == 1)
        bench.publication.homeAssistantStarted(now: due + .seconds(40))
        #expect(bench.publication.nextDeadline == due + .seconds(40) + jitter)
        // Without a connection there is no answer; a new connection publishes everything anyway.
        bench.publication.disconnected()
        bench.publication.homeAssistantStarted(now: due + .seconds(41))
        #expect(bench.publication.nextDeadline == nil)
        _ = bench.publication.connected(now: due + .seconds(42))
        bench.publication.homeAssistantStarted(now: due + .seconds(42))
        #expect(bench.publication.nextDeadline == due + .seconds(42) + jitter)
    }

    /// A birth message must not delay messages that are due earlier.
    @Test func aBirthHoldsNothingBack() {
        var bench = PublicationBench(every: .milliseconds(100), clientID: "foobar")
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([.energyImport: number("1.000")])
        _ = bench.read([.energyImport: number("1.001")])
        bench.publication.homeAssistantStarted(now: bench.now)
        #expect(bench.publication.nextDeadline == bench.now + .milliseconds(100))
        let sent = bench.publication.tick(now: bench.now + .milliseconds(100))
        #expect(sent.payloads("jouled/grid/energy_import") == ["1.001"] && sent.payloads("jouled/status") == [])
        #expect(bench.publication.nextDeadline == bench.now + .milliseconds(0xBF9C_F968 % 3001))
    }

    /// A meter that is not in the configuration is published every five seconds.
    @Test func aMeterBehindAnotherHasTheUsualInterval() {
        var bench = PublicationBench(every: .seconds(60))
        bench.others = [MeterSnapshot(name: "grid_gas", title: "Gas", kind: .sub(.gas), volumeUnit: .cubicMetres)]
        bench.others[0].values = [.volume: number("1.000")]
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([.energyImport: number("1.000")])
        bench.others[0].values = [.volume: number("1.001")]
        bench.others[0].readings = 1
        _ = bench.read([.energyImport: number("1.001")])
        let sent = bench.pass(.seconds(60)).filter { !$0.1.topic.hasSuffix("/json") }
        #expect(sent.map(\.0) == [5, 60] && sent.map(\.1.topic) == ["jouled/grid_gas/volume", "jouled/grid/energy_import"])
        #expect(bench.publication.isConfigured("grid") && !bench.publication.isConfigured("grid_gas"))
    }

    private static let rare: [(Measurand, Int64, Int64)] = [
        (.telegrams, 1, 60), (.errors, 1, 60), (.lastReading, 1, 60), (.meterClockOffset, 1, 60), (.pulsesLost, 1, 1),
        (.energyImport, 1, 1),
        (.errors, 120, 120), (.energyImport, 120, 120),
    ]

    /// Values of minor interest are sent once a minute, or at the configured interval if that is longer.
    @Test(arguments: rare) func whatIsSaidRarely(_ measurand: Measurand, _ every: Int64, _ expected: Int64) {
        var bench = PublicationBench(every: .seconds(every))
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([measurand: number("1")])
        _ = bench.read([measurand: number("2")])
        let sent = bench.pass(.seconds(300)).filter { $0.1.topic == "jouled/grid/\(measurand.rawValue)" }
        #expect(sent.map(\.0) == [expected] && sent.map(\.1.payload) == ["2"])
    }

    /// Meters may arrive in a different order; each one's published values stay separate.
    @Test func metersMayChangePlaces() {
        var bench = PublicationBench(every: .zero)
        var heat = MeterSnapshot(name: "heat", title: "Heat pump", kind: .pulse(.electricity))
        heat.values = [.energy: number("5.000")]
        _ = bench.publication.connected(now: bench.now)
        bench.others = [heat]
        _ = bench.read([.energyImport: number("1.000")])
        bench.wait(.seconds(5))
        heat.values = [.energy: number("6.000")]
        heat.readings = 1
        bench.meter.values = [.energyImport: number("2.000")]
        bench.meter.readings += 1
        let swapped = bench.publication.update(Snapshot(meters: [heat, bench.meter]), now: bench.now, wall: bench.wall)
        #expect(swapped.payloads("jouled/heat/energy") == ["6.000"] && swapped.payloads("jouled/grid/energy_import") == ["2.000"])
        #expect(swapped.filter { !$0.topic.hasSuffix("/json") }.count == 2)
    }

    /// A JSON line contains the time and the serial number only once.
    @Test func jsonSaysNothingTwice() {
        var bench = PublicationBench(every: .zero)
        _ = bench.publication.connected(now: bench.now)
        let messages = bench.read([.lastReading: .time(bench.wall), .serial: .text("4711"), .meterError: .text("00"), .power: number("5")])
        let json = #"{"time":"2026-11-21T06:28:00.000Z","meter":"grid","serial":"4711","power":5,"meter_error":"00"}"#
        #expect(messages.payloads("jouled/grid/json") == [json])
        bench.meter.serial = nil
        let without = bench.read([.power: number("6")])
        #expect(without.payloads("jouled/grid/json").first?.contains("serial") == false)
    }

    /// The JSON line has its own interval: it and the values don't wait for each other.
    @Test func theNextOfValuesAndJSONIsTheDeadline() {
        var bench = PublicationBench()
        _ = bench.publication.connected(now: bench.now)
        _ = bench.read([.telegrams: number("1"), .energyImport: number("1.000"), .power: number("100")])
        let start = bench.now
        _ = bench.read([.telegrams: number("2")])
        #expect(bench.publication.nextDeadline == start + .seconds(5), "the JSON, long before the telegrams")
        #expect(bench.publication.tick(now: start + .seconds(5)).map(\.topic) == ["jouled/grid/json"])
        bench.now = start + .seconds(8)
        #expect(bench.read([.power: number("500"), .energyImport: number("1.001")]).payloads("jouled/grid/json").count == 1)
        bench.now = start + .seconds(9)
        _ = bench.read([.energyImport: number("1.002")])
        #expect(bench.publication.nextDeadline == start + .seconds(13))
        bench.now = start + .seconds(11)
        let urgent = bench.read([.power: number("5")])
        #expect(urgent.map(\.topic) == ["jouled/grid/power", "jouled/grid/json"])
        #expect(bench.publication.nextDeadline == start + .seconds(13), "the energy, before the next JSON")
    }
}
