import Configuration
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Testing

/// The output of `detect` must load, and describe what was found.
@Suite struct MeterBlockTests {
    private func load(_ text: String) throws -> [Configuration.Meter] {
        let tree = try parseTOML(Array(text.utf8), file: "c.toml")
        let environment = ConfigurationExampleTests.environment
        return try ConfigurationReader.read(tree, file: "c.toml", environment: environment).get().meters
    }

    private func energy(_ codes: OBISCode...) -> [Register] { codes.map { Register($0, .number(Quantity(1), .kilowattHours)) } }

    @Test(arguments: Language.all.map(\.name)) func isReadAsItWasFound(_ name: MeterProtocol) throws {
        let port = "/dev/serial/by-id/usb-\"A\\B\"\u{1}ü-port0"
        let found = (1...2).map { Configuration.Meter(found: $0, port: port + "\($0)", speaking: name) }
        let meters = try load(found.map(\.block).joined(separator: "\n"))
        #expect(meters.map(\.name) == ["grid", "grid2"])
        #expect(meters.map(\.port) == [port + "1", port + "2"])
        #expect(meters.allSatisfy { $0.meterProtocol == name && $0.registers == [OBISCode(1, 8, 0), OBISCode(2, 8, 0)] })
    }

    @Test func asksForTheTotalsThatThereAre() throws {
        let (imported, exported, day, night) = (OBISCode(1, 8, 0), OBISCode(2, 8, 0), OBISCode(1, 8, 1), OBISCode(1, 8, 2))
        func registers(_ found: [Register], _ name: MeterProtocol = .iec62056) throws -> [OBISCode] {
            try load(Configuration.Meter(found: 1, port: "/dev/ttyUSB0", speaking: name, registers: found).block)[0].registers
        }
        #expect(try registers(energy(imported, day, night)) == [imported])
        #expect(try registers(energy(day, night, exported)) == [day, night, exported])
        #expect(try registers(energy(OBISCode(32, 7, 0))) == [imported, exported])
        #expect(try registers(energy(day, night), .sml) == [imported, exported], "what pushes is not asked")
    }
}
