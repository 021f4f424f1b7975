import Metering
import Testing

@Suite struct CheckSumTests {
    /// The check value of CRC-32, and the checksum of empty input.
    @Test func checkValues() {
        #expect(CheckSum.crc32(Array("123456789".utf8)) == 0xCBF4_3926 && CheckSum.crc32([]) == 0 && CheckSum.crc32([0]) == 0xD202_EF8D)
        #expect(CheckSum.crc32([UInt8](0...255)) == 0x2905_8C73)
    }
}

@Suite struct QuantityBoundaryTests {
    @Test(arguments: [
        ("0", Int64(0), 0), ("-0", 0, 0), ("+7", 7, 0), ("-7", -7, 0), ("007", 7, 0), ("1,5", 15, -1), ("-1.50", -150, -2), (".5", 5, -1),
        ("5.", 5, 0),
        ("999999999999999999", 999_999_999_999_999_999, 0), ("0.000000000000000001", 1, -18),
        ("99999999999999999.9", 999_999_999_999_999_999, -1),
        ("000000000000000000000000001", 1, 0),
    ])
    func reads(_ text: String, _ mantissa: Int64, _ exponent: Int) {
        #expect(Quantity(text) == Quantity(mantissa, exponent: exponent))
    }

    @Test(arguments: [
        "", "-", "+", ".", ",", "-.", "1.2.3", "1,2,3", "1.2,3", "1-", "1+1", "--1", "+-1", " 1", "1 ", "1e3", "/", ":", "a",
        "1000000000000000000",
        "99999999999999999.99", "0.0000000000000000001",
    ])
    func readsNothingElse(_ text: String) { #expect(Quantity(text) == nil) }

    @Test(arguments: [
        (Int64(0), 0, "0"), (0, 3, "0"), (0, -1, "0.0"), (0, -3, "0.000"), (5, 0, "5"), (5, 2, "500"), (-5, 2, "-500"), (5, -1, "0.5"),
        (5, -3, "0.005"),
        (-5, -3, "-0.005"), (12_345, -3, "12.345"), (12_345, -5, "0.12345"), (12_345, -4, "1.2345"), (-12_345, -1, "-1234.5"),
        (.max, 0, "9223372036854775807"), (.min, 0, "-9223372036854775808"), (.min, -19, "-0.9223372036854775808"), (10, -1, "1.0"),
    ])
    func writes(_ mantissa: Int64, _ exponent: Int, _ text: String) {
        #expect(Quantity(mantissa, exponent: exponent).description == text)
    }

    @Test func wholeUnits() {
        #expect(Quantity(12, exponent: 0).units(of: -3) == 12_000 && Quantity(12_000, exponent: -3).units(of: 0) == 12)
        #expect(Quantity(12_001, exponent: -3).units(of: 0) == nil && Quantity(12, exponent: -3).units(of: -3) == 12)
        #expect(Quantity(.max, exponent: 0).units(of: -1) == nil && Quantity(.max, exponent: 0).units(of: 0) == .max)
        #expect(Quantity(0, exponent: 90).units(of: -90) == 0 && Quantity(0, exponent: -90).units(of: 90) == 0)
        #expect(Quantity(10, exponent: 0).units(of: 1) == 1 && Quantity(10, exponent: 0).units(of: 2) == nil)
    }

    @Test func sumsAndOrder() {
        #expect(Quantity.adding(Quantity(15, exponent: -1), Quantity(25, exponent: -2)) == Quantity(175, exponent: -2))
        #expect(Quantity.adding(Quantity(.max), Quantity(1)) == nil && Quantity.adding(Quantity(.max), Quantity(0)) == Quantity(.max))
        #expect(Quantity(.min).negated == Quantity(.max) && Quantity(-3, exponent: 1).negated == Quantity(3, exponent: 1))
        let order = [
            Quantity(.min), Quantity(-1, exponent: 3), Quantity(-1), Quantity(0), Quantity(1, exponent: -18), Quantity(1),
            Quantity(11, exponent: -1),
        ]
        for (index, one) in order.enumerated() {
            for (other, two) in order.enumerated() { #expect((one < two) == (index < other), "\(one) \(two)") }
        }
        #expect(!(Quantity(10, exponent: -1) < Quantity(100, exponent: -2)) && Quantity(1, exponent: 30) > Quantity(1, exponent: 20))
        #expect(
            Quantity(25, exponent: -1).approximate == 2.5 && Quantity(25, exponent: 1).approximate == 250 && Quantity(25).approximate == 25)
        #expect(Quantity(-1).isNegative && !Quantity(0).isNegative && Quantity(5, exponent: -3).scaled(by: 2) == Quantity(5, exponent: -1))
    }

    /// Both ends of every month, all rules of leap years, and dates before 1970.
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"), (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (4_107_456_000_000, "2100-02-28T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (1_735_689_599_001, "2024-12-31T23:59:59.001Z"),
        (1_735_689_600_000, "2025-01-01T00:00:00.000Z"), (1_753_833_296_012, "2025-07-29T23:54:56.012Z"),
        (1_754_006_400_000, "2025-08-01T00:00:00.000Z"),
        (1_764_547_199_999, "2025-11-30T23:59:59.999Z"), (-2_203_891_200_000, "1900-03-01T00:00:00.000Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
    ])
    func dates(_ milliseconds: Int64, _ text: String) {
        let time = WallTime(millisecondsSince1970: milliseconds)
        #expect(time.rfc3339 == text && time.rfc3339Seconds == text.prefix(19) + "Z")
    }
}
