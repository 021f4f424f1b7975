import HomeAssistant
import JSONReading
import Metering
import Publishing
import Testing

/// The publication of registers named in the configuration.
@Suite struct NamedRegisterPublicationTests {
    private func register(_ code: OBISCode, _ name: String, _ value: RegisterValue? = nil) -> NamedRegister {
        var register = NamedRegister(code, name: name)
        register.value = value
        return register
    }

    private func bench(_ named: [NamedRegister], _ form: DiscoveryForm = .device) -> PublicationBench {
        var bench = PublicationBench(discovery: form)
        bench.meter.named = named
        return bench
    }

    private func sensor(_ bench: PublicationBench, _ name: String) -> JSONText? {
        bench.homeAssistant.entities["sensor jouled_4711_\(name)"]?.config.own
    }

    @Test func haveATopicAndAMemberOfTheirs() {
        var bench = bench([
            register(OBISCode(96, 7, 21), "failures", .number(Quantity(12), nil)), register(OBISCode(0, 9, 1), "clock", .text("12:00")),
            register(OBISCode(96, 7, 20), "missing"),
        ])
        _ = bench.connect()
        let messages = bench.read([.power: number("5")])
        #expect(messages.contains(MQTTMessage("jouled/grid/failures", "12", qos: 1, retain: true)))
        #expect(messages.payloads("jouled/grid/clock") == ["12:00"] && messages.payloads("jouled/grid/missing") == [])
        #expect(messages.payloads("jouled/grid/json").last?.hasSuffix(#""power":5,"failures":12,"clock":"12:00"}"#) == true)
        #expect(sensor(bench, "failures")?["name"]?.string == "Failures" && sensor(bench, "missing") == nil)
        bench.wait(.seconds(1))
        bench.meter.named[0].value = .number(Quantity(13), nil)
        #expect(bench.read([:]) == [], "as often as the others")
        #expect(bench.pass(.seconds(60)).map(\.1).payloads("jouled/grid/failures") == ["13"])
        #expect(bench.homeAssistant.complaints == [])
    }

    /// For any unit, nothing is announced that Home Assistant would refuse or warn about.
    @Test(arguments: DiscoveryForm.allCases) func keepTheRules(_ form: DiscoveryForm) {
        let codes = [OBISCode(15, 8, 0), OBISCode(16, 8, 0), OBISCode(1, 0, 1, 8, 0, 1), OBISCode(1, 6, 1), OBISCode(0, 1, 24, 2, 1, 255)]
        var named: [NamedRegister] = []
        for (index, unit) in (Unit.allCases + [nil]).enumerated() {
            for code in codes { named.append(register(code, "n\(index)_\(named.count)", .number(Quantity(1234, exponent: -2), unit))) }
        }
        var bench = bench(named, form)
        _ = bench.connect()
        _ = bench.read([.power: number("5")])
        #expect(bench.homeAssistant.complaints == [])
        #expect(form == .off || bench.homeAssistant.entities.count > named.count)
    }

    /// Announcements are paced and values are not: under the old announcement the new value would have the wrong unit, or be no number.
    @Test(arguments: [RegisterValue.number(Quantity(7), .kilowattHours), .text("none")]) func waitForTheirNewUnit(_ new: RegisterValue) {
        var bench = bench([register(OBISCode(96, 7, 21), "other", .number(Quantity(5), .watts))])
        _ = bench.connect()
        _ = bench.read([.power: number("5")])
        bench.wait(.seconds(1))
        bench.meter.named[0].value = new
        #expect(bench.read([:]).payloads("jouled/grid/other") == [])
        let messages = bench.pass(.seconds(20)).map(\.1)
        let announced = messages.firstIndex { $0.topic.hasPrefix("homeassistant/") }
        let said = messages.firstIndex { $0.topic == "jouled/grid/other" }
        #expect(messages.payloads("jouled/grid/other") == [new == .text("none") ? "none" : "7"])
        #expect(announced.map { announced in said.map { announced < $0 } ?? false } == true)
        #expect(bench.homeAssistant.complaints == [])
    }

