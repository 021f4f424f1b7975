import Testing

@testable import Metering

@Suite struct QuantityTests {
    @Test(arguments: [
        ("0033402.264", "33402.264"), ("0000013.465", "13.465"), ("250.600", "250.600"), ("-000115.94", "-115.94"), ("+00115", "115"),
        ("000007,4", "7.4"), ("000125.25688570", "125.25688570"), ("0", "0"), ("-0.00", "0.00"), (".5", "0.5"), ("12.", "12"),
    ])
    func printsTheDigitsThatWereSent(_ sent: String, _ printed: String) throws {
        #expect(try #require(Quantity(sent)).description == printed)
    }

    @Test(arguments: ["", " 1", "1 ", "1e3", "1.2.3", "--1", "1-", "abc", ".", "-", "0x10", "1234567890123456789012"])
    func nothingElseIsANumber(_ text: String) { #expect(Quantity(text) == nil) }

    @Test func comparesAndAddsAcrossExponents() throws {
        let a = Quantity(33_402_264, exponent: -3)
        #expect(Quantity(334_022_640, exponent: -4) == Quantity(334_022_640, exponent: -4))
        #expect(!(a < Quantity(334_022_640, exponent: -4)) && !(Quantity(334_022_640, exponent: -4) < a))
        #expect(a < Quantity(33_403))
        #expect(try #require(Quantity.adding(a, Quantity(1, exponent: -1))).description == "33402.364")
        #expect(Quantity.adding(Quantity(.max), Quantity(1)) == nil)
        #expect(Quantity(5, exponent: 3).description == "5000")
        #expect(a.scaled(by: 3).description == "33402264")
    }

    @Test func unitsAreWholeOrNothing() {
        #expect(Quantity(1500, exponent: -3).units(of: -3) == 1500)
        #expect(Quantity(1500, exponent: -3).units(of: -1) == 15)
        #expect(Quantity(1550, exponent: -3).units(of: -1) == nil)
        #expect(Quantity(.max).units(of: -1) == nil)
    }
}

@Suite struct ReadableQuantityTests {
    struct Case: Sendable {
        var number: Quantity
        /// The nearest readable quantity.
        var readable: Quantity
    }

    private static let tenToThe17: Int64 = 100_000_000_000_000_000
    private static let most: Int64 = 999_999_999_999_999_999

    private static let cases: [Case] = [
        Case(number: Quantity(most), readable: Quantity(most)), Case(number: Quantity(-most), readable: Quantity(-most)),
        Case(number: Quantity(most, exponent: -18), readable: Quantity(most, exponent: -18)),
        // One digit too many: the last decimal is dropped; without decimals the maximum is used.
        Case(number: Quantity(most + 1, exponent: -1), readable: Quantity(tenToThe17)),
        Case(number: Quantity(-most - 16, exponent: -2), readable: Quantity(-tenToThe17 - 1, exponent: -1)),
        Case(number: Quantity(most + 1), readable: Quantity(most)), Case(number: Quantity(-most - 1), readable: Quantity(-most)),
        Case(number: Quantity(.min), readable: Quantity(-most)), Case(number: Quantity(.max), readable: Quantity(most)),
        // Too many decimals.
        Case(number: Quantity(12_345, exponent: -20), readable: Quantity(123, exponent: -18)),
        Case(number: Quantity(-19, exponent: -19), readable: Quantity(-1, exponent: -18)),
        Case(number: Quantity(0, exponent: -19), readable: Quantity(0, exponent: -18)),
    ]

    @Test(arguments: cases) func isWhatCanBeReadBack(_ given: Case) {
        #expect(given.number.readable == given.readable && given.readable.isReadable)
        #expect(given.number.isReadable == (given.number == given.readable))
        #expect(Quantity(given.readable.description) == given.readable)
    }

    /// Trailing zeros count as digits.
    @Test func tensAreReadableUpTo18Digits() {
        #expect(Quantity(Self.tenToThe17 - 1, exponent: 1).isReadable && !Quantity(Self.tenToThe17, exponent: 1).isReadable)
        #expect(Quantity(9, exponent: 17).isReadable && !Quantity(1, exponent: 18).isReadable && !Quantity(1, exponent: 19).isReadable)
        #expect(Quantity(0, exponent: 30).isReadable && !Quantity(-1, exponent: 18).isReadable)
    }

    @Test func approximations() {
        #expect(Quantity(-25, exponent: -1).approximate == -2.5 && Quantity(1, exponent: 1).approximate == 10)
        #expect(Quantity(25, exponent: -2).approximate == 0.25 && Quantity(7, exponent: 2).approximate == 700)
        // Values that can't be expressed in the same unit are compared as floating-point numbers.
        #expect(Quantity(2, exponent: 30) < Quantity(3, exponent: 50) && Quantity(-3, exponent: 50) < Quantity(2, exponent: 30))
        #expect(!(Quantity(3, exponent: 50) < Quantity(2, exponent: 30)))
    }

    /// 2^63 doesn't fit; the largest double below it does.
    @Test func theNearestWholeNumber() {
        #expect(Int64(nearest: 9_223_372_036_854_774_784) == 9_223_372_036_854_774_784)
        #expect(Int64(nearest: -9_223_372_036_854_774_784) == -9_223_372_036_854_774_784)
        #expect(Int64(nearest: 0x1p63) == .max && Int64(nearest: -0x1p63) == .min && Int64(nearest: 0.49) == 0)
    }
}

@Suite struct OBISCodeTests {
    @Test(arguments: [
        ("1.8.0", "1-0:1.8.0*255"), ("1-0:1.8.0*255", "1-0:1.8.0*255"), ("32.7", "1-0:32.7.0*255"), ("C.1.0", "1-0:96.1.0*255"),
        ("F.F", "1-0:97.97.0*255"), ("1.8.0*01", "1-0:1.8.0*1"), ("1.8.0&12", "1-0:1.8.0*12"), ("0-0:96.8.0*255", "0-0:96.8.0*255"),
    ])
    func shortFormsMeanLongOnes(_ short: String, _ long: String) throws {
        #expect(try #require(OBISCode(short)).description == long)
    }

