import Configuration
import HomeAssistant
import MeterDaemon
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
