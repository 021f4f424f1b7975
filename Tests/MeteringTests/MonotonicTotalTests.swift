import Testing

@testable import Metering

private let start = Instant(nanoseconds: 1_000_000_000_000)
private let clock = WallTime(millisecondsSince1970: 1_700_000_000_000)

/// A total limited to 25 kW, fed second by second.
private struct Told {
    var total = MonotonicTotal()
    var rules = MonotonicTotal.Rules(perHour: 25)
    /// The wall clock's error in seconds.
    var clockError: Int64 = 0

    @discardableResult
    mutating func tell(_ text: String, at seconds: Int64) -> MonotonicTotal.Verdict {
        let wall = WallTime(millisecondsSince1970: clock.millisecondsSince1970 + (seconds + clockError) * 1000)
        return total.record(Quantity(text) ?? Quantity(-1), at: start + .seconds(seconds), wall: wall, rules)
    }

    var value: String? { total.value?.description }
}

@Suite struct MonotonicTotalTests {
    private let held = MonotonicTotal.candidateLength.components.seconds

    @Test func onlyWhatTheConnectionCarries() {
        var told = Told()
        #expect(told.tell("1000.000", at: 0) == .accepted)
        // An hour at 25 kW, plus the tolerance for the register's refresh.
        #expect(told.tell("1025.050", at: 3600) == .tooFast)
        #expect(told.tell("1025.030", at: 3600) == .accepted)
        #expect(told.tell("1025.100", at: 3601) == .tooFast && told.value == "1025.030")
    }