    @Test(arguments: ["", "1", "1.", ".8.0", "1.8.256", "1.8.0*", "1..0", "1-0:", "1.8.0*1*2", "x.8.0", "1.8.0.0"])
    func nothingElseIsACode(_ text: String) { #expect(OBISCode(text) == nil) }
}

@Suite struct WallTimeTests {
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"), (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"), (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
    ])
    func printsRFC3339(_ milliseconds: Int64, _ text: String) { #expect(WallTime(millisecondsSince1970: milliseconds).rfc3339 == text) }
}

/// A calendar computed day by day.
@Suite struct CalendarTests {
    private static let years: [Int64] = [0, 1, 4, 100, 400, 1899, 1900, 1969, 1970, 1999, 2000, 2001, 2004, 2096, 2100, 2399, 2400, 9999]

    private func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && year % 100 != 0 || year % 400 == 0 }

    /// Days since 1 January 1970, counted year by year.
    private func firstDay(of year: Int64) -> Int64 {
        var day: Int64 = 0
        for past in 1970..<max(year, 1970) { day += isLeap(past) ? 366 : 365 }
        for past in min(year, 1970)..<1970 { day -= isLeap(past) ? 366 : 365 }
        return day
    }

    @Test(arguments: years) func theEndsOfAllMonths(_ year: Int64) {
        var day = firstDay(of: year)
        let digits = String(String(10_000 + year).dropFirst())
        for (month, length) in [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated() {
            let name = "\(digits)-\(month < 9 ? "0" : "")\(month + 1)"
            let last = day + Int64(length)
            #expect(WallTime(millisecondsSince1970: day * 86_400_000).rfc3339 == "\(name)-01T00:00:00.000Z")
            #expect(WallTime(millisecondsSince1970: last * 86_400_000 - 1).rfc3339 == "\(name)-\(length)T23:59:59.999Z")
            day = last
        }
    }

    @Test func everyHourAndMinute() {
        for minute in 0..<1440 as Range<Int64> {
            let digits = [minute / 60, minute % 60].map { ($0 < 10 ? "0" : "") + String($0) }
            let time = WallTime(millisecondsSince1970: minute * 60_000)
            #expect(time.rfc3339Seconds == "1970-01-01T\(digits[0]):\(digits[1]):00Z")
        }
    }

    /// Years outside 0000…9999 can't be written; the nearest valid time is used.
    @Test(arguments: [
        (Int64.min, "0000-01-01T00:00:00.000Z"), (-62_167_219_200_001, "0000-01-01T00:00:00.000Z"),
        (-62_167_219_199_999, "0000-01-01T00:00:00.001Z"), (253_402_300_799_998, "9999-12-31T23:59:59.998Z"),
        (253_402_300_800_000, "9999-12-31T23:59:59.999Z"), (.max, "9999-12-31T23:59:59.999Z"),
    ])
    func beyondFourDigits(_ milliseconds: Int64, _ text: String) {
        #expect(WallTime(millisecondsSince1970: milliseconds).rfc3339 == text)
    }
}

@Suite struct InstantTests {
    @Test func addsAndSubtracts() {
        let two = Instant(nanoseconds: 2_000_000_000)
        #expect(two + .milliseconds(1) == Instant(nanoseconds: 2_001_000_000) && two - .seconds(3) == Instant(nanoseconds: -1_000_000_000))
        #expect(two - Instant(nanoseconds: 500_000_000) == .milliseconds(1500) && Instant(nanoseconds: 0) - two == .seconds(-2))
        #expect(two.seconds(since: Instant(nanoseconds: 500_000_000)) == 1.5 && Instant(nanoseconds: 0).seconds(since: two) == -2)
        #expect(Instant.distantPast < two && two < .distantFuture && !(two < two) && two != .distantFuture)
        let (early, late) = (WallTime(millisecondsSince1970: 1), WallTime(millisecondsSince1970: 2))
        #expect(early < late && !(late < early) && !(early < early))
    }

    /// Rounded towards zero on both sides, also if 64 bits of attoseconds would overflow.
    @Test func durationsInNanoseconds() {
        let attoseconds: [(Int64, Int64, Int64)] = [
            (0, 0, 0), (0, 1, 0), (0, 999_999_999, 0), (0, 1_000_000_000, 1), (0, 1_999_999_999, 1), (0, -1, 0), (0, -999_999_999, 0),
            (0, -1_000_000_000, -1), (0, -1_999_999_999, -1), (1, 0, 1_000_000_000), (-1, 0, -1_000_000_000),
            (100, 5_000_000_000, 100_000_000_005), (-100, -5_000_000_000, -100_000_000_005), (9_000_000_000, 0, 9_000_000_000_000_000_000),
            (-9_000_000_000, 0, -9_000_000_000_000_000_000),
        ]
        for (seconds, rest, nanoseconds) in attoseconds {
            #expect(Duration(secondsComponent: seconds, attosecondsComponent: rest).nanoseconds == nanoseconds, "\(seconds) s \(rest)")
        }
        #expect(Duration.milliseconds(1500).seconds == 1.5 && Duration.milliseconds(-250).seconds == -0.25)
    }
}
