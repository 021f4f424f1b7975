import Configuration
import MeterProtocols
import Metering
import Testing

/// The reader without a TOML parser: trees built by hand, with one key per line.
@Suite struct ConfigurationReaderTests {
    let environment = ConfigurationEnvironment(hostName: "pi", readSecret: { _ in .missing }, obstacle: { _ in nil })

    func table(from line: Int, _ rows: [(String, TOMLValue.Content)]) -> TOMLTable {
        TOMLTable(
            rows.enumerated().map { index, row in
                let position = TOMLPosition(line + index, 1)
                return TOMLTable.Entry(
                    row.0, at: position, TOMLValue(row.1, at: TOMLPosition(line + index, row.0.count + 4)))
            })
    }

    func tree(meter rows: [(String, TOMLValue.Content)] = [], pulse: [(String, TOMLValue.Content)] = []) -> TOMLTable {
        var top: [(String, TOMLValue.Content)] = []
        let meter = [("name", TOMLValue.Content.string("grid")), ("port", .string("/dev/ttyUSB0"))] + rows
        top.append(("meter", .array([TOMLValue(.table(table(from: 10, meter)), at: TOMLPosition(9, 1))])))
        if !pulse.isEmpty {
            let pulse = [("name", TOMLValue.Content.string("heat_pump")), ("line", .string("GPIO17"))] + pulse
            top.append(("pulse", .array([TOMLValue(.table(table(from: 30, pulse)), at: TOMLPosition(29, 1))])))
        }
        return table(from: 1, top)
    }

    func errors(_ tree: TOMLTable) -> [String] {
        switch ConfigurationReader.read(tree, file: "config.toml", environment: environment) {
        case .success: []
        case .failure(let errors): errors.errors.map(\.description)
        }
    }

    @Test func leastMeterHasAllDefaults() throws {
        let configuration = try ConfigurationReader.read(tree(), file: "config.toml", environment: environment).get()
        var expected = Configuration()
        expected.meters = [Configuration.Meter(name: "grid", title: "Grid", port: "/dev/ttyUSB0")]
        #expect(configuration == expected)
        #expect(configuration.mqtt == nil)
    }

    @Test func leastPulseHasAllDefaults() throws {
        let tree = tree(pulse: [("edge", .string("falling"))])
        let configuration = try ConfigurationReader.read(tree, file: "config.toml", environment: environment).get()
        #expect(configuration.pulses == [Configuration.Pulse(name: "heat_pump", title: "Heat pump", line: .name("GPIO17"))])
    }

    @Test(arguments: [
        ("0s", Duration.zero), ("500ms", .milliseconds(500)), ("0.5ms", .microseconds(500)), ("1s", .seconds(1)),
        ("1.5s", .milliseconds(1500)),
        ("0.1s", .milliseconds(100)), ("1min", .seconds(60)), ("0.5min", .seconds(30)), ("1h", .seconds(3600)), ("0.25h", .seconds(900)),
    ])
    func readsDurations(_ text: String, _ duration: Duration) throws {
        let tree = tree(meter: [("every", .string(text))])
        #expect(try ConfigurationReader.read(tree, file: "config.toml", environment: environment).get().meters.first?.every == duration)
    }

    @Test(arguments: [
        "", "s", "5", "5 s", " 5s", "5s ", "-5s", "+5s", "1,5s", ".5s", "5.s", "1.2.3s", "5S", "5sec", "1m", "1d", "0x5s", "1e3s", "٣s",
        "½s",
        "0.0000000001s", "99999999999999999999s", "1h30min", "0.1234567890123ms",
    ])
    func refusesWhatIsNoDuration(_ text: String) {
        let expected = "is not a duration; expected e.g. \"500ms\", \"5s\", \"1.5s\", \"1min\" or \"1h\""
        #expect(errors(tree(meter: [("every", .string(text))])) == ["config.toml:12:9: meter.every: \"\(text)\" \(expected)"])
    }

    @Test(arguments: ["3601s", "1.1h", "61min", "2000000h"])
    func refusesDurationsOutOfRange(_ text: String) {
        let expected = "\"\(text)\" is out of range; expected \"0s\" to \"1h\""
        #expect(errors(tree(meter: [("every", .string(text))])) == ["config.toml:12:9: meter.every: \(expected)"])
    }

    @Test(
        arguments: [("25kW", 25_000), ("25000W", 25_000), ("17.25kW", 17_250), ("1W", 1), ("100000kW", 100_000_000)] as [(String, Int64)])
    func readsPowers(_ text: String, _ watts: Int64) throws {
        let tree = tree(meter: [("max_power", .string(text))])
        #expect(try ConfigurationReader.read(tree, file: "config.toml", environment: environment).get().meters.first?.maxPower == watts)
    }

    @Test(arguments: ["25", "25 kW", "kW", "-1kW", "25KW", "25kWh"])
    func refusesWhatIsNoPower(_ text: String) {
        let expected = "\"\(text)\" is not a power; expected e.g. \"25kW\" or \"25000W\""
        #expect(errors(tree(meter: [("max_power", .string(text))])) == ["config.toml:12:13: meter.max_power: \(expected)"])
    }

    @Test(arguments: ["0W", "0.5W", "1.0001kW", "100001kW", "99999999999999999kW"])
    func refusesPowersOutOfRange(_ text: String) {
        let expected = "\"\(text)\" is out of range; expected whole watts, \"1W\" to \"100000kW\""
        #expect(errors(tree(meter: [("max_power", .string(text))])) == ["config.toml:12:13: meter.max_power: \(expected)"])
    }

