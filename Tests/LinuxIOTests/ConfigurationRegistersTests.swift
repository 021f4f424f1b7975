import Configuration
import MeterDaemon
import Metering
import Testing

/// Named registers, from the file's text.
@Suite struct ConfigurationRegistersTests {
    private func errors(_ list: String) -> [String] {
        ConfigurationErrorTests.errors(ConfigurationErrorTests.meter + "registers = [\(list)]")
    }

    @Test func areReadInTheirOrder() throws {
        let list = #"registers = ["1.8.0", "96.7.21=power_failures", "0-0:96.14.0=tariff", "1.8.0*01=month-1"]"#
        let text = ConfigurationErrorTests.meter + list
        let meter = try #require(try ConfigurationErrorTests.read(text).get().meters.first)
        let codes = [OBISCode(96, 7, 21), OBISCode(0, 0, 96, 14, 0, 255), OBISCode(1, 0, 1, 8, 0, 1)]
        #expect(meter.registers == [OBISCode(1, 8, 0)] + codes)
        #expect(meter.named == zip(codes, ["power_failures", "tariff", "month-1"]).map { NamedRegister($0, name: $1) })
        #expect(meter.summary.contains("96.7.21 as power_failures, 0-0:96.14.0 as tariff, 1.8.0*1 as month-1, "))
    }

    private static let wrong: [(String, String)] = [
        ("\"96.7=\"", "4:14: meter.registers: \"\" is not a valid name; expected 1 to 64 of a-z, 0-9, _ and -, e.g. \"grid\""),
        (
            "\"1.8.0\", \"96.7.21=Power failures\"",
            "4:23: meter.registers: \"Power failures\" is not a valid name; expected 1 to 64 of a-z, 0-9, _ and -, e.g. \"grid\""
        ),
        ("\"96.7.21=a/b\"", "4:14: meter.registers: \"a/b\" is not a valid name; expected 1 to 64 of a-z, 0-9, _ and -, e.g. \"grid\""),
        ("\"=failures\"", "4:14: meter.registers: \"=failures\" is not an OBIS code; expected e.g. \"1.8.0\""),
        ("\"96.7.x=failures\"", "4:14: meter.registers: \"96.7.x=failures\" is not an OBIS code; expected e.g. \"1.8.0\""),
        (
            "\"1.8.0=mine\"",
            "4:14: meter.registers: 1.8.0 is published as energy_import; expected \"1.8.0\" without a name"
        ),
        (
            "\"96.7.21=power\"",
            "4:14: meter.registers: \"power\" is a reserved name; expected another, e.g. \"my_power\""
        ),
        ("\"96.7.21=json\"", "4:14: meter.registers: \"json\" is a reserved name; expected another, e.g. \"my_json\""),
        (
            "\"96.7.21=a\", \"96.7.22=a\"",
            "4:27: meter.registers: \"a\" is already the name of 96.7.21; every register needs its own"
        ),
        ("\"96.7.21=a\", \"96.7.21=b\"", "4:27: meter.registers: \"96.7.21=b\" is in the list twice"),
    ]

    @Test(arguments: wrong) func areRefused(_ list: String, _ said: String) { #expect(errors(list) == ["c.toml:" + said]) }
}