    @Test(arguments: ["0", "999.999", "100.000", "850.000", "995", "1", "0.001"]) func neverLess(_ less: String) {
        var told = Told()
        told.tell("1000.000", at: 0)
        for second in 1...120 { #expect(told.tell(less, at: Int64(second)) == .backwards) }
        #expect(told.value == "1000.000")
        #expect(told.tell("1000.800", at: 121) == .accepted, "and nothing of it is left")
    }

    /// A thousandfold and a tenfold total, a changed digit, and a step of a whole kWh.
    @Test(arguments: ["1000000", "10000", "1900.000", "1001"]) func neverTooMuch(_ more: String) {
        var told = Told()
        told.tell("1000.000", at: 0)
        for second in 1...60 { #expect(told.tell(more, at: Int64(second)) == (more == "1001" ? .accepted : .tooFast)) }
    }

    @Test func whatNoMeterShows() {
        var told = Told()
        for number in ["-5", "100000000", "99999999999999999"] { #expect(told.tell(number, at: 0) == .impossible) }
        #expect(told.value == nil && told.tell("99999999.9", at: 0) == .accepted)
    }

    @Test func wholeKilowattHoursForAWhileAreNoStepBack() {
        var told = Told()
        told.tell("12345.678", at: 0)
        for second in 1...5000 { #expect(told.tell("12345", at: Int64(second)) == .waiting) }
        #expect(told.value == "12345.678")
        #expect(told.tell("12344", at: 5001) == .backwards)
        #expect(told.tell("12346", at: 5002) == .accepted && told.tell("12346.002", at: 5003) == .accepted)
        // For a register in tens of kWh the tolerance of one step must not permit an impossible rise.
        var coarse = told
        #expect(coarse.total.record(Quantity(1236, exponent: 1), at: start + .seconds(5004), wall: clock, coarse.rules) == .tooFast)
    }

    // MARK: Another meter, or the same one reset

    @Test func whoInsistsForLongEnoughIsBelieved() {
        var told = Told()
        told.tell("12345.678", at: 0)
        for second in 0..<held { #expect(told.tell("3.\(200 + second / 60)", at: 10 + second) == .backwards) }
        #expect(told.tell("3.215", at: 10 + held) == .replaced(Quantity(12_345_678, exponent: -3)))
        #expect(told.value == "3.215" && told.tell("3.216", at: 11 + held) == .accepted)
    }

    /// A meter that is read rarely needs at least three readings.
    @Test func afterThreeReadingsAtLeast() {
        var told = Told()
        told.tell("12345.678", at: 0)
        #expect(told.tell("3.2", at: 4000) == .backwards && told.tell("3.3", at: 8000) == .backwards)
        #expect(told.tell("3.4", at: 12_000) == .replaced(Quantity(12_345_678, exponent: -3)))
    }

    @Test func oneGoodReadingEndsAFalseStory() {
        var told = Told()
        told.tell("12345.678", at: 0)
        for second in 1..<held { told.tell("0", at: second) }
        told.tell("12345.700", at: held)
        for second in 1..<held { #expect(told.tell("0", at: held + second) == .backwards) }
        #expect(told.value == "12345.700")
    }

    /// A line that corrupts every third reading, each time differently.
    @Test func aStoryOutlivesGarbledReadings() {
        var told = Told()
        told.tell("12345.678", at: 0)
        for second in 1...(held + 5) { told.tell(second % 3 == 1 ? "\(second * 7919 % 5000)" : "3.200", at: second) }
        #expect(told.value == "3.200")
    }

    /// Random numbers never become a candidate.
    @Test func noiseIsNoStory() {
        var told = Told()
        told.tell("12345.678", at: 0)
        for second in 1...5000 as ClosedRange<Int64> { told.tell("\(second * 7919 % 5000)", at: second) }
        #expect(told.value == "12345.678")
    }

    /// The accepted total was misread a little too high: in the end the meter's lower total is accepted. Home Assistant subtracts the dip.
    @Test func aWrongBaseIsMended() {
        var told = Told()
        told.tell("1000.900", at: 0)
        for second in 1...(held + 1) { told.tell("1000.100", at: second) }
        #expect(told.value == "1000.100")
    }

    // MARK: Without a checksum

    @Test(arguments: ["12345.678", "2345.678", "92345.678", "0"]) func theFirstIsConfirmed(_ first: String) {
        var told = Told()
        told.rules.isChecked = false
        #expect(told.tell(first, at: 0) == .waiting)
        #expect(told.tell("12345.678", at: 1) == (first == "12345.678" ? .accepted : .waiting))
        #expect(told.tell("12345.679", at: 2) == .accepted && told.value == "12345.679")
    }

    /// Two readings corrupted in the same way have already confirmed each other before they arrive here; only the third reveals it.
    @Test func aRiseIsConfirmed() {
        var told = Told()
        told.rules.isChecked = false
        told.tell("12345.678", at: 0)
        told.tell("12345.678", at: 1)
        #expect(told.tell("12345.718", at: 2) == .waiting && told.value == "12345.678")
        #expect(told.tell("12345.678", at: 4) == .accepted && told.value == "12345.678")
        #expect(told.tell("12345.680", at: 5) == .accepted && told.value == "12345.678", "the one before")
        #expect(told.tell("12345.682", at: 6) == .accepted && told.value == "12345.680")
    }

    // MARK: After a restart

    private func remembering(_ text: String, clockError: Int64 = 0) -> Told {
        Told(total: MonotonicTotal(remembered: Quantity(text) ?? Quantity(0), at: clock), clockError: clockError)
    }

    @Test func itGoesOnFromWhatWasKnown() {
        var told = remembering("1000.000")
        #expect(told.tell("0", at: 3600) == .backwards && told.tell("999.999", at: 3601) == .backwards)
        #expect(told.tell("10000", at: 3602) == .tooFast)
        var soon = told
        #expect(soon.tell("1000.030", at: 3603) == .accepted, "what seconds may bring")
        // Three hours and one kWh: held for a minute.
        for second in 10_800..<10_860 as Range<Int64> { #expect(told.tell("1001.000", at: second) == .waiting) }
        #expect(told.tell("1001.001", at: 10_860) == .accepted && told.value == "1001.001")
    }

    /// A digit misread downwards, which is consistent with the total of an hour ago, but lower than the readings since.
    @Test func whatContradictsAllOthersWaitsToo() {
        var told = remembering("90.000")
        for second in 3600...3640 as ClosedRange<Int64> { #expect(told.tell("90.073", at: second) == .waiting) }
        #expect(told.tell("90.003", at: 3641) == .waiting)
        for second in 3642...3659 as ClosedRange<Int64> { #expect(told.tell("90.073", at: second) == .waiting) }
        #expect(told.tell("90.073", at: 3660) == .accepted)
    }

    /// For a total that is read once an hour, the second reading is enough.
    @Test func itNeedsNoThirdReading() {
        var told = remembering("1000.000")
        #expect(told.tell("1001.000", at: 10_800) == .waiting && told.tell("1001.900", at: 14_400) == .accepted)
    }

    /// A machine without a battery-backed clock: its clock starts three hours late, or in 1970.
    @Test(arguments: [-10_800, -1_700_000_000]) func aClockThatIsLateOnlyDelays(_ error: Int64) {
        var told = remembering("1000.000", clockError: error)
        for second in 0...10 as ClosedRange<Int64> { #expect(told.tell("1001.000", at: 10_800 + second) == .tooFast) }
        var known = told
        known.clockError = 0
        #expect(known.tell("1001.002", at: 10_870) == .accepted, "it was set")
        for second in 10_811...(10_800 + held) { told.tell("1001.002", at: second) }
        #expect(told.value == "1001.002", "it was never set")
    }

    /// A clock that is years ahead must not justify the nonsense that a meter sends while it starts, nor an arbitrary rise.
    @Test func aClockThatIsAheadIsNoProof() {
        var told = remembering("12345.678", clockError: 400_000_000)
        for second in 0..<50 as Range<Int64> {
            #expect(told.tell("123456.780", at: second) == .tooFast && told.tell("1234.567", at: second) == .backwards)
        }
        for second in 50..<90 as Range<Int64> { #expect(told.tell("12446.000", at: second) != .accepted) }
        for second in 90..<300 as Range<Int64> { told.tell("12346.000", at: second) }
        #expect(told.value == "12346.000")
    }

    /// A register that is refreshed once an hour: at most what can have flowed since its last step.
    @Test func aRegisterThatStandsStillBetweenItsReadings() {
        var told = Told()
        told.rules = MonotonicTotal.Rules(perHour: 100, refresh: .seconds(25 * 3600))
        for second in 0...3600 as ClosedRange<Int64> { #expect(told.tell("981.443", at: second) == .accepted) }
        #expect(told.tell("9814.43", at: 3601) == .tooFast)
        #expect(told.tell("1005.000", at: 3601) == .accepted)
        #expect(told.tell("1030.000", at: 3602) == .tooFast, "a step has just come")
    }
}

/// Each limit, with the last digit on both sides of it.
@Suite struct MonotonicBoundTests {
    private let held = MonotonicTotal.candidateLength.components.seconds

    private func remembering(_ text: String) -> Told { Told(total: MonotonicTotal(remembered: Quantity(text) ?? Quantity(0), at: clock)) }

    /// 25 kW for an hour and 5 s are 25.0347 kWh, plus one step of the last digit.
    @Test(arguments: [("1025.035", true), ("1025.036", false)]) func whatAnHourBrings(_ text: String, _ fits: Bool) {
        var told = Told()
        told.tell("1000.000", at: 0)
        let new = Quantity(text) ?? Quantity(0)
        #expect(told.total.fits(new, at: start + .seconds(3600), wall: clock, told.rules) == fits)
        #expect(told.tell(text, at: 3600) == (fits ? .accepted : .tooFast))
    }

    /// One step of a register in tens of kWh is tolerated; further steps need their time, 1296 s at 25 kW.
    @Test(arguments: [(Int64(1290), false), (1291, true)]) func aStepOfTenKilowattHours(_ seconds: Int64, _ fits: Bool) {
        var told = Told()
        func record(_ tens: Int64, at second: Int64) -> MonotonicTotal.Verdict {
            told.total.record(Quantity(tens, exponent: 1), at: start + .seconds(second), wall: clock, told.rules)
        }
        #expect(record(1234, at: 0) == .accepted && record(1235, at: seconds) == (fits ? .accepted : .tooFast))
    }

    @Test func wholeKilowattHoursHideLessThanOne() {
        var told = Told()
        told.tell("12346.000", at: 0)
        #expect(told.tell("12345", at: 1) == .backwards && told.tell("12345.999", at: 2) == .backwards)
        told.tell("12346.001", at: 3)
        #expect(told.tell("12346", at: 4) == .waiting && told.value == "12346.001")
    }

    @Test func whatFits() {
        var told = Told()
        var second: Int64 = 1
        func fits(_ text: String) -> Bool {
            told.total.fits(Quantity(text) ?? Quantity(-1), at: start + .seconds(second), wall: clock, told.rules)
        }
        #expect(!fits("1"), "nothing is known")
        told.tell("1000.500", at: 0)
        #expect(fits("1000.500") && fits("1000") && fits("1000.5") && !fits("999") && !fits("1000.499") && !fits("-1"))
        told.tell("1001", at: 600)
        second = 601
        #expect(!fits("1000") && fits("1001"))
    }

    /// The register stood still for an hour and may be up to an hour behind the meter.
    @Test(
        arguments: [
            (90_000, "1081.610", true), (90_000, "1081.611", false), (1800, "1031.582", true), (1800, "1031.583", false),
        ] as [(Int64, String, Bool)])
    func aRegisterMayHaveStoodStill(_ refresh: Int64, _ text: String, _ fits: Bool) {
        var told = Told()
        told.rules = MonotonicTotal.Rules(perHour: 100, refresh: .seconds(refresh))
        // 100 m³ per hour for an hour and 6 s, plus the last digit: 100.167; or for half an hour and 5 s: 50.139.
        for second in [0, 1800, 3600] as [Int64] { told.tell("981.443", at: second) }
        #expect(told.tell(text, at: 3601) == (fits ? .accepted : .tooFast))
    }

    // MARK: After a restart

    /// 25 kW for 5 s are 0.0347 kWh: this much is accepted at once, whatever the wall clock shows.
    @Test func whatSecondsBringIsBelievedAtOnce() {
        for (text, verdict) in [("1000.035", MonotonicTotal.Verdict.accepted), ("1000.036", .waiting)] {
            var told = remembering("1000.000")
            #expect(told.tell(text, at: 3600) == verdict)
        }
    }

    /// If decimals are known, a reading in whole kWh may be a step of a coarse register, or a truncated one.
    @Test func wholeKilowattHoursWaitForAMinute() {
        var told = remembering("1000.000")
        var same = told
        #expect(same.tell("1000", at: 10_800) == .accepted)
        #expect(told.tell("1001", at: 10_800) == .waiting && told.tell("1001", at: 10_859) == .waiting)
        #expect(told.tell("1001", at: 10_860) == .accepted)
    }

    /// The wall clock justifies at most 31 days: 25 kW × (31 d + 5 s).
    @Test(arguments: [("19600.034723", true), ("19600.034724", false)]) func aMonthAtMost(_ text: String, _ fits: Bool) {
        var told = remembering("1000.000000")
        #expect(told.tell(text, at: 40 * 86_400) == (fits ? .waiting : .tooFast))
    }

    /// A single contradicting reading is no majority.
    @Test func twoReadingsAreNeededToContradict() {
        var told = remembering("90.000")
        #expect(told.tell("90.073", at: 3600) == .waiting)
        var twice = told
        #expect(twice.tell("90.073", at: 3601) == .waiting && twice.tell("90.003", at: 3602) == .waiting)
        #expect(told.tell("90.003", at: 3601) == .accepted)
    }

    // MARK: Candidates

    /// A candidate is limited like a total: after 3.200 it may rise by 25.035 kWh per hour; a higher reading starts a new candidate.
    @Test(arguments: [("28.235", true), ("28.236", false), ("3.200", true), ("3.199", false)])
    func aStoryGoesOnAsATotalDoes(_ text: String, _ goesOn: Bool) {
        var told = Told()
        told.tell("12345.678", at: 0)
        #expect(told.tell("3.200", at: 100) == .backwards && told.tell(text, at: 3700) == .backwards)
        let last = told.tell(text, at: 7300)
        #expect(last == (goesOn ? .replaced(Quantity(12_345_678, exponent: -3)) : .backwards))
    }

    @Test(arguments: [(Int64(1290), false), (1291, true)]) func aStoryOfTens(_ seconds: Int64, _ goesOn: Bool) {
        var told = Told()
        told.tell("12345.678", at: 0)
        func record(_ tens: Int64, at second: Int64) -> MonotonicTotal.Verdict {
            told.total.record(Quantity(tens, exponent: 1), at: start + .seconds(second), wall: clock, told.rules)
        }
        #expect(record(1, at: 100) == .backwards && record(2, at: 100 + seconds) == .backwards)
        #expect((record(2, at: 101 + seconds) == .backwards) == !goesOn)
    }

    /// The register may stand still for an hour, so the next reading may include two hours.
    @Test(arguments: [("53.235", true), ("53.236", false)]) func aStoryKnowsTheRefresh(_ text: String, _ goesOn: Bool) {
        var told = Told()
        told.rules.refresh = .seconds(3600)
        told.tell("12345.678", at: 0)
        // 25 kW × 7205 s are 50.0347 kWh.
        for (second, text) in [(100, "3.200"), (3700, text)] as [(Int64, String)] { told.tell(text, at: second) }
        #expect((told.tell(text, at: 7300) == .backwards) == !goesOn)
    }

    /// Two readings are outvoted by two others, the second of which starts a new candidate.
    @Test func aStoryIsOutweighed() {
        var told = Told()
        told.tell("12345.678", at: 0)
        for (second, text) in [(100, "3.200"), (101, "3.200"), (102, "50.000"), (103, "60.000")] as [(Int64, String)] {
            told.tell(text, at: second)
        }
        #expect(told.tell("60.000", at: 500) == .backwards && told.tell("60.000", at: 102 + held) == .backwards)
        #expect(told.tell("60.000", at: 103 + held) == .replaced(Quantity(12_345_678, exponent: -3)))
    }

    // MARK: Without a checksum

    private func unchecked(_ text: String) -> Told {
        var told = Told()
        told.rules.isChecked = false
        told.tell(text, at: 0)
        told.tell(text, at: 1)
        return told
    }

    /// A single step of the last digit is normal and needs no confirmation.
    @Test func aStepOfTheLastDigitIsNotConfirmed() {
        var told = unchecked("12345.678")
        #expect(told.tell("12345.679", at: 2) == .accepted && told.value == "12345.679")
        #expect(told.tell("12345.681", at: 3) == .accepted && told.value == "12345.679", "two are confirmed by the next reading")
        #expect(told.tell("12345.681", at: 4) == .accepted && told.value == "12345.681")
    }

    @Test func theNextReadingMustNotBeLess() {
        var told = unchecked("12345.678")
        #expect(told.tell("12345.690", at: 2) == .waiting && told.tell("12345.685", at: 3) == .waiting && told.value == "12345.678")
        #expect(told.tell("12345.686", at: 4) == .accepted && told.value == "12345.685")
    }

    /// A reading that was pending before the exchange doesn't count for the new meter.
    @Test func whatWaitedIsForgottenByAnotherMeter() {
        var told = unchecked("1000.000")
        told.tell("1000.010", at: 2)
        for second in 0...held { told.tell("5000.000", at: 3 + second) }
        #expect(told.value == "5000.000")
        told.tell("5000.010", at: 4 + held)
        #expect(told.value == "5000.000")
        #expect(told.tell("5000.010", at: 5 + held) == .accepted && told.value == "5000.010")
    }

    /// `turns` increases at a decrease, which a listener takes for a reset, and whenever the total is more than a tenth above the last one counted.
    @Test func turns() {
        var told = remembering("100.000")
        told.rules = MonotonicTotal.Rules(perHour: 1_000_000)
        for (second, text, turns) in [
            (0, "100.000", 0), (1, "110.000", 0), (2, "110.001", 1), (3, "121.001", 1), (4, "121.002", 2),
        ] as [(Int64, String, Int)] {
            told.tell(text, at: second)
            #expect(told.total.turns == turns, "\(text)")
        }
        for second in 0...held { told.tell("5.000", at: 10 + second) }
        #expect(told.value == "5.000" && told.total.turns == 3)
        var new = Told()
        new.tell("0.000", at: 0)
        #expect(new.total.turns == 0)
        new.tell("0.001", at: 1)
        #expect(new.total.turns == 1)
    }
}

@Suite struct MeterMemoryTests {
    private var memory: MeterMemory {
        var memory = MeterMemory(
            serial: "1 EMH00 4711",
            totals: [
                .energyImport: MeterMemory.Total(Quantity(33_402_264, exponent: -3), at: clock),
                .energyExportT1: MeterMemory.Total(Quantity(0), at: clock),
            ])
        memory.channels[2] = MeterMemory(serial: "G4731", totals: [.volume: MeterMemory.Total(Quantity(981_443, exponent: -3), at: clock)])
        memory.channels[1] = MeterMemory(totals: [.energy: MeterMemory.Total(Quantity(5), at: clock)])
        return memory
    }

    @Test func itIsReadAsItWasWritten() {
        let text = MeterMemoryRecord.text(of: memory)
        #expect(text.hasPrefix("jouled meter 1\nserial 1 EMH00 4711\nenergy_export_t1 0 at 1700000000000\n"))
        #expect(MeterMemoryRecord.parse(Array(text.utf8)) == memory)
        #expect(MeterMemoryRecord.parse(Array(MeterMemoryRecord.text(of: MeterMemory()).utf8)) == MeterMemory())
        let address = MeterMemory(serial: "7", isAddress: true)
        #expect(MeterMemoryRecord.parse(Array(MeterMemoryRecord.text(of: address).utf8)) == address)
    }

    @Test func aDamagedOneIsNone() {
        let bytes = Array(MeterMemoryRecord.text(of: memory).utf8)
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 0x01
            #expect(MeterMemoryRecord.parse(damaged) == nil, "byte \(index)")
            #expect(MeterMemoryRecord.parse(Array(bytes[..<index])) == nil)
        }
    }

    /// A meter may send anything as its serial number, even line ends.
    @Test func aSerialNumberIsNoLine() {
        let hostile = MeterMemory(serial: "1\nenergy_import 9 at 1")
        let read = MeterMemoryRecord.parse(Array(MeterMemoryRecord.text(of: hostile).utf8))
        #expect(read == MeterMemory())
    }
}
