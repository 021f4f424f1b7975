import Metering
import Testing

@Suite struct PulseTotalTests {
    @Test(arguments: [
        ("1000", Int64(12345), "12.345"), ("800", 3, "0.00375"), ("1", 7, "7"), ("0.1", 7, "70"), ("10000", 1, "0.0001"),
        ("3", 2, "0.666666"),
        ("100", 250, "2.50"), ("2.5", 1, "0.4"),
    ])
    func isPulsesOverPulsesPerUnit(_ constant: String, _ pulses: Int64, _ total: String) throws {
        let constant = try #require(Quantity(constant))
        #expect(PulseTotal(pulses: pulses, pulsesPerUnit: constant).total.description == total)
    }

    @Test func neverRunsBackwardsPulseByPulse() {
        var total = PulseTotal(base: Quantity(12, exponent: -1), pulsesPerUnit: Quantity(7))
        var last = total.total
        for _ in 0..<1000 {
            total.pulses += 1
            #expect(last < total.total)
            last = total.total
        }
        #expect(total.total.description == "144.057142")
    }

    /// Constants with many decimals, for an input that runs for a hundred years.
    @Test(arguments: [
        ("96.153846", "104000000.166400"), ("1000.000000", "10000000.000"), ("999999999.999999", "10.000000"),
        ("0.000001", "10000000000000000"),
    ])
    func noCountIsTooMuch(_ constant: String, _ total: String) throws {
        let constant = try #require(Quantity(constant))
        #expect(PulseTotal(pulses: 10_000_000_000, pulsesPerUnit: constant).total.description == total)
        _ = PulseTotal(pulses: .max, base: Quantity(1_000_000_000), pulsesPerUnit: constant).total
    }

    @Test func settingKeepsTheRawCount() {
        var total = PulseTotal(pulses: 500, pulsesPerUnit: Quantity(1000))
        total.set(Quantity(80125, exponent: -1), at: WallTime(millisecondsSince1970: 0))
        #expect(total.pulses == 500)
        total.pulses += 1
        #expect(total.total.description == "8012.501")
    }

    @Test func aCorrectedConstantKeepsWhatWasCounted() {
        var total = PulseTotal(pulses: 1500, pulsesPerUnit: Quantity(1000))
        total.changePulsesPerUnit(Quantity(500))
        #expect(total.total.description == "1.500")
        total.pulses += 1
        #expect(total.total.description == "1.502")
    }
}

@Suite struct TotalRecordTests {
    private let total: PulseTotal = {
        var total = PulseTotal(pulses: 12, base: Quantity(15), basePulses: 5, pulsesPerUnit: Quantity(1000))
        total.set(Quantity(80_001, exponent: -1), at: WallTime(millisecondsSince1970: 1_795_242_480_000), wasLost: true)
        total.pulses = 11_000
        total.set(Quantity(8_012_500, exponent: -3), at: WallTime(millisecondsSince1970: 1_795_542_480_123))
        total.pulses = 12_345
        return total
    }()

    @Test func readsBackWhatItWrote() {
        let text = TotalRecord.text(of: total)
        #expect(text.hasPrefix("jouled total 2\n"))
        #expect(TotalRecord.parse(Array(text.utf8)) == total)
    }

    @Test(arguments: [PulseTotal.Origin.unsettled, .broker(WallTime(millisecondsSince1970: 1_795_242_480_000))])
    func readsBackWhereItIsFrom(origin: PulseTotal.Origin) {
        let total = PulseTotal(
            pulses: 12_345, base: Quantity(8_012_500, exponent: -3), basePulses: 11_000, pulsesPerUnit: Quantity(1000), origin: origin)
        let text = TotalRecord.text(of: total)
        #expect(text.hasPrefix("jouled total 3\n"))
        #expect(TotalRecord.parse(Array(text.utf8)) == total)
        let bytes = Array(text.utf8)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 4
            #expect(TotalRecord.parse(damaged) == nil)
        }
    }

    /// Pulses counted since then are added, converted with the constant that was valid at that time.
    @Test func continuesFromWhatIsRemembered() {
        var total = PulseTotal(pulses: 500, pulsesPerUnit: Quantity(1000), origin: .unsettled)
        total.changePulsesPerUnit(Quantity(100))
        total.pulses += 7
        var settled = total
        let isSettled = settled.settle(from: Quantity(8000), at: WallTime(millisecondsSince1970: -1))
        #expect(isSettled)
        #expect(settled.total == Quantity(8_000_570, exponent: -3))
        #expect(settled.origin == .broker(WallTime(millisecondsSince1970: 0)))
        #expect(settled.remarks == ["1970-01-01T00:00:00Z: continued from the broker's total; pulses that were not published are missing"])
        settled.set(Quantity(8001), at: WallTime(millisecondsSince1970: 0))
        #expect(settled.origin == .own && settled.remarks.count == 1)
        var new = total
        let isNew = new.settle(from: nil, at: WallTime(millisecondsSince1970: 0))
        #expect(isNew && new.total == Quantity(570, exponent: -3) && new.origin == .own)
        let isTooLong = !total.settle(from: Quantity(999_999_999_999_999_999), at: WallTime(millisecondsSince1970: 0))
        #expect(isTooLong && total.origin == .unsettled)
    }

    /// The format before corrections were introduced.
    @Test func readsTheFirstVersion() {
        let text = "jouled total 1\npulses 12345\nbase 8012.500 at 11000\npulses_per_unit 1000\ncheck 4f26b5c4\n"
        let first = PulseTotal(pulses: 12345, base: Quantity(8_012_500, exponent: -3), basePulses: 11000, pulsesPerUnit: Quantity(1000))
        #expect(TotalRecord.parse(Array(text.utf8)) == first)
    }

    @Test func noRecordIsTooLong() {
        let most = Quantity(999_999_999_999_999_999, exponent: -18)
        var total = PulseTotal(base: most, pulsesPerUnit: Quantity(999_999_999_999_999_999, exponent: -6))
        for pulses in 1...20 {
            total.pulses = 999_999_999_999_900 + Int64(pulses)
            total.set(most, at: WallTime(millisecondsSince1970: .min))
        }
        let bytes = Array(TotalRecord.text(of: total).utf8)
        #expect(bytes.count <= TotalRecord.limit)
        #expect(TotalRecord.parse(bytes) == total)
    }

    @Test func noTornOrFlippedRecordIsATotal() {
        let bytes = Array(TotalRecord.text(of: total).utf8)
        for length in 0..<bytes.count { #expect(TotalRecord.parse(Array(bytes[..<length])) == nil) }
        for index in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << bit
                #expect(TotalRecord.parse(damaged) == nil)
            }
            var zeroed = bytes
            for rest in index..<bytes.count { zeroed[rest] = 0 }
            #expect(TotalRecord.parse(zeroed) == nil)
        }
        #expect(TotalRecord.parse(bytes + bytes) == nil)
    }
}
