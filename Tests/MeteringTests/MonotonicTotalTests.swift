import Metering
import Testing

private let start = Instant(nanoseconds: 1_000_000_000_000)
private let clock = WallTime(millisecondsSince1970: 1_700_000_000_000)

/// A total with 25 kW behind it, told second by second.
private struct Told {
    var total = MonotonicTotal()
    var rules = MonotonicTotal.Rules(perHour: 25)
    /// What the clock on the wall is wrong by.
    var clockError: Int64 = 0

    @discardableResult
    mutating func tell(_ text: String, at seconds: Int64) -> MonotonicTotal.Verdict {
        let wall = WallTime(millisecondsSince1970: clock.millisecondsSince1970 + (seconds + clockError) * 1000)
        return total.record(Quantity(text) ?? Quantity(-1), at: start + .seconds(seconds), wall: wall, rules)
    }

    var value: String? { total.value?.description }
}

@Suite struct MonotonicTotalTests {
    private let held = MonotonicTotal.storyLength.components.seconds

    @Test func onlyWhatTheConnectionCarries() {
        var told = Told()
        #expect(told.tell("1000.000", at: 0) == .accepted)
        // An hour of 25 kW, and what the refresh of the register may hide.
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

    /// A thousandfold, tenfold, a digit turned, and what no meter has digits for.
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
        // Of a register of ten kWh a step would excuse what no connection can have.
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

    /// A meter that is read once in a while tells it three times at least.
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

    /// On a line that garbles every third reading, each time in another way.
    @Test func aStoryOutlivesGarbledReadings() {
        var told = Told()
        told.tell("12345.678", at: 0)
        for second in 1...(held + 5) { told.tell(second % 3 == 1 ? "\(second * 7919 % 5000)" : "3.200", at: second) }
        #expect(told.value == "3.200")
    }

    /// Random numbers never become a story.
    @Test func noiseIsNoStory() {
        var told = Told()
        told.tell("12345.678", at: 0)
        for second in 1...5000 as ClosedRange<Int64> { told.tell("\(second * 7919 % 5000)", at: second) }
        #expect(told.value == "12345.678")
    }

    /// A base that was misread a little too high: the meter is lower, and right in the end. Home Assistant subtracts the dip.
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

    /// Two that are hurt in the same total confirm each other before they come here; the third one shows it.
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

    // MARK: Another life

    private func remembering(_ text: String, clockError: Int64 = 0) -> Told {
        Told(total: MonotonicTotal(remembered: Quantity(text) ?? Quantity(0), at: clock), clockError: clockError)
    }

    @Test func itGoesOnFromWhatWasKnown() {
        var told = remembering("1000.000")
        #expect(told.tell("0", at: 3600) == .backwards && told.tell("999.999", at: 3601) == .backwards)
        #expect(told.tell("10000", at: 3602) == .tooFast)
        var soon = told
        #expect(soon.tell("1000.030", at: 3603) == .accepted, "what seconds may bring")
        // Three hours, one kWh: for a minute.
        for second in 10_800..<10_860 as Range<Int64> { #expect(told.tell("1001.000", at: second) == .waiting) }
        #expect(told.tell("1001.001", at: 10_860) == .accepted && told.value == "1001.001")
    }

    /// Of one that is read once an hour, the second reading will do.
    /// A digit misread downwards, which fits what was known an hour ago, is below what was published since.
    @Test func whatContradictsAllOthersWaitsToo() {
        var told = remembering("90.000")
        for second in 3600...3640 as ClosedRange<Int64> { #expect(told.tell("90.073", at: second) == .waiting) }
        #expect(told.tell("90.003", at: 3641) == .waiting)
        for second in 3642...3659 as ClosedRange<Int64> { #expect(told.tell("90.073", at: second) == .waiting) }
        #expect(told.tell("90.073", at: 3660) == .accepted)
    }

    @Test func itNeedsNoThirdReading() {
        var told = remembering("1000.000")
        #expect(told.tell("1001.000", at: 10_800) == .waiting && told.tell("1001.900", at: 14_400) == .accepted)
    }

    /// No clock of its own: it starts where it was switched off, three hours too early, or in 1970.
    @Test(arguments: [-10_800, -1_700_000_000]) func aClockThatIsLateOnlyDelays(_ error: Int64) {
        var told = remembering("1000.000", clockError: error)
        for second in 0...10 as ClosedRange<Int64> { #expect(told.tell("1001.000", at: 10_800 + second) == .tooFast) }
        var known = told
        known.clockError = 0
        #expect(known.tell("1001.002", at: 10_870) == .accepted, "it was set")
        for second in 10_811...(10_800 + held) { told.tell("1001.002", at: second) }
        #expect(told.value == "1001.002", "it was never set")
    }

    /// One that is years ahead does not vouch for what a meter shows while it starts, nor for everything.
    @Test func aClockThatIsAheadIsNoProof() {
        var told = remembering("12345.678", clockError: 400_000_000)
        for second in 0..<50 as Range<Int64> {
            #expect(told.tell("123456.780", at: second) == .tooFast && told.tell("1234.567", at: second) == .backwards)
        }
        for second in 50..<90 as Range<Int64> { #expect(told.tell("12446.000", at: second) != .accepted) }
        for second in 90..<300 as Range<Int64> { told.tell("12346.000", at: second) }
        #expect(told.value == "12346.000")
    }

    /// A reading once an hour of a meter that counts on: no more than it can have let through since the last step.
    @Test func aRegisterThatStandsStillBetweenItsReadings() {
        var told = Told()
        told.rules = MonotonicTotal.Rules(perHour: 100, refresh: .seconds(25 * 3600))
        for second in 0...3600 as ClosedRange<Int64> { #expect(told.tell("981.443", at: second) == .accepted) }
        #expect(told.tell("9814.43", at: 3601) == .tooFast)
        #expect(told.tell("1005.000", at: 3601) == .accepted)
        #expect(told.tell("1030.000", at: 3602) == .tooFast, "a step has just come")
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

    /// A serial number is whatever a meter sends.
    @Test func aSerialNumberIsNoLine() {
        let hostile = MeterMemory(serial: "1\nenergy_import 9 at 1")
        let read = MeterMemoryRecord.parse(Array(MeterMemoryRecord.text(of: hostile).utf8))
        #expect(read == MeterMemory())
    }
}
