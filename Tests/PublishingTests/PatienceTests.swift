import Metering
import Testing

@testable import Publishing

/// A value that is missing for a minute is reported once.
@Suite struct PatienceTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)

    /// For each time: whether the value was reported as lost, and the deadline afterwards.
    private func losses(_ patience: inout Patience, at times: [Duration]) -> [(Bool, Duration?)] {
        times.map { time in
            let isLost = patience.timedOut(now: start + time)
            return (isLost, patience.deadline.map { $0 - start })
        }
    }

    @Test func losesAfterAMinute() {
        var patience = Patience()
        #expect(patience.deadline == nil)
        let found = losses(&patience, at: [.zero, .milliseconds(59_999), .seconds(60), .seconds(600), .seconds(700)])
        #expect(found.map(\.0) == [false, false, true, false, false], "said once")
        #expect(found.map(\.1) == [.seconds(60), .seconds(60), nil, nil, nil])
    }

    @Test func beginsAnewWithWhatIsFound() {
        var patience = Patience()
        _ = patience.timedOut(now: start)
        patience.found()
        #expect(patience.deadline == nil)
        let found = losses(&patience, at: [.seconds(59), .milliseconds(118_999), .seconds(119)])
        #expect(found.map(\.0) == [false, false, true] && found.map(\.1) == [.seconds(119), .seconds(119), nil])
        patience.found()
        let again = losses(&patience, at: [.seconds(500), .seconds(900)])
        #expect(again.map(\.0) == [false, false])
    }

    private static let wholes: [(Quantity, Int, Int64?)] = [
        (Quantity(1999, exponent: -3), 0, 1), (Quantity(-1999, exponent: -3), 0, -1), (Quantity(999, exponent: -3), 0, 0),
        (Quantity(12_345, exponent: -4), -3, 1234), (Quantity(12_345, exponent: -3), -3, 12_345), (Quantity(12, exponent: -2), -3, 120),
        (Quantity(7), -3, 7000), (Quantity(7, exponent: 2), 0, 700), (Quantity(.max, exponent: -18), 0, 9),
        (Quantity(.max, exponent: -40), 0, 0), (Quantity(.max), -3, nil), (Quantity(.min), 0, nil),
        (Quantity(.min, exponent: -3), 0, nil), (Quantity(.min + 1), 0, .min + 1), (Quantity(0, exponent: 30), -3, 0),
    ]

    /// Rounded towards zero, like a display that truncates digits.
    @Test(arguments: wholes) func wholeUnits(_ number: Quantity, _ exponent: Int, _ expected: Int64?) {
        #expect(number.whole(of: exponent) == expected)
    }
}
