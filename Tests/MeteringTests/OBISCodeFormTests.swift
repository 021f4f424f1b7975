import Metering
import Testing

@Suite struct OBISCodeFormTests {
    @Test(arguments: [
        ("1-0:1.8.0*255", "1-0:1.8.0*255"), ("1.8.0", "1-0:1.8.0*255"), ("32.7", "1-0:32.7.0*255"), ("C.1.0", "1-0:96.1.0*255"),
        ("F.F", "1-0:97.97.0*255"), ("L.1", "1-0:98.1.0*255"), ("P.99", "1-0:99.99.0*255"), ("1.8.0*01", "1-0:1.8.0*1"),
        ("1.8.0&12", "1-0:1.8.0*12"), ("1.8*3", "1-0:1.8.0*3"), ("0-2:24.2.1", "0-2:24.2.1*255"), ("2:1.8.0", "1-2:1.8.0*255"),
        ("0-0:0.0.0*0", "0-0:0.0.0*0"), ("255-255:255.255.255*255", "255-255:255.255.255*255"), ("001.08.000", "1-0:1.8.0*255"),
        ("0.0", "1-0:0.0.0*255"),
    ])
    func readsEveryForm(_ text: String, _ long: String) { #expect(OBISCode(text)?.description == long) }

    @Test(arguments: [
        "", "1", "1.", ".8", "1..8", "1.8.", "1.8.0.", "1.8.0.1", "1.8.0*", "*1", "1*1", "1.8.0*1*2", "1.8.0*1.2", "256.8.0", "1.256.0",
        "1.8.256", "1.8.0*256", "1-1.8.0", "0-1.8.0", "1-081.8.0", "1-:1.8.0", "-0:1.8.0", ":1.8.0", "0-1-1:1.8.0", "1-1-1:1.8.0",
        "1-0:0:1.8.0", "1-1:1:1.8.0", "1.0-8.0", "1.0:8.0", "1.8-0", "1.8:0", "1.8.0-1", "1.8.0:1", "C1.8", "1C.8", "CC.1", "CF.1", "c.1.0",
        "D.1.0", "1.8.0 ", " 1.8.0", "1,8,0", "1.8.0/1", "1.8.0;", "1-0:1", "1-0:1*255", "1.8.0*F1",
    ])
    func readsNothingElse(_ text: String) { #expect(OBISCode(text) == nil) }

    @Test func inATelegram() {
        let bytes = Array("(1.8.0*01)".utf8)
        #expect(OBISCode(bytes, 1..<9) == OBISCode(1, 0, 1, 8, 0, 1) && OBISCode(bytes, 0..<9) == nil && OBISCode(bytes, 1..<1) == nil)
    }

    @Test(arguments: [
        (OBISCode(1, 8, 0), "1.8.0", "1.8.0"), (OBISCode(1, 0, 1, 8, 0, 1), "1.8.0*1", "1.8.0*01"),
        (OBISCode(1, 0, 1, 8, 0, 9), "1.8.0*9", "1.8.0*09"),
        (OBISCode(1, 0, 1, 8, 0, 10), "1.8.0*10", "1.8.0*10"), (OBISCode(96, 7, 21), "96.7.21", "C.7.21"),
        (OBISCode(97, 97, 0), "97.97.0", "F.F"),
        (OBISCode(97, 97, 1), "97.97.1", "F.97.1"), (OBISCode(98, 1, 0), "98.1.0", "L.1.0"), (OBISCode(99, 1, 0), "99.1.0", "P.1.0"),
        (OBISCode(95, 1, 0), "95.1.0", "95.1.0"), (OBISCode(100, 1, 0), "100.1.0", "100.1.0"),
        (OBISCode(0, 0, 96, 1, 0, 255), "0-0:96.1.0", "0-0:96.1.0"),
        (OBISCode(1, 1, 96, 1, 0, 255), "1-1:96.1.0", "1-1:96.1.0"), (OBISCode(1, 0, 1, 8, 0, 254), "1.8.0*254", "1.8.0*254"),
    ])
    func writesShortForms(_ code: OBISCode, _ short: String, _ printed: String) {
        #expect(code.short == short && code.printed == printed)
        #expect(OBISCode(short) == code && OBISCode(printed) == code && OBISCode(code.description) == code)
    }

    /// Each group has its own byte.
    @Test func keysDiffer() {
        let codes = (0..<6).flatMap { place in
            ([0, 1, 128, 255] as [UInt8]).map { value in
                var parts: [UInt8] = [7, 7, 7, 7, 7, 7]
                parts[place] = value
                return OBISCode(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5])
            }
        }
        #expect(Set(codes.map { $0.key }).count == 24 && Set(codes).count == 24)
        #expect(OBISCode(1, 2, 3, 4, 5, 6).key == 0x0001_0203_0405_06 && OBISCode(255, 0, 0, 0, 0, 0).key == 255 << 40)
    }

    @Test func whatIsATotal() {
        for c in 0...255 as ClosedRange<UInt8> {
            let code = OBISCode(c, 8, 0)
            #expect(code.isCounter && code.isRisingCounter == (c % 20 != 16), "\(c)")
        }
        for other in [OBISCode(1, 7, 0), OBISCode(1, 9, 0), OBISCode(0, 0, 1, 8, 0, 255), OBISCode(1, 0, 1, 8, 0, 254)] {
            #expect(!other.isCounter && !other.isRisingCounter, "\(other)")
        }
        #expect(OBISCode(1, 8, 3).isCounter && OBISCode(1, 2, 1, 8, 0, 255).isCounter)
        for other in [OBISCode(2, 8, 0), OBISCode(1, 7, 0), OBISCode(1, 8, 1), OBISCode(0, 0, 1, 8, 0, 255), OBISCode(1, 0, 1, 8, 0, 1)] {
            #expect(!other.isRegister(1, 8, 0), "\(other)")
        }
        #expect(OBISCode(1, 2, 1, 8, 0, 255).isRegister(1, 8, 0))
    }
}

/// The serial number of a readout: the manufacturer's number takes precedence over the utility's.
@Suite struct ReadoutNumberTests {
    private func number(_ codes: [String]) -> String? {
        Readout(codes.compactMap { text in OBISCode(text).map { Register($0, .text(text)) } }, at: Instant(nanoseconds: 0)).number
    }

