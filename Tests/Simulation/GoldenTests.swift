import Configuration
import Glibc
import MeterDaemon
import MeterProtocols
import Metering
import Publishing
import SimulatedWorld
import Testing
import VirtualMeters

/// Every announcement of every kind of meter, byte by byte. Names, classes and units are public API: a change of them must be written to these
/// files with `JOULED_WRITE_GOLDEN=1` and mentioned in the CHANGELOG.
@Suite struct GoldenTests {
    struct House: Sendable, CustomTestStringConvertible {
        var name: String
        var pushing: VirtualPushMeter.Kind?
        var pulses: [(medium: Medium, unit: Unit)]

        var testDescription: String { name }
    }

    private static let houses = [
        House(name: "me162", pushing: nil, pulses: [(.electricity, .kilowattHours), (.heat, .kilowattHours)]),
        House(name: "sml", pushing: .sml, pulses: [(.gas, .cubicMetres), (.water, .litres)]),
        House(name: "p1", pushing: .p1, pulses: [(.gas, .litres), (.water, .cubicMetres)]),
        House(name: "mode-d", pushing: .modeD, pulses: []),
    ]

    @Test(arguments: houses, [DiscoveryForm.device, .components]) func announcesAsEver(_ kind: House, form: DiscoveryForm) throws {
        let house = SimulatedHouse(seed: 41, pushing: kind.pushing)
        house.configuration.mqtt?.discovery = form
        house.configuration.mqtt?.clientID = "jouled-pi"
        house.configuration.pulses = Array(house.configuration.pulses.prefix(kind.pulses.count))
        for (index, pulse) in kind.pulses.enumerated() {
            house.configuration.pulses[index].medium = pulse.medium
            house.configuration.pulses[index].unit = pulse.unit
        }
        house.start()
        house.run(for: .seconds(300))
        let announced = house.broker.retained.filter { $0.key.hasSuffix("/config") && !$0.value.isEmpty }
        let lines = announced.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }
        let version = #""sw_version":"\#(jouledVersion)""#
        let text = lines.joined().split(separator: version, omittingEmptySubsequences: false).joined(separator: #""sw_version":"VERSION""#)
        let folder = try #require(#filePath.split(separator: "GoldenTests.swift").first)
        let path = "\(folder)Golden/\(kind.name)-\(form.rawValue).txt"
        if getenv("JOULED_WRITE_GOLDEN") != nil { try write(text, to: path) }
        let golden = try contents(of: path).split(separator: "\n").map(String.init)
        let new = text.split(separator: "\n").map(String.init)
        #expect(new.count == golden.count)
        for (new, golden) in zip(new, golden) { #expect(new == golden) }
    }

    private func write(_ text: String, to path: String) throws {
        let file = try #require(fopen(path, "w"))
        defer { fclose(file) }
        fputs(text, file)
    }

    private func contents(of path: String) throws -> String {
        let file = try #require(fopen(path, "r"), "there is no \(path)")
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
