import Metering
import Testing

/// The decimals of a pulse meter's total: enough to show a single pulse, but at most six.
@Suite struct ResolutionTests {
    @Test(arguments: [
        ("1", 0), ("2", 1), ("3", 6), ("4", 2), ("5", 1), ("7", 6), ("8", 3), ("10", 1), ("16", 4), ("32", 5), ("64", 6), ("128", 6),
        ("75", 6), ("100", 2), ("125", 3), ("160", 5), ("250", 3), ("375", 6), ("480", 6), ("500", 3), ("600", 6), ("640", 6),
        ("800", 5), ("1000", 3), ("5000", 4), ("10000", 4), ("64000", 6), ("100000", 5), ("1000000", 6), ("10000000", 6),
        ("0.1", 0), ("0.01", 0), ("0.000001", 0), ("0.2", 0), ("0.4", 1), ("0.8", 2), ("1.6", 3), ("3.2", 4), ("0.5", 0), ("2.5", 1),
        ("0.3", 6), ("12.5", 2), ("0.000064", 0), ("0.064", 3), ("1.000000", 0), ("0.000003", 6),
    ])
    func decimals(_ constant: String, _ decimals: Int) throws {
        let constant = try #require(Quantity(constant))
        let total = PulseTotal(pulses: 1_000_000, pulsesPerUnit: constant).total
        #expect(total.exponent == -decimals)
        // A million pulses, in units of 10^-e, divided by the mantissa and truncated.
        let scaled = Int128(1_000_000) * power(decimals - constant.exponent) / Int128(constant.mantissa)
        #expect(Int128(total.mantissa) == scaled)
    }

    private func power(_ exponent: Int) -> Int128 { (0..<exponent).reduce(1) { product, _ in product * 10 } }

    @Test func countsFromTheBase() {
        let total = PulseTotal(pulses: 1007, base: Quantity(25, exponent: -1), basePulses: 1000, pulsesPerUnit: Quantity(1000))
        #expect(total.total == Quantity(2507, exponent: -3))
        var new = PulseTotal(pulsesPerUnit: Quantity(1000))
        #expect(new.total.mantissa == 0 && new.pulses == 0 && new.basePulses == 0)
        new.pulses = 1
        #expect(new.total == Quantity(1, exponent: -3))
    }

    /// A typing error corrected within ten minutes and before any pulse is not recorded as a correction; the newest sixteen are kept.
    @Test func whichCorrectionsStay() {
        func corrections(after milliseconds: Int64, pulses: Int64) -> [String] {
            var total = PulseTotal(pulses: 10, pulsesPerUnit: Quantity(1000))
            let start = WallTime(millisecondsSince1970: 1_700_000_000_000)
            total.set(Quantity(5), at: start)
            total.pulses += pulses
            total.set(Quantity(7), at: WallTime(millisecondsSince1970: start.millisecondsSince1970 + milliseconds))
            return total.corrections.map { "\($0.before.map(\.description) ?? "-") \($0.display)" }
        }
        #expect(corrections(after: 600_000, pulses: 0) == ["0.010 7"])
        #expect(corrections(after: -600_000, pulses: 0) == ["0.010 7"])
        #expect(corrections(after: 600_001, pulses: 0) == ["0.010 5", "5.000 7"])
        #expect(corrections(after: -600_001, pulses: 0) == ["0.010 5", "5.000 7"])
        #expect(corrections(after: 1, pulses: 1) == ["0.010 5", "5.001 7"])
        var total = PulseTotal(pulsesPerUnit: Quantity(1000))
        for number in 1...40 as ClosedRange<Int64> {
            total.pulses += 1
            total.set(Quantity(number), at: WallTime(millisecondsSince1970: number))
            #expect(total.corrections.map(\.display.mantissa) == Array(max(1, number - 15)...number))
        }
    }

    /// From 1970 to the end of 9999, the range that can be written.
    @Test func timesThatCanBeWritten() {
        for (said, written) in [
            (Int64.min, 0), (-1, 0), (0, 0), (1, 1), (253_402_300_799_999, 253_402_300_799_999), (253_402_300_800_000, 253_402_300_799_999),
            (.max, 253_402_300_799_999),
        ] as [(Int64, Int64)] {
            var total = PulseTotal(pulsesPerUnit: Quantity(1))
            total.set(Quantity(1), at: WallTime(millisecondsSince1970: said))
            #expect(total.corrections.first?.at.millisecondsSince1970 == written)
        }
        #expect(WallTime(millisecondsSince1970: 253_402_300_799_999).rfc3339 == "9999-12-31T23:59:59.999Z")
    }
}
