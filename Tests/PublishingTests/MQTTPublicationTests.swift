import Metering
import Publishing
import Testing

@Suite struct MQTTPublicationTests {
    /// Of an estimate, what is beyond its own error; and the error goes with it.
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
        // What did not change is not said again; what changes after a pause goes at once.
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
        ("100", "119", false), ("100", "121", true), ("1000", "1050", false), ("1000", "1051", true), ("1000", "900", true),
        ("5", "-1", true), ("0", "-15", false), ("-3", "2", true), ("-1000", "-1049", false),
    ])
    func letsSignificantPowerPass(from: String, to: String, isSignificant: Bool) {
        var bench = PublicationBench()
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

    /// A value that stands still must not look as if it were lost; one that is lost must not look as if it stood still.
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
}
