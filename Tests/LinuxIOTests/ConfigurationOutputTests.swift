import Configuration
import LinuxIO
import MeterDaemon
import Metering
import Publishing
import Testing

/// The `[[output]]` tables, from the file's text to the displayed line.
@Suite struct ConfigurationOutputTests {
    static let head = """
        [mqtt]
        [[meter]]
        name = "grid"
        port = "/dev/ttyUSB0"
        [[pulse]]
        name = "pump"
        line = "GPIO17"
        [[pulse]]
        name = "gas"
        line = "GPIO18"
        unit = "m³"
        medium = "gas"
        pulses_per_unit = 100
        [[pulse]]
        name = "light"
        line = "GPIO19"
        of = "grid"
        [[output]]

        """
    private static let domoticz = head + "type = \"domoticz\"\n"
    private static let device = domoticz + "[[output.device]]\n"
    private static let form = head + "type = \"mqtt-form\"\n"

    static func errors(_ text: String) -> [String] { ConfigurationErrorTests.errors(text) }

    @Test func reads() throws {
        let text =
            Self.domoticz + """
                topic = "dz/in"
                every = "1min"
                [[output.device]]
                idx = 7
                meter = "grid"
                type = "p1"
                export = false
                [[output.device]]
                idx = 8
                meter = "pump"
                type = "kwh"
                [[output.device]]
                idx = 9
                meter = "grid_gas"
                type = "p1-gas"
                [[output.device]]
                idx = 10
                meter = "grid"
                type = "custom"
                quantity = "frequency"
                [[output]]
                type = "mqtt-form"
                topic = "power/form"
                meter = "grid"
                device_id = "EUI48:1"
                """
        let configuration = try ConfigurationErrorTests.read(text).get()
        var gateway = DomoticzGateway()
        gateway.topic = "dz/in"
        gateway.every = .seconds(60)
        gateway.devices = [
            DomoticzDevice(idx: 7, meter: "grid", kind: .p1), DomoticzDevice(idx: 8, meter: "pump", kind: .kwh),
            DomoticzDevice(idx: 9, meter: "grid_gas", kind: .p1Gas), DomoticzDevice(idx: 10, meter: "grid", kind: .custom),
        ]
        gateway.devices[0].hasExport = false
        gateway.devices[3].quantity = .frequency
        let form = FormOutput(meter: "grid", topic: "power/form", deviceID: "EUI48:1")
        #expect(configuration.outputs == [.init(gateway), .init(form)])
        #expect(configuration.mqttOutputs.count == 2)
        let summary = configuration.summary.filter { $0.hasPrefix("output ") }
        #expect(
            summary == [
                "output domoticz: to dz/in, at most every 60s", "output domoticz: idx 7 shows energy from the grid and power of grid as p1",
                "output domoticz: idx 8 shows energy and power of pump as kwh",
                "output domoticz: idx 9 shows the volume of grid_gas as p1-gas",
                "output domoticz: idx 10 shows frequency of grid as custom", "output mqtt-form: grid to power/form as \"EUI48:1\"",
            ])
    }

    @Test func refusesOtherTypes() {
        func type(_ type: String) -> [String] { Self.errors(Self.head + "type = \"\(type)\"\nurl = 1") }
        let version = "is not supported by this version of jouled"
        let later = "c.toml:19:8: output.type: \"influxdb\" \(version); allowed: \"domoticz\" or \"mqtt-form\""
        #expect(type("influxdb").first == later)
        #expect(type("http").first?.contains(version) == true)
        #expect(type("volkszaehler").first?.contains(version) == true)
        let wrong = "c.toml:19:8: output.type: \"domotics\" is unknown; did you mean \"domoticz\"? allowed: \"domoticz\" or \"mqtt-form\""
        #expect(type("domotics").first == wrong)
        #expect(Self.errors(Self.head) == ["c.toml:18:1: output.type: missing; expected \"domoticz\" or \"mqtt-form\""])
    }

    @Test func needsTheBroker() {
        let text = ConfigurationErrorTests.meter + "[[output]]\ntype = \"mqtt-form\"\ntopic = \"a\"\nmeter = \"grid\"\ndevice_id = \"b\""
        #expect(Self.errors(text) == ["c.toml:5:8: output.type: needs [mqtt]: it publishes to the same broker"])
    }

    @Test func needsItsKeys() {
        #expect(
            Self.errors(Self.domoticz) == [
                "c.toml:18:1: output.device: missing; expected an [[output.device]] below it for each virtual sensor in Domoticz"
            ])
        #expect(
            Self.errors(Self.device) == [
                "c.toml:20:1: output.device.idx: missing; the number of the virtual sensor: see Setup, Devices in Domoticz",
                "c.toml:20:1: output.device.meter: missing; expected the name of a [[meter]] or a [[pulse]]",
                "c.toml:20:1: output.device.type: missing; expected \"p1\", \"p1-gas\", \"kwh\", \"usage\", \"counter\", \"voltage\", \"current\", \"current-3\" or \"custom\"",
            ])
        #expect(
            Self.errors(Self.form) == [
                "c.toml:18:1: output.topic: missing; expected the former PE32ME162_TOPIC",
                "c.toml:18:1: output.meter: missing; expected the name of a [[meter]]",
                "c.toml:18:1: output.device_id: missing; expected the former PE32ME162_GUID",
            ])
        #expect(
            Self.errors(Self.form + "topic = \"a\"\nmeter = \"pump\"\ndevice_id = \"b\"\nevery = \"5s\"") == [
                "c.toml:21:9: output.meter: no [[meter]] named \"pump\"; allowed: \"grid\"",
                "c.toml:23:1: output.every: unknown key here; it belongs below [[meter]]: is there still a # before that line?",
            ])
    }

    static let devices: [(String, String)] = [
        (
            "idx = 0\nmeter = \"grid\"\ntype = \"p1\"",
            "21:7: output.device.idx: 0 is out of range; expected a whole number, 1 to 2147483647, without quotes"
        ),
        (
            "idx = 7\nmeter = \"grit\"\ntype = \"p1\"",
            "22:9: output.device.meter: no meter named \"grit\"; did you mean \"grid\"? allowed: \"grid\", \"pump\" or \"gas\""
        ),
        ("idx = 7\nmeter = \"light\"\ntype = \"kwh\"", "22:9: output.device.meter: \"light\" is the light of \"grid\"; expected \"grid\""),
        (
            "idx = 7\nmeter = \"pump\"\ntype = \"p1\"",
            "23:8: output.device.type: the pulse meter \"pump\" has no such values; allowed: \"kwh\", \"usage\", \"counter\" or \"custom\""
        ),
        (
            "idx = 7\nmeter = \"gas\"\ntype = \"kwh\"",
            "23:8: output.device.type: the pulse meter \"gas\" has no such values; allowed: \"p1-gas\", \"counter\" or \"custom\""
        ),
        (
            "idx = 7\nmeter = \"pump\"\ntype = \"usage\"\nquantity = \"power_l1\"",
            "23:8: output.device.type: the pulse meter \"pump\" has no power_l1"
        ),
        (
            "idx = 7\nmeter = \"grid\"\ntype = \"p1-gas\"",
            "23:8: output.device.type: an electricity meter has no gas; a gas meter behind its P1 port is named \"grid_gas\""
        ),
        (
            "idx = 7\nmeter = \"grid\"\ntype = \"p1\"\nquantity = \"power\"",
            "24:12: output.device.quantity: type = \"p1\" has a fixed quantity; remove it"
        ),
        ("idx = 7\nmeter = \"grid\"\ntype = \"custom\"", "20:1: output.device.quantity: missing; expected a quantity, e.g. \"frequency\""),
        ("idx = 7\nmeter = \"grid\"\ntype = \"kwh\"\nexport = false", "24:10: output.device.export: only for type = \"p1\""),
        (
            "idx = 7\nmeter = \"grid\"\ntype = \"voltage\"\nquantity = \"voltage\"",
            "24:12: output.device.quantity: \"voltage\" is unknown; did you mean \"voltage_l1\"? allowed: \"voltage_l1\", \"voltage_l2\" or \"voltage_l3\""
        ),
        (
            "idx = 7\nmeter = \"grid\"\ntype = \"p1\"\ntariffs = true",
            "24:11: output.device.tariffs: \"grid\" does not read them; expected registers = [\"1.8.1\", \"1.8.2\", \"2.8.1\", \"2.8.2\"] there, or its protocol if it sends by itself"
        ),
        (
            "idx = 7\nmeter = \"pump\"\ntype = \"kwh\"\n[[output.device]]\nidx = 7\nmeter = \"pump\"\ntype = \"counter\"",
            "25:7: output.device.idx: 7 already shows \"pump\"; every device needs its own"
        ),
    ]

    @Test(arguments: devices)
    func deviceLines(_ lines: String, _ expected: String) {
        let errors = Self.errors(Self.device + lines)
        #expect(errors.contains("c.toml:\(expected)"), "\(errors)")
    }

    @Test func tariffsThatAreRead() {
        let lines = "idx = 7\nmeter = \"grid\"\ntype = \"p1\"\ntariffs = true"
        func with(_ line: String) -> String { Self.device.replacingFirst("[[pulse]]", "\(line)\n[[pulse]]") + lines }
        #expect(Self.errors(with("protocol = \"p1\"")) == [])
        #expect(Self.errors(with("read = \"readout\"")) == [])
        #expect(Self.errors(with("registers = [\"1.8.1\", \"1.8.2\", \"2.8.1\", \"2.8.2\"]")) == [])
        #expect(Self.errors(with("registers = [\"1.8.1\", \"1.8.2\"]") + "\nexport = false") == [])
    }
}

extension String {
    fileprivate func replacingFirst(_ old: String, _ new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
    }
}
