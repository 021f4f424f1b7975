import Metering
import Testing

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
