import Configuration
import MeterDaemon
import MeterProtocols
import Metering
import Publishing
import SimulatedWorld
import Testing
import VirtualMeters

/// The complete daemon with a meter that sends unasked.
@Suite struct PushMeterTests {
    private func house(
        _ kind: VirtualPushMeter.Kind, _ name: MeterProtocol?, at speed: BaudRate? = nil, watts: Int64 = 1_800, faults: [Fault] = []
    ) -> SimulatedHouse {
        let house = SimulatedHouse(seed: 1, profile: .steady(watts: watts), faults: faults, pushing: kind, pushingAt: speed)
        house.configuration.meters[0].meterProtocol = name
        house.start()
        return house
    }

    @Test(
        arguments: [
            (VirtualPushMeter.Kind.sml, MeterProtocol.sml), (.p1, .p1), (.modeD, .d0Push), (.sml, nil), (.p1, nil), (.modeD, nil),
        ] as [(VirtualPushMeter.Kind, MeterProtocol?)])
    func isPublished(_ kind: VirtualPushMeter.Kind, _ name: MeterProtocol?) {
        let house = house(kind, name)
        house.run(for: name == nil ? .seconds(40) : .seconds(5))
        #expect(house.value("grid/availability") == "online" && house.value("grid/problem") == "none")
        #expect(house.value("grid/power") == "1800" && house.value("grid/energy_import")?.hasPrefix("12345.6") == true)
        #expect(house.value("grid/serial")?.hasSuffix("VRT12345678") == true || house.value("grid/serial") == "1VRT0012345678")
        #expect(house.value("grid_gas/volume") == (kind == .p1 ? "981.443" : nil))
        #expect(house.value("grid_gas/availability") == (kind == .p1 ? "online" : nil))
        house.run(for: .seconds(400))
        // 0.2 kWh more.
        #expect(house.value("grid/energy_import")?.hasPrefix("12345.8") == true)
        #expect(name == nil || house.value("grid/errors") == "0")
        house.stop()
        #expect(!house.isRunning && (name == nil || house.line.bytesSent == 0), "who listens does not speak")
    }

    /// A meter that sends unasked is found without `protocol`, and usual speeds are found no later because of rare ones: asking takes 8 s, then
    /// 9600 Bd is tried for 6 s, 115200 Bd for 12 s.
    @Test(
        arguments: [
            (VirtualPushMeter.Kind.sml, nil, 10), (.modeD, .b9600, 12), (.p1, nil, 16), (.modeD, .b2400, 32),
        ] as [(VirtualPushMeter.Kind, BaudRate?, Int)])
    func isFoundInTime(_ kind: VirtualPushMeter.Kind, _ speed: BaudRate?, _ seconds: Int) {
        let house = house(kind, nil, at: speed, faults: [.eightBit])
        house.run(for: .seconds(seconds))
        #expect(house.value("grid/availability") == "online" && house.value("grid/energy_import")?.hasPrefix("12345.6") == true)
        house.run(for: .seconds(300))
        #expect(house.value("grid/availability") == "online" && house.value("grid/power") == "1800")
        house.stop()
    }

    /// With parity, and one flipped bit per thousand characters for ten minutes: every published total was sent, and totals only rise.
    @Test(arguments: VirtualPushMeter.Kind.allCases) func aDisturbedLine(_ kind: VirtualPushMeter.Kind) throws {
        let names: [VirtualPushMeter.Kind: MeterProtocol] = [.sml: .sml, .p1: .p1, .modeD: .d0Push]
        let house = house(kind, names[kind], faults: [.eightBit, .bitErrors(rate: 0.000125)])
        house.run(for: .seconds(600))
        let energies = house.broker.published.filter { $0.message.topic == "jouled/grid/energy_import" }.compactMap {
            Quantity($0.message.payload)
        }
        #expect(energies.count > 80 && zip(energies, energies.dropFirst()).allSatisfy { $0 <= $1 })
        let last = try #require(energies.last)
        #expect(last > Quantity(123_459, exponent: -1) && last < Quantity(123_460, exponent: -1))
        let powers = Set(house.broker.published.filter { $0.message.topic == "jouled/grid/power" }.map(\.message.payload))
        #expect(powers == ["1800"])
        #expect(house.value("grid/availability") == "online")
    }

    /// The meter stops sending, and no value is made up for it.
    @Test func silence() {
        let house = house(.sml, .sml, faults: [.silentAfter(.seconds(60))])
        house.run(for: .seconds(50))
        #expect(house.value("grid/availability") == "online")
        house.run(for: .seconds(300))
        #expect(house.value("grid/availability") == "offline")
        #expect(house.value("grid/problem") == "no data at 9600 Bd 8N1: check the head's position and orientation")
    }
}
