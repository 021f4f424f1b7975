import Metering
import Testing

@testable import Publishing

/// A power is repeated after a third of its expiry time, which is at least a minute.
@Suite struct FreshnessTests {
    private static let cases: [(Duration, Duration, Int)] = [
        (.zero, .seconds(20), 60), (.seconds(5), .seconds(20), 60), (.milliseconds(19_999), .seconds(20), 60),
        (.seconds(20), .seconds(20), 60), (.seconds(21), .seconds(21), 63), (.seconds(600), .seconds(600), 1800),
        // Whole seconds, never rounded down.
        (.milliseconds(20_001), .milliseconds(20_001), 61), (.milliseconds(20_500), .milliseconds(20_500), 62),
        (.nanoseconds(20_666_666_667), .nanoseconds(20_666_666_667), 63),
    ]

    @Test(arguments: cases) func ofAPower(_ every: Duration, _ repeatEvery: Duration, _ expiresAfter: Int) {
        for unit in [Unit.watts, .kilowatts] {
            let freshness = Freshness(of: unit, every: every)
            #expect(freshness?.repeatEvery == repeatEvery && freshness?.expiresAfter == expiresAfter)
        }
    }

    @Test func nothingElseExpires() {
        let units: [Unit?] = Unit.allCases.filter { $0 != .watts && $0 != .kilowatts } + [nil]
        for unit in units { #expect(Freshness(of: unit, every: .seconds(5)) == nil) }
    }
}
