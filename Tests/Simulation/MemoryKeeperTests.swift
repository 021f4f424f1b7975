import MeterDaemon
import Metering
import SimulatedWorld
import Testing
import VirtualMeters

/// When the memories of the meters are saved, to the second.
@Suite struct MemoryKeeperTests {
    /// The seconds after the start at which there was a save.
    private func saves(of house: SimulatedHouse, until end: Int) -> [Int] {
        var seconds: [Int] = []
        let before = house.memory.saves
        var known = before
        for second in 1...end {
            house.run(for: .seconds(1))
            guard house.memory.saves > known else { continue }
            known = house.memory.saves
            seconds.append(second)
        }
        return seconds
    }

    /// Ten seconds after the first total, which comes within ten seconds; then every hour.
    @Test func tenSecondsAndThenEachHour() throws {
        let house = SimulatedHouse(seed: 10)
        house.start()
        var first: Int?
        for tenth in 1...200 where first == nil {
            house.run(for: .milliseconds(100))
            if house.memory.notes["grid"]?.totals.isEmpty == false { first = tenth }
        }
        let known = try #require(first)
        var saved: Int?
        for tenth in (known + 1)...(known + 200) where saved == nil {
            house.run(for: .milliseconds(100))
            if house.memory.saves == 1 { saved = tenth }
        }
        let soon = try #require(saved)
        // The first totals arrive one after another.
        #expect((95...101).contains(soon - known), "\(soon - known) tenths after the first total")
        let next = saves(of: house, until: 7300)
        #expect(next == [3600, 7200], "\(next)")
    }

    /// If the disk was full, saving is retried an hour later. The problem is only logged again if a save has succeeded in between.
    @Test func aFailureIsSaidOnceAndTriedAgain() {
        let house = SimulatedHouse(seed: 10)
        func complaints() -> Int { house.log.lines.count { $0.contains("the meters' last readings can't be saved") } }
        house.memory.failure = PortError("no space left on device")
        house.start()
        house.run(for: .seconds(3700))
        #expect(complaints() == 1 && house.memory.saves == 0)
        house.memory.failure = nil
        house.run(for: .seconds(3600))
        #expect(complaints() == 1 && house.memory.saves == 1)
        house.memory.failure = PortError("no space left on device")
        house.run(for: .seconds(3600))
        #expect(complaints() == 2)
    }
}
