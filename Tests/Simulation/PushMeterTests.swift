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

    /// A meter that sends unasked is found without `protocol`, because bytes that flow are listened to before anything is asked.
    @Test(
        arguments: [
            (VirtualPushMeter.Kind.sml, nil, 4), (.modeD, .b9600, 7), (.p1, nil, 4), (.modeD, .b2400, 12),
        ] as [(VirtualPushMeter.Kind, BaudRate?, Int)])
    func isFoundInTime(_ kind: VirtualPushMeter.Kind, _ speed: BaudRate?, _ seconds: Int) {
        let house = house(kind, nil, at: speed, faults: [.eightBit])
        house.run(for: .seconds(seconds))
        #expect(house.value("grid/availability") == "online" && house.value("grid/energy_import")?.hasPrefix("12345.6") == true)
        house.run(for: .seconds(300))
        #expect(house.value("grid/availability") == "online" && house.value("grid/power") == "1800")
        house.stop()
    }

    /// From the start of the daemon to the first published total, with nothing known and with what the previous run knew: 2.5 s and one
    /// interval at most, or just one interval.
    @Test(
        arguments: [
            (VirtualPushMeter.Kind.sml, 1000), (.sml, 2000), (.p1, 1000), (.p1, 10_000),
        ] as [(VirtualPushMeter.Kind, Int64)])
    func isPublishedSoon(_ kind: VirtualPushMeter.Kind, _ every: Int64) throws {
        let limit = Duration.milliseconds(3100 + every)
        for phase in stride(from: 0, to: every, by: Int(every / 4)) {
            let first = house(kind, every: .milliseconds(every), since: .milliseconds(phase))
            #expect(try #require(published(by: first, within: limit), "\(phase)") <= limit)
            first.stop()
            var memory = MeterMemory()
            memory.language = first.memory.memories["grid"]?.language
            #expect(memory.language == (kind == .sml ? KnownLanguage(.sml, speed: 9600) : KnownLanguage(.p1, speed: 115_200)))
            let second = house(kind, every: .milliseconds(every), since: .milliseconds(phase), memory)
            // The telegram itself takes up to 0.3 s.
            #expect(try #require(published(by: second, within: limit), "\(phase)") <= .milliseconds(300 + every))
            #expect(second.line.bytesSent == 0)
            second.stop()
        }
    }

    /// The meter was replaced by one with another language while the daemon was not running: the new language is found, and remembered.
    @Test func aLanguageThatDoesNotFitIsForgotten() throws {
        var memory = MeterMemory()
        for known in [KnownLanguage(.sml, speed: 9600), KnownLanguage(.iec62056), KnownLanguage(MeterProtocol(rawValue: "klingon"))] {
            memory.language = known
            let house = house(.p1, every: .seconds(1), since: .milliseconds(400), memory)
            house.run(for: .seconds(40))
            #expect(house.value("grid/availability") == "online" && house.value("grid/problem") == "none", "\(known)")
            #expect(house.memory.memories["grid"]?.language == KnownLanguage(.p1, speed: 115_200), "\(known)")
            house.stop()
        }
    }

    private func house(
        _ kind: VirtualPushMeter.Kind, every: Duration, since: Duration, _ memory: MeterMemory? = nil
    ) -> SimulatedHouse {
        let began = SimulatedLoop().now - since
        let meter = VirtualPushMeter(
            kind, every: every, household: Household(seed: 1, profile: .steady(watts: 1_800), startedAt: began), seed: 1, startedAt: began)
        let house = SimulatedHouse(seed: 1, meter: meter)
        house.memory.memories["grid"] = memory
        house.start()
        return house
    }

    /// When the first total is published, counted from the start.
    private func published(by house: SimulatedHouse, within limit: Duration) -> Duration? {
        let start = house.loop.now
        house.run(for: limit + .milliseconds(100))
        return house.broker.published.first { $0.message.topic == "jouled/grid/energy_import" }.map { $0.at - start }
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
