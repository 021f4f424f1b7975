import HomeAssistant
import JSONReading
import Metering
import Publishing
import Testing

@Suite struct DiscoveryTests {
    private static let grid: MeterSnapshot = {
        var meter = MeterSnapshot(name: "grid", title: "Grid meter", kind: .optical)
        meter.manufacturer = "ISK"
        meter.model = "ME162-0033"
        meter.serial = "12345678"
        return meter
    }()

    private func messages(
        _ meter: MeterSnapshot, _ values: [Measurand], idle: Set<Measurand> = [], form: DiscoveryForm = .device, base: String = "jouled"
    ) -> [MQTTMessage] {
        Discovery(form: form, topics: Topics(base: base, prefix: "homeassistant"), version: "0.1.0", clientID: "jouled-pi")
            .device(MeterIdentity(meter), values: values, idle: idle, every: .seconds(5)).messages
    }

    @Test func announcesADevice() throws {
        let messages = messages(Self.grid, [.energyImport])
        let message = try #require(messages.first)
        #expect(messages.count == 1)
        #expect(message.topic == "homeassistant/device/jouled_grid/config")
        #expect(message.qos == 1)
        #expect(message.retain)
        let expected = """
            {"device":{"identifiers":["jouled_12345678"],"name":"Grid meter","manufacturer":"ISK","model":"ME162-0033",\
            "serial_number":"12345678","via_device":"jouled_jouled-pi"},"origin":{"name":"jouled","sw_version":"0.1.0"},"availability":[\
            {"topic":"jouled/grid/availability"},{"topic":"jouled/status"}],"availability_mode":"all","qos":1,"components":{\
            "energy_import":{"platform":"sensor","unique_id":"jouled_12345678_energy_import","name":"Energy import",\
            "state_topic":"jouled/grid/energy_import","device_class":"energy","state_class":"total_increasing",\
            "unit_of_measurement":"kWh","suggested_display_precision":3},\
            "link":{"platform":"binary_sensor","unique_id":"jouled_12345678_link","name":"Link",\
            "state_topic":"jouled/grid/availability","device_class":"connectivity","payload_on":"online","payload_off":"offline",\
            "entity_category":"diagnostic","availability":[{"topic":"jouled/status"}]},\
            "problem":{"platform":"sensor","unique_id":"jouled_12345678_problem","name":"Problem",\
            "state_topic":"jouled/grid/problem","entity_category":"diagnostic","availability":[{"topic":"jouled/status"}]}}}
            """
        #expect(message.payload == expected)
    }

    @Test(arguments: DiscoveryForm.allCases, [nil, Medium.electricity, .gas, .water, .heat])
    func keepsTheRules(form: DiscoveryForm, medium: Medium?) {
        for (unit, base) in [(Unit.cubicMetres, "jouled"), (.litres, "home/energy.1")] {
            var meter = Self.grid
            if let medium {
                meter = MeterSnapshot(name: "pulse", title: "Power", kind: .pulse(medium), volumeUnit: medium == .electricity ? nil : unit)
            }
            meter.values.set(.firmware, .text("1.0\"\u{1}"))
            for message in messages(meter, Measurand.allCases, form: form, base: base) {
                #expect(DiscoveryRules(topic: message.topic, message.payload).broken == [])
            }
        }
    }

