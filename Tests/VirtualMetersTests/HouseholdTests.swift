import Metering
import Testing
import VirtualMeters

@Suite struct HouseholdTests {
    private let start = Instant(nanoseconds: 5_000_000_123)

    @Test func steady() {
        var house = Household(seed: 1, profile: .steady(watts: 350), startedAt: start)
        house.advance(to: start + .milliseconds(10))
        #expect(house.importWattSeconds == 3)
        house.advance(to: start + .seconds(365 * 86_400))
        #expect(house.importWattSeconds == 350 * 365 * 86_400)
        #expect(house.exportWattSeconds == 0)
    }

    @Test func steps() {
        let steps = [Household.Step(.seconds(10), watts: 1000), .init(.milliseconds(2500), watts: -400), .init(.seconds(1), watts: 50)]
        var house = Household(seed: 1, profile: .steps(steps), startedAt: start)
        #expect(house.watts == 1000)
        house.advance(to: start + .seconds(10))
        #expect(house.watts == -400)
        house.advance(to: start + .milliseconds(12_500) + .seconds(100))
        #expect(house.watts == 50)
        #expect(house.importWattSeconds == 10_000 + 5000)
        #expect(house.exportWattSeconds == 1000)
        #expect(house.changesAt == nil)
    }

    /// The energy doesn't depend on the time steps, and a day has both directions.
    @Test func home() {
        var fine = Household(seed: 42, profile: .home, startedAt: start)
        var coarse = fine
        var other = Household(seed: 43, profile: .home, startedAt: start)
        var watts: ClosedRange<Int64> = 0...0
        for second in 1...86_400 as ClosedRange<Int64> {
            fine.advance(to: start + .seconds(second))
            watts = min(watts.lowerBound, fine.watts)...max(watts.upperBound, fine.watts)
        }
        coarse.advance(to: start + .seconds(86_400))
        other.advance(to: start + .seconds(86_400))
        #expect(fine.importWattSeconds == coarse.importWattSeconds)
        #expect(fine.exportWattSeconds == coarse.exportWattSeconds)
        #expect(fine.importWattSeconds != other.importWattSeconds)
        // A typical household: some kWh in each direction, at most some kW.
        #expect((3 * 3_600_000...15 * 3_600_000).contains(fine.importWattSeconds))
        #expect((2 * 3_600_000...15 * 3_600_000).contains(fine.exportWattSeconds))
        #expect((-2600...(-500)).contains(watts.lowerBound))
        #expect((2000...5000).contains(watts.upperBound))
    }

    @Test func profileNames() {
        #expect(Household.Profile("home") == .home)
        #expect(Household.Profile("steady=-350") == .steady(watts: -350))
        let steps = [Household.Step(.seconds(60), watts: 350), .init(.milliseconds(500), watts: -20)]
        #expect(Household.Profile("steps=60s:350,500ms:-20") == .steps(steps))
        let wrong = [
            "", "steady", "steady=", "steady=x", "steady=99999999", "home=1", "steps=", "steps=1:2", "steps=1s", "steps=0s:5",
            "steps=1s:2,",
        ]
        for text in wrong { #expect(Household.Profile(text) == nil) }
    }

    @Test func generator() {
        // The published sequence of SplitMix64 for this seed.
        var known = SeededGenerator(seed: 1_234_567)
        #expect(known.next() == 6_457_827_717_110_365_317)
        #expect(known.next() == 3_203_168_211_198_807_973)
        var generator = SeededGenerator(seed: 5)
        #expect(Set((0..<1000).map { _ in generator.number(in: -3...3) }) == Set(-3...3))
    }
}
