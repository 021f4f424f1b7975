import Configuration
import HomeAssistant
import MeterDaemon
import MeterProtocols
import Metering
import Publishing
import SimulatedWorld
import Testing
import VirtualMeters

/// The complete daemon with its record of what it has announced to Home Assistant.
@Suite struct AnnouncementTests {
    private func house(seed: UInt64, after first: SimulatedHouse? = nil) -> SimulatedHouse {
        let house = SimulatedHouse(seed: seed)
        if let first {
            house.announcements.announcements = first.announcements.announcements
            house.store.totals = first.store.totals
            house.broker.inherit(first.broker)
        }
        return house
    }

    @Test func theNextProcessTakesBackWhatIsGone() {
        let first = house(seed: 31)
        first.start()
        first.run(for: .seconds(700))
        #expect(first.broker.homeAssistant.deleted == [])
        let saves = first.announcements.saves
        #expect((1...30).contains(saves), "\(saves): only what is new")
        first.run(for: .seconds(700))
        #expect(first.announcements.saves == saves)
        first.stop()

        let second = house(seed: 32, after: first)
        second.start()
        second.run(for: .seconds(1200))
        #expect(second.announcements.saves == 0, "nothing is new")
        #expect(second.broker.homeAssistant.deleted == [])
        second.stop()

        let third = house(seed: 33, after: second)
        third.configuration.pulses.removeLast()
        third.configuration.mqtt?.discovery = .components
        third.start()
        third.run(for: .seconds(1200))
        let gone = Set(third.broker.homeAssistant.deleted)
        #expect(gone.contains("sensor jouled_washer_energy"))
        #expect(gone.allSatisfy { $0.contains(" jouled_washer_") || $0.hasSuffix("_problem") || $0.hasSuffix("_status") }, "\(gone)")
        let left = third.broker.retained.filter { $0.key.contains("washer") && !$0.value.isEmpty }
        #expect(left.isEmpty)
        #expect(
            third.broker.homeAssistant.entities["sensor jouled_28342193_energy_import"]?.topic.hasSuffix("energy_import/config") == true)
        #expect(third.announcements.announcements.allSatisfy { $0.form == .components && $0.meter != "washer" })
    }

    private let config = "homeassistant/device/jouled_grid/config"

    private func configs(_ house: SimulatedHouse, _ topic: String) -> [String] {
        house.broker.published.filter { $0.message.topic == topic }.map(\.message.payload)
    }

    private func runUntilAnnounced(_ house: SimulatedHouse) {
        for _ in 1...60 where configs(house, config).isEmpty { house.run(for: .seconds(1)) }
    }

    /// The first announcement of an ME162, and of a pulse meter, contains the power that is estimated later.
    @Test func powerIsAnnouncedFromTheStart() {
        let house = house(seed: 36)
        house.start()
        runUntilAnnounced(house)
        let power = "sensor jouled_28342193_power"
        let entities = house.broker.homeAssistant.entities
        #expect(entities[power] != nil && entities["\(power)_error"] != nil)
        #expect(house.value("grid/power") == nil && house.value("grid/power_error") == nil)
        house.run(for: .seconds(50))
        #expect(house.value("grid/power") != nil && house.value("grid/power_error") != nil && house.value("heatpump/power") != nil)
        #expect(configs(house, config).count == 1)
        #expect(configs(house, "homeassistant/device/jouled_heatpump/config").first?.contains("jouled_heatpump_power_error") == true)
        house.run(for: .seconds(3600))
        let later = configs(house, config).dropFirst()
        #expect(later.count == 1 && later.first?.contains("meter_clock_offset") == true)
        #expect(house.broker.homeAssistant.deleted == [])
    }

    @Test(arguments: VirtualPushMeter.Kind.allCases) func theErrorOfPowerThatIsSentIsNeverAnnounced(_ kind: VirtualPushMeter.Kind) {
        let house = SimulatedHouse(seed: 37, pushing: kind)
        house.start()
        house.run(for: .seconds(300))
        #expect(house.value("grid/power") != nil)
        #expect(!configs(house, config).isEmpty && configs(house, config).allSatisfy { !$0.contains("power_error") })
    }

    /// A meter that is asked, and sends its power only from the second readout on.
    @Test func theErrorOfPowerThatComesLaterIsTakenBack() {
        let house = SimulatedHouse(seed: 38, meter: LatePower())
        house.configuration.meters[0].meterProtocol = .iec62056
        house.start()
        runUntilAnnounced(house)
        let power = "sensor jouled_12345678_power"
        #expect(house.broker.homeAssistant.entities["\(power)_error"] != nil)
        house.run(for: .seconds(60))
        #expect(house.value("grid/power") == "345" && house.broker.homeAssistant.entities[power] != nil)
        #expect(house.broker.homeAssistant.deleted == ["\(power)_error"])
        #expect(house.value("grid/power_error")?.isEmpty != false)
        #expect(house.broker.homeAssistant.restarted().entities["\(power)_error"] == nil)
        house.stop()

        let second = SimulatedHouse(seed: 39, meter: LatePower())
        second.configuration = house.configuration
        second.announcements.announcements = house.announcements.announcements
        second.broker.inherit(house.broker)
        second.start()
        second.run(for: .seconds(60))
        #expect(second.value("grid/power") == "345" && !configs(second, config).isEmpty)
        #expect(configs(second, config).allSatisfy { !$0.contains("power_error") })
    }

    /// The record was corrupted: entities that were removed meanwhile stay in Home Assistant, but nothing else is lost.
    @Test func withoutAMemoryAllIsAnnounced() {
        let first = house(seed: 34)
        first.start()
        first.run(for: .seconds(60))
        first.stop()
        let second = house(seed: 35, after: first)
        second.announcements.announcements = []
        second.announcements.failure = PortError("announced is damaged")
        second.start()
        second.run(for: .seconds(60))
        #expect(second.log.lines.count { $0.contains("announced is damaged") } == 2, "once when read, once when written")
        #expect(second.broker.homeAssistant.deleted == [])
        #expect(second.broker.published.contains { $0.message.topic == "homeassistant/device/jouled_grid/config" })
    }
}

/// A meter of mode A whose first readout lacks the power register.
private struct LatePower: VirtualMeter {
    private var heard: [UInt8] = []
    private var readouts = 0

    var nextDeadline: Instant? { nil }

    mutating func advance(to now: Instant) -> [Emission] { [] }

    mutating func received(_ bytes: [UInt8], at now: Instant, lineSpeed: BaudRate) -> [Emission] {
        heard += bytes.map { $0 & 0x7F }
        guard heard.suffix(5).elementsEqual("/?!\r\n".utf8) else { return [] }
        heard = []
        readouts += 1
        let identification = Emission(Array("/VRTXmodeA-0001\r\n".utf8), at: .b300, start: now + .milliseconds(270))
        let power = readouts > 1 ? "1.7.0(0.345*kW)\r\n" : ""
        let content = Array("C.1.0(12345678)\r\n1.8.0(001234.567*kWh)\r\n\(power)!\r\n\u{3}".utf8)
        let block = [ControlCharacter.stx] + content + [BlockCheck.of(content)]
        return [identification, Emission(block, at: .b300, start: identification.end + .milliseconds(400))]
    }
}