    @Test func announcesEntitiesOneByOne() throws {
        let messages = messages(Self.grid, [.power], form: .components)
        #expect(
            messages.map(\.topic) == [
                "homeassistant/sensor/jouled_grid/power/config", "homeassistant/binary_sensor/jouled_grid/link/config",
                "homeassistant/sensor/jouled_grid/problem/config",
            ])
        let power = try #require(JSONText(messages[0].payload))
        #expect(power["availability"]?.elements.last?["topic"]?.string == "jouled/status")
        #expect(power["device"]?["identifiers"]?.elements == [.string("jouled_12345678")])
        // An entity's own availability replaces that of the device.
        let link = try #require(JSONText(messages[1].payload))
        #expect(link["availability"]?.elements.count == 1)
    }

    @Test func announcesItselfWithItsButtons() throws {
        var publication = MQTTPublication(
            topics: Topics(base: "jouled", prefix: "homeassistant"), discovery: .device, version: "0.1.0", clientID: "jouled-pi",
            publishEvery: [:])
        publication.commands = BridgeCommand.allCases
        let messages = publication.connected(now: Instant(nanoseconds: 0))
        #expect(messages.map(\.topic) == ["jouled/status", "homeassistant/device/jouled-bridge/config"])
        let expected = """
            {"device":{"identifiers":["jouled_jouled-pi"],"name":"jouled","sw_version":"0.1.0"},\
            "origin":{"name":"jouled","sw_version":"0.1.0"},"qos":1,"components":{\
            "status":{"platform":"binary_sensor","unique_id":"jouled_jouled-pi_status","name":"Status","state_topic":"jouled/status",\
            "entity_category":"diagnostic","device_class":"connectivity","payload_on":"online","payload_off":"offline"},\
            "restart":{"platform":"button","unique_id":"jouled_jouled-pi_restart","name":"Restart","command_topic":"jouled/restart/set",\
            "payload_press":"PRESS","device_class":"restart","entity_category":"config","availability":[{"topic":"jouled/status"}]},\
            "read":{"platform":"button","unique_id":"jouled_jouled-pi_read","name":"Read again","command_topic":"jouled/read/set",\
            "payload_press":"PRESS","entity_category":"config","availability":[{"topic":"jouled/status"}]}}}
            """
        #expect(messages.last?.payload == expected)
        #expect(DiscoveryRules(topic: messages[1].topic, expected).broken == [])
    }

    @Test func saysNothingWhenOff() { #expect(messages(Self.grid, [.power], form: .off) == []) }

    @Test func hidesWhatInterestsFew() throws {
        let payload = try #require(messages(Self.grid, Measurand.allCases, idle: [.energyImportT2]).first?.payload)
        let components = try #require(JSONText(payload)?["components"])
        let hidden = Measurand.allCases.filter { components[$0.rawValue]?["enabled_by_default"] == .bool(false) }
        #expect(
            hidden == [
                .energyImportT2, .reactiveEnergyImport, .reactiveEnergyExport, .reactivePowerImport, .reactivePowerExport, .pulses,
                .pulsesLost, .pulsesRecovered, .meterClockOffset, .telegrams, .errors,
            ])
    }

    @Test func letsAPulseTotalBeSet() throws {
        let meter = MeterSnapshot(name: "gas", title: "Gas", kind: .pulse(.gas), volumeUnit: .cubicMetres)
        let payload = try #require(messages(meter, [.volume]).first?.payload)
        let config = try #require(JSONText(payload))
        #expect(config["device"]?["identifiers"]?.elements == [.string("jouled_gas")])
        #expect(config["components"]?["volume"]?["device_class"] == .string("gas"))
        let number = try #require(config["components"]?["total"])
        #expect(number["platform"] == .string("number"))
        #expect(number["command_topic"] == .string("jouled/gas/total/set"))
        #expect(number["state_topic"] == .string("jouled/gas/volume"))
        #expect(number["max"] == .number("9999999"))
        #expect(number["unit_of_measurement"] == .string("m³"))
    }

    @Test func aMeterBehindAnotherIsADeviceWithoutANumberToSet() throws {
        var meter = MeterSnapshot(name: "grid_gas", title: "Grid gas", kind: .sub(.gas), volumeUnit: .cubicMetres)
        meter.serial = "G1"
        let payload = try #require(messages(meter, [.volume]).first?.payload)
        let config = try #require(JSONText(payload))
        #expect(config["device"]?["identifiers"]?.elements == [.string("jouled_G1")])
        #expect(config["components"]?["volume"]?["device_class"] == .string("gas"))
        #expect(config["components"]?["total"] == nil && config["device"]?["model"] == nil)
    }

    /// A serial number comes from outside and may contain anything.
    @Test func rewritesForeignCharacters() {
        #expect(Topics.identifier("1 EMH/00+#ü") == "1_EMH_00____")
        #expect(Topics.identifier(String(repeating: "9", count: 1000)).count == 64)
        #expect(Topics(base: "home/energy", prefix: "ha").deviceConfig("grid") == "ha/device/home_energy_grid/config")
    }

    @Test func findsTheMeterOfACommand() {
        let topics = Topics(base: "home/energy", prefix: "homeassistant")
        #expect(topics.meter(ofTotalSet: "home/energy/gas/total/set") == "gas")
        #expect(topics.meter(ofTotalSet: "home/energy/total/set") == nil)
        #expect(topics.meter(ofTotalSet: "home/energy//total/set") == nil)
        #expect(topics.meter(ofTotalSet: "home/energy/a/b/total/set") == nil)
        #expect(topics.meter(ofTotalSet: "home/gas/total/set") == nil)
    }
}