    @Test func haveTheClassOfTheirUnit() {
        let kilowatts = RegisterValue.number(Quantity(4310, exponent: -3), .kilowatts)
        var bench = bench([
            register(OBISCode(15, 8, 0), "both", .number(Quantity(5), .wattHours)), register(OBISCode(1, 6, 1), "peak", kilowatts),
            register(OBISCode(1, 0, 1, 8, 0, 1), "last", .number(Quantity(5), .kilowattHours)),
        ])
        _ = bench.connect()
        _ = bench.read([.power: number("5")])
        func facts(_ name: String) -> [String?] {
            ["device_class", "state_class", "unit_of_measurement"].map { sensor(bench, name)?[$0]?.string }
        }
        #expect(facts("both") == ["energy", "total_increasing", "Wh"])
        #expect(facts("peak") == ["power", "measurement", "kW"])
        #expect(facts("last") == [nil, "measurement", "kWh"])
        // The value changes to a text.
        bench.meter.named[1].value = .text("none")
        bench.wait(.seconds(10))
        #expect(bench.read([:]).payloads("jouled/grid/peak") == ["none"])
        #expect(facts("peak") == [nil, nil, nil] && bench.homeAssistant.complaints == [])
    }

    private func next(after bench: PublicationBench, _ named: [NamedRegister]) -> PublicationBench {
        var next = self.bench(named)
        next.publication.remember(bench.publication.announcements)
        next.homeAssistant = bench.homeAssistant
        next.now = bench.now
        _ = next.connect()
        return next
    }

    @Test func stayUntilTheyAreReadAgainAndGoWithTheirLine() {
        let failures = register(OBISCode(96, 7, 21), "failures", .number(Quantity(12), nil))
        var bench = bench([failures, register(OBISCode(96, 7, 20), "others", .number(Quantity(1), nil))])
        _ = bench.connect()
        _ = bench.read([.power: number("5")])
        #expect(sensor(bench, "failures") != nil && sensor(bench, "others") != nil)

        var second = next(after: bench, [register(failures.code, "failures")])
        #expect(second.read([.power: number("6")]).payloads("jouled/grid/power") == ["6"])
        #expect(second.homeAssistant.deleted == [])
        second.meter.named = [failures]
        _ = second.read([:])
        #expect(second.homeAssistant.deleted == ["sensor jouled_4711_others"])
        #expect(second.homeAssistant.retained["jouled/grid/others"] == nil && sensor(second, "failures") != nil)

        // A register that never comes must not block the announcement forever.
        var third = next(after: second, [register(failures.code, "failures")])
        for _ in 0..<12 {
            third.wait(.seconds(60))
            _ = third.read([.power: number("7")])
        }
        #expect(third.homeAssistant.deleted.last == "sensor jouled_4711_failures" && sensor(third, "power") != nil)
        #expect(third.homeAssistant.complaints == [])
    }

    /// After a change of the meter, only the new one's registers remain.
    @Test func goWithTheMeterThatSentThem() {
        let failures = register(OBISCode(96, 7, 21), "failures", .number(Quantity(12), nil))
        var bench = bench([failures, register(OBISCode(96, 7, 20), "others", .number(Quantity(1), nil))], .off)
        _ = bench.connect()
        _ = bench.read([.power: number("5")])
        bench.meter.serial = "4712"
        bench.meter.named[1].value = nil
        bench.meter.named[0].value = .number(Quantity(13), nil)
        bench.wait(.seconds(60))
        let messages = bench.read([.power: number("6")])
        #expect(messages.payloads("jouled/grid/failures") == ["13"] && messages.payloads("jouled/grid/others") == [""])
        let json = messages.payloads("jouled/grid/json").first
        #expect(json?.contains("failures") == true && json?.contains("others") == false)
    }

    /// Even if nothing else was announced before.
    @Test func keepNobodyWaitingForEver() {
        let failures = register(OBISCode(96, 7, 21), "failures", .number(Quantity(12), nil))
        var bench = bench([failures])
        _ = bench.connect()
        _ = bench.read([:])
        #expect(sensor(bench, "failures") != nil)
        var second = next(after: bench, [register(failures.code, "failures")])
        for _ in 0..<9 {
            _ = second.read([.power: number("7")])
            second.wait(.seconds(100))
        }
        #expect(sensor(second, "power") == nil && second.homeAssistant.deleted == [])
        _ = second.read([.power: number("7")])
        #expect(sensor(second, "power") != nil && second.homeAssistant.deleted == ["sensor jouled_4711_failures"])
    }

    /// Ten minutes after the first reading, regardless of the number of readings.
    @Test func areWaitedForTenMinutes() {
        let failures = register(OBISCode(96, 7, 21), "failures", .number(Quantity(12), nil))
        var bench = bench([failures])
        _ = bench.connect()
        _ = bench.read([:])
        var second = next(after: bench, [register(failures.code, "failures")])
        let start = second.now
        for _ in 0..<20 { _ = second.read([.power: number("7")]) }
        second.now = start + .milliseconds(599_999)
        _ = second.read([.power: number("7")])
        #expect(sensor(second, "power") == nil)
        second.now = start + .seconds(600)
        _ = second.read([.power: number("7")])
        #expect(sensor(second, "power") != nil)
    }
}
