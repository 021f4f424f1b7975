import Metering
import Publishing
import Testing

/// The names of topics, and how they are parsed.
@Suite struct TopicsTests {
    private let topics = Topics(base: "home/energy", prefix: "ha")

    @Test func names() {
        #expect(topics.status == "home/energy/status" && topics.homeAssistantStatus == "ha/status")
        #expect(topics.command(.restart) == "home/energy/restart/set" && topics.command(.read) == "home/energy/read/set")
        #expect(topics.totalSet("gas") == "home/energy/gas/total/set" && topics.totalResult("gas") == "home/energy/gas/total/result")
        #expect(topics.deviceConfig("gas") == "ha/device/home_energy_gas/config")
        #expect(topics.deviceConfig(nil) == "ha/device/home_energy-bridge/config")
        #expect(topics.entityConfig(nil, platform: "button", key: "read") == "ha/button/home_energy-bridge/read/config")
    }

    private static let meters: [(String, String?)] = [
        ("home/energy/gas/volume", "gas"), ("home/energy/g/x", "g"), ("home/energy/gas/total/set", "gas"), ("home/energy//x", ""),
        ("home/energy/status", nil), ("home/energy", nil), ("home/energyx/gas/volume", nil), ("home/gas/volume", nil), ("", nil),
    ]

    @Test(arguments: meters) func meterOfATopic(_ topic: String, _ meter: String?) { #expect(topics.meter(of: topic) == meter) }

    private static let commands: [(String, String?)] = [
        ("home/energy/g/total/set", "g"), ("home/energy/gas/total/set", "gas"), ("home/energy//total/set", nil),
        ("home/energy/total/set", nil), ("home/energy/gas/total/sets", nil), ("home/energy/a/b/total/set", nil), ("/total/set", nil),
    ]

    @Test(arguments: commands) func meterOfACommand(_ topic: String, _ meter: String?) {
        #expect(topics.meter(ofTotalSet: topic) == meter)
    }

    /// Letters, digits, `_` and `-`, at most 64 of them.
    @Test func identifiers() {
        #expect(Topics.identifier("azAZ09_-") == "azAZ09_-" && Topics.identifier("`{@[/:.,^~") == "__________")
        let long = String(repeating: "7", count: 63)
        #expect(Topics.identifier(long + "8") == long + "8" && Topics.identifier(long + "89") == long + "8")
    }

    /// Names not allowed for registers: the name of a value, and words with a meaning below a meter's topic.
    @Test func takenNames() {
        for name in [
            "power", "volume", "availability", "json", "link", "meter", "meter_fault", "problem", "read", "status", "time", "total",
        ] {
            #expect(Topics.isTaken(name), "\(name)")
        }
        for name in ["powers", "peak", "", "Power"] { #expect(!Topics.isTaken(name), "\(name)") }
    }
}