    @Test(arguments: [
        (TOMLValue.Content.integer("1000"), Quantity(1000)), (.float("0.1"), Quantity(1, exponent: -1)),
        (.float("75.000001"), Quantity(75_000_001, exponent: -6)), (.integer("1000000000"), Quantity(1_000_000_000)),
        (.integer("+5"), Quantity(5)),
    ])
    func keepsPulsesPerUnitExactly(_ content: TOMLValue.Content, _ quantity: Quantity) throws {
        let tree = tree(pulse: [("pulses_per_unit", content)])
        #expect(
            try ConfigurationReader.read(tree, file: "config.toml", environment: environment).get().pulses.first?.pulsesPerUnit == quantity)
    }

    @Test(arguments: [
        TOMLValue.Content.integer("0"), .float("0.0"), .integer("-1"), .integer("1000000001"), .float("0.0000001"), .float("1e3"),
        .float("inf"),
        .float("nan"), .integer("0x3E8"), .integer("99999999999999999999"),
    ])
    func refusesImpossiblePulsesPerUnit(_ content: TOMLValue.Content) {
        let text = errors(tree(pulse: [("pulses_per_unit", content)]))
        #expect(text.count == 1)
        #expect(text.first?.hasPrefix("config.toml:32:19: pulse.pulses_per_unit: ") == true)
        #expect(
            text.first?.hasSuffix(
                " is out of range; expected a number without quotes, e.g. 1000: more than 0, at most 1000000000, at most 6 decimals")
                == true)
    }

    @Test func acceptsThirtyTwoMetersAndSixtyFourPulses() throws {
        func many(_ count: Int, _ key: String, _ value: (Int) -> String) -> TOMLValue.Content {
            .array(
                (0..<count).map { index in
                    let rows: [(String, TOMLValue.Content)] = [("name", .string("\(key)\(index)")), (key, .string(value(index)))]
                    return TOMLValue(.table(table(from: index * 10, rows)), at: TOMLPosition(index * 10, 1))
                })
        }
        func tree(_ meters: Int, _ pulses: Int) -> TOMLTable {
            table(from: 1, [("meter", many(meters, "port") { "/dev/ttyUSB\($0)" }), ("pulse", many(pulses, "line") { "GPIO\($0)" })])
        }
        let configuration = try ConfigurationReader.read(tree(32, 64), file: "config.toml", environment: environment).get()
        #expect(configuration.meters.count == 32)
        #expect(configuration.pulses.count == 64)
        #expect(
            errors(tree(33, 65)) == [
                "config.toml:320:1: meter: more than 32 of them; jouled reads at most 32",
                "config.toml:640:1: pulse: more than 64 of them; jouled reads at most 64",
            ])
    }

    @Test func showsWhatTheFileSaysInOneSafeLine() {
        let long = String(repeating: "x", count: 100)
        #expect(
            errors(tree(meter: [("read", .string("a\u{1B}[31m\u{202E}\nb"))])) == [
                "config.toml:12:8: meter.read: \"a\\u{1b}[31m\\u{202e}\\u{a}b\" is unknown; allowed: \"registers\", \"readout\" or \"auto\""
            ])
        #expect(
            errors(tree(meter: [("read", .string(long))])) == [
                "config.toml:12:8: meter.read: \"\(long.prefix(60))…\" is unknown; allowed: \"registers\", \"readout\" or \"auto\""
            ])
    }

    @Test(
        arguments: [("auto", nil), ("iec62056", .iec62056), ("d0-push", .d0Push), ("sml", .sml), ("p1", .p1)] as [(String, MeterProtocol?)])
    func namesTheProtocols(_ name: String, _ expected: MeterProtocol?) throws {
        let tree = tree(meter: [
            ("protocol", .string(name)), ("address", .string("0042 A")), ("wake_up", .boolean(true)), ("direction", .string("status")),
        ])
        let configuration = try ConfigurationReader.read(tree, file: "config.toml", environment: environment).get()
        let meter = try #require(configuration.meters.first)
        #expect(meter.meterProtocol == expected && meter.address == "0042 A" && meter.wakesUp && meter.direction == .status)
        let isPush = expected.map { $0 != .iec62056 } ?? false
        #expect(meter.summary.split(separator: ", ").dropFirst().first?.hasPrefix("listens for ") == isPush)
    }

    @Test func summarizesInALineEach() throws {
        let tree = tree(
            meter: [("read", .string("registers"))],
            pulse: [
                ("unit", .string("m³")), ("medium", .string("gas")), ("pulses_per_unit", .integer("100")), ("publish_every", .string("0s")),
            ])
        var configuration = try ConfigurationReader.read(tree, file: "config.toml", environment: environment).get()
        #expect(
            configuration.summary == [
                "meter grid \"Grid\": /dev/ttyUSB0, asks by IEC 62056-21 or listens, reads 1.8.0 2.8.0 back to back, publishes every 5s, at most 25000 W",
                "pulse heat_pump \"Heat pump\": GPIO17, falling edge, bias pull-up, min_pulse 20ms, 100 per m³ of gas, publishes every reading",
                "no broker: there is no [mqtt]", "state in /var/lib/jouled, saved every 60s",
            ])
        var mqtt = Configuration.MQTT()
        (mqtt.host, mqtt.usesTLS, mqtt.username, mqtt.password) = ("fe80::1", true, "jouled", "hidden")
        configuration.mqtt = mqtt
        let line = "broker mqtts://[fe80::1]:1883 as \"jouled\" with a password, client jouled, topics under jouled, "
        #expect(configuration.summary.contains(line + "discovery device under homeassistant"))
    }
}
