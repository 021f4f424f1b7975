import Testing

@testable import Metering

private let start = Instant(nanoseconds: 1_000_000_000_000)
private let wall = WallTime(millisecondsSince1970: 1_700_000_000_000)

private func readout(_ codes: [OBISCode], after seconds: Int = 0) -> Readout {
    Readout(codes.map { Register($0, .number(Quantity(1), .kilowattHours)) }, at: start + .seconds(seconds))
}

private func tariffs(_ numbers: [UInt8], c: UInt8 = 1, after seconds: Int = 0) -> Readout {
    readout(numbers.map { OBISCode(c, 8, $0) }, after: seconds)
}

@Suite struct TariffSumsTests {
    private static let sides: [UInt8] = [1, 2]

    /// Each tariff remembered from before the restart is required, but only in its own direction.
    @Test(arguments: sides) func anEarlierLifeIsRemembered(_ c: UInt8) {
        let measurands: [[Measurand]] = [
            [.energyImportT1, .energyImportT2, .energyImportT3, .energyImportT4],
            [.energyExportT1, .energyExportT2, .energyExportT3, .energyExportT4],
        ]
        for known in 1...4 as ClosedRange<UInt8> {
            let measurand = measurands[Int(c) - 1][Int(known) - 1]
            let remembered = TariffSums([measurand: MeterMemory.Total(Quantity(5), at: wall)])
            for sent in 1...4 as ClosedRange<UInt8> {
                var sums = remembered
                let isWhole = sums.isWhole(OBISCode(c, 8, 0), in: tariffs([sent], c: c))
                #expect(isWhole == (sent == known), "tariff \(sent) of \(known)")
                let isOther = sums.isWhole(OBISCode(3 - c, 8, 0), in: tariffs([sent], c: 3 - c))
                #expect(isOther)
            }
        }
    }

    /// There are eight tariffs; other registers in a readout don't count.
    @Test func whatIsATariff() {
        func isMissed(_ code: OBISCode) -> Bool {
            var sums = TariffSums()
            _ = sums.isWhole(OBISCode(1, 8, 0), in: readout([OBISCode(1, 8, 1), code]))
            return !sums.isWhole(OBISCode(1, 8, 0), in: tariffs([1], after: 1))
        }
        for tariff in 2...8 as ClosedRange<UInt8> { #expect(isMissed(OBISCode(1, 8, tariff)), "\(tariff)") }
        for code in [
            OBISCode(1, 8, 9), OBISCode(1, 7, 2), OBISCode(3, 8, 2), OBISCode(1, 0, 1, 8, 2, 1), OBISCode(0, 0, 1, 8, 2, 255),
        ] {
            #expect(!isMissed(code), "\(code)")
        }
    }

    /// A total that the meter itself sends, and any other register, is always complete.
    @Test func whatIsNoSumIsWhole() {
        let codes = [OBISCode(1, 8, 1), OBISCode(1, 7, 0), OBISCode(3, 8, 0), OBISCode(16, 8, 0)]
        var sums = TariffSums()
        _ = sums.isWhole(OBISCode(1, 8, 0), in: tariffs([1, 2]))
        for code in codes {
            let isWhole = sums.isWhole(code, in: tariffs([1]))
            #expect(isWhole, "\(code)")
        }
        let isSent = sums.isWhole(OBISCode(1, 8, 0), in: readout([OBISCode(1, 8, 0), OBISCode(1, 8, 1)]))
        let isSum = sums.isWhole(OBISCode(1, 8, 0), in: tariffs([1]))
        #expect(isSent && !isSum)
    }

    /// A tariff that is missing for a quarter of an hour is no longer required; once it returns it is required again.
    @Test func forHowLongItIsMissed() {
        let length = Int(MonotonicTotal.candidateLength.components.seconds)
        var sums = TariffSums()
        func isWhole(_ numbers: [UInt8], _ seconds: Int) -> Bool {
            sums.isWhole(OBISCode(1, 8, 0), in: tariffs(numbers, after: seconds))
        }
        var found = [isWhole([1, 2], 0), isWhole([1], 10), isWhole([1], 9 + length), isWhole([1, 2], 10 + length)]
        #expect(found == [true, false, false, true])
        found = [isWhole([1], 11 + length), isWhole([1], 10 + 2 * length), isWhole([1], 11 + 2 * length), isWhole([1], 12 + 2 * length)]
        #expect(found == [false, false, true, true])
        found = [isWhole([1, 3], 13 + 2 * length), isWhole([1], 14 + 2 * length)]
        #expect(found == [true, false])
    }
}

/// A different serial number is accepted after it was received three times over a minute.
@Suite struct KnownSerialTests {
    private func verdicts(_ told: [(String?, Double)]) -> [KnownSerial.Verdict] {
        var serial = KnownSerial("1")
        return told.map { number, seconds in serial.hear(number, at: start + .milliseconds(Int64(seconds * 1000))) }
    }

    @Test func forHowLongAndHowOften() {
        #expect(verdicts([("2", 0), ("2", 1), ("2", 60)]) == [.stranger("2"), .stranger("2"), .exchanged("1")])
        #expect(verdicts([("2", 0), ("2", 1), ("2", 59.999)]) == [.stranger("2"), .stranger("2"), .stranger("2")])
        #expect(verdicts([("2", 0), ("2", 90), ("2", 90)]) == [.stranger("2"), .stranger("2"), .exchanged("1")])
        // A readout without a number belongs to the meter of the previous one.
        #expect(verdicts([("2", 0), (nil, 1), (nil, 60)]) == [.stranger("2"), .stranger("2"), .exchanged("1")])
        #expect(verdicts([(nil, 0), ("1", 1), (nil, 60)]) == [.same, .same, .same])
        #expect(verdicts([("2", 0), ("2", 1), ("1", 2), ("2", 60)]) == [.stranger("2"), .stranger("2"), .same, .stranger("2")])
        #expect(verdicts([("2", 0), ("2", 1), ("3", 2), ("2", 60)]) == [.stranger("2"), .stranger("2"), .stranger("3"), .stranger("2")])
    }

    @Test func theFirstIsBelieved() {
        var serial = KnownSerial()
        #expect(serial.number == nil && !serial.isDoubted)
        _ = serial.hear(nil, at: start)
        #expect(serial.number == nil)
        _ = serial.hear("1", at: start)
        #expect(serial.number == "1" && !serial.isDoubted)
        _ = serial.hear("2", at: start)
        #expect(serial.number == "1" && serial.isDoubted)
        serial.correct("4711")
        #expect(serial.number == "4711" && !serial.isDoubted)
    }
}
