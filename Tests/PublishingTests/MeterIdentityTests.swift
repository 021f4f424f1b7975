import JSONReading
import Metering
import Testing

@testable import Publishing

/// Which device a meter is, and the names of its entities.
@Suite struct MeterIdentityTests {
    private static let grid: MeterSnapshot = {
        var meter = MeterSnapshot(name: "grid", title: "Grid", kind: .optical)
        (meter.manufacturer, meter.model, meter.serial) = ("ISK", "ME162", "4711")
        meter.values = [.firmware: .text("1.0"), .power: .number(Quantity(5))]
        return meter
    }()

    /// Everything that a meter sends about itself is part of its identity; its values are not.
    @Test func isOfOneMeter() {
        let identity = MeterIdentity(Self.grid)
        #expect(identity.isOf(Self.grid))
        let changes: [(inout MeterSnapshot) -> Void] = [
            { $0.serial = "4712" }, { $0.model = "ME163" }, { $0.manufacturer = "EMH" }, { $0.title = "Solar" },
            { $0.values.set(.firmware, .text("1.1")) }, { $0.serial = nil }, { $0.values.set(.firmware, nil) },
        ]
        for change in changes {
            var other = Self.grid
            change(&other)
            #expect(!identity.isOf(other), "\(other)")
        }
        var same = Self.grid
        same.values.set(.power, .number(Quantity(6)))
        same.readings = 7
        #expect(identity.isOf(same))
    }

    private let discovery = Discovery(
        form: .device, topics: Topics(base: "home/energy", prefix: "ha"), version: "1", clientID: "pi")

    @Test func identifiers() {
        var identity = MeterIdentity(Self.grid)
        #expect(!identity.isPulse && !identity.isNamedByTopic && discovery.identifier(of: identity) == "jouled_4711")
        identity.sharesIdentity = true
        #expect(discovery.identifier(of: identity) == "jouled_4711.grid" && discovery.plainIdentifier(of: identity) == "jouled_4711")
        #expect(Discovery.plainIdentifier("jouled_4711.grid") == "jouled_4711" && Discovery.plainIdentifier("jouled_4711") == "jouled_4711")
        identity.serial = nil
        #expect(identity.isNamedByTopic && discovery.identifier(of: identity) == "home_energy_grid", "a name is one anyway")
        var pulse = MeterSnapshot(name: "gas", title: "Gas", kind: .pulse(.gas))
        pulse.serial = "815"
        let counter = MeterIdentity(pulse)
        #expect(counter.isPulse && counter.isNamedByTopic && discovery.identifier(of: counter) == "home_energy_gas")
        #expect(counter.medium == .gas && identity.medium == .electricity)
    }

    private static let names: [(String, String?)] = [
        ("Power", nil), ("Energy", "Power"), ("Pow", "Power"), ("Powe", "Power"), ("Power of", "Power"),
    ]

    /// Home Assistant prepends the device's name, and complains if the entity's name already contains it.
    @Test(arguments: names) func namesWithoutThatOfTheDevice(_ title: String, _ expected: String?) throws {
        var meter = Self.grid
        meter.title = title
        let device = discovery.device(MeterIdentity(meter), values: [.power, .energyImport], idle: [], every: .seconds(5))
        let payload = try #require(device.messages.first?.payload)
        let components = try #require(JSONText(payload)?["components"])
        #expect(components["power"]?["name"] == (expected.map { .string($0) } ?? .null))
        #expect(components["energy_import"]?["name"] == .string(title == "Energy" ? "import" : "Energy import"))
    }

    /// A disabled value can be enabled by the user; momentary values expire.
    @Test func whatIsIdleIsNotShown() throws {
        let device = discovery.device(
            MeterIdentity(Self.grid), values: [.power, .energyImportT1, .energyImportT2], idle: [.energyImportT2], every: .seconds(100))
        let components = try #require(JSONText(device.messages.first?.payload ?? "")?["components"])
        #expect(components["energy_import_t1"]?["enabled_by_default"] == nil)
        #expect(components["energy_import_t2"]?["enabled_by_default"] == .bool(false))
        #expect(components["power"]?["expire_after"] == .number("300") && components["energy_import_t1"]?["expire_after"] == nil)
        #expect(components["meter_fault"] == nil && components["total"] == nil)
    }
}