    @Test(arguments: [
        "1-0:96.1.0*255", "1-0:96.1.255*255", "1-0:0.0.9*255", "1-0:0.0.0*255", "1-0:96.1.1*255", "1-0:0.0.1*255", "0-0:96.1.1*255",
        "129-129:96.1.0*255", "1-3:96.1.0*255", "5-1:0.0.0*255",
    ])
    func isANumber(_ code: String) { #expect(number([code]) == code) }

    @Test(arguments: [
        "1-0:96.1.2*255", "1-0:0.0.2*255", "1-0:96.1.0*254", "0-1:96.1.0*255", "0-4:96.1.1*255", "1-0:96.2.0*255", "1-0:97.1.0*255",
        "1-0:0.1.0*255", "1-0:1.0.0*255", "1-0:0.0.8*255",
    ])
    func isNone(_ code: String) { #expect(number([code]) == nil) }

    @Test func theMakersComesFirst() {
        let all = ["96.1.0", "96.1.255", "0.0.9", "0.0.0", "96.1.1", "0.0.1"]
        for first in all.indices {
            for other in all.indices where other > first { #expect(number([all[other], all[first]]) == all[first]) }
        }
        var readout = Readout([Register(OBISCode(96, 1, 0), .text("1"))], at: Instant(nanoseconds: 0))
        readout.serial = "2"
        #expect(readout.number == "2")
        #expect(Readout([Register(OBISCode(96, 1, 0), .number(Quantity(1), nil))], at: Instant(nanoseconds: 0)).number == nil)
    }
}

/// A wrong factor is recognized whatever digits the constant has.
@Suite struct DriftFactorTests {
    @Test(arguments: [
        (Int64(970), Int64(970_300), Quantity(97, exponent: 2)), (970, 9703, Quantity(97)), (970, 9697, Quantity(97)),
        (7300, 73_030, Quantity(73, exponent: 1)), (7300, 7_299_000, Quantity(73, exponent: 3)), (970, 194_050, Quantity(194, exponent: 1)),
        (930, 46_510, Quantity(465)),
    ])
    func isNamed(_ configured: Int64, _ pulses: Int64, _ constant: Quantity) {
        var total = PulseTotal(pulsesPerUnit: Quantity(configured))
        total.set(Quantity(50_000, exponent: -1), at: WallTime(millisecondsSince1970: 1_795_242_480_000))
        total.pulses += pulses
        total.set(Quantity(51_000, exponent: -1), at: WallTime(millisecondsSince1970: 1_795_342_480_000))
        #expect(total.drift?.cause == .constant(constant), "\(total.drift?.description ?? "-")")
    }
}
