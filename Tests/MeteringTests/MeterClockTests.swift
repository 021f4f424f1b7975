import Metering
import Testing

@Suite struct MeterClockTests {
    /// 2026-03-01T12:00:00Z.
    private static let noon: Int64 = 1_772_366_400
    private var state = MeterState()
    private var now = Instant(nanoseconds: 1_000_000_000_000)

    init() { state.addOptical(MeterDescription(name: "grid", title: "Grid"), maxPower: 25_000, staleAfter: .seconds(30)) }

    private var offset: String? { state.snapshot["grid"]?.values[.meterClockOffset]?.text }

    /// A reading that ends at `wall` seconds and took 0.3 s.
    private mutating func read(_ registers: [(String, String)], wall: Double, taking: Duration = .milliseconds(300)) {
        let list = registers.compactMap { code, text in OBISCode(code).map { Register($0, .text(text)) } }
        let readout = Readout(list, asked: now - taking, at: now)
        state.record(readout, of: "grid", wall: WallTime(millisecondsSince1970: Int64(wall * 1000)))
    }

    private mutating func compare(_ time: String, _ date: String, wall: Int64, later: Int64 = 1) -> String? {
        read([("0.9.1", time)], wall: Double(wall) + 0.65)
        #expect(offset == nil)
        now = now + .seconds(later)
        read([("0.9.2", date)], wall: Double(wall + later) + 0.65)
        return offset
    }

    @Test(arguments: [
        ("12:00:00", "26.03.01", "0"), ("120000", "260301", "0"), ("12:00:07", "26-03-01", "7"), ("11:59:20", "26.03.01", "-40"),
        // Local time in winter and summer, and with a leading digit for the season.
        ("13:00:05", "26.03.01", "5"), ("140005", "1260301", "5"), ("015959", "0260302", "-1"), ("22:00:00", "26.02.28", "0"),
        ("12:29:00", "26.03.01", "1740"), ("12:31:00", "26.03.01", "-1740"),
        // No time zone has such an offset, so the date is wrong.
        ("03:00:30", "26.03.02", "54030"), ("12:00:00", "25.03.01", "-31536000"), ("12:00:00", "24.02.29", "-63158400"),
    ]) func tellsSecondsWithoutZoneAndSeason(time: String, date: String, expected: String) {
        var bench = self
        #expect(bench.compare(time, date, wall: Self.noon) == expected)
    }

    @Test(arguments: [
        ("12:00", "26.03.01"), ("24:00:00", "26.03.01"), ("12:60:00", "26.03.01"), ("12:00:00", "26.13.01"), ("12:00:00", "26.02.29"),
        ("12:00:00", "2026.03.01"), ("12:00:00", "26.03.00"), ("::", "26.03.01"), ("1a:00:00", "26.03.01"), ("12:00:00", "+60301"),
        ("00000000", "260301"), ("12:00:00", "26:0301"),
    ]) func takesNothingElse(time: String, date: String) {
        var bench = self
        #expect(bench.compare(time, date, wall: Self.noon) == nil)
    }

    /// The meter read its clock in the middle of the reading, which may take at most a second.
    @Test func theReadingTakesItsTime() {
        for (milliseconds, expected) in [(200, "10"), (1000, "10"), (1001, nil)] as [(Int64, String?)] {
            var bench = self
            // The answer came 400 ms after the middle of the clock's second.
            bench.read([("0.9.1", "12:00:10")], wall: Double(Self.noon) + 0.9, taking: .milliseconds(milliseconds))
            bench.now = bench.now + .seconds(1)
            bench.read([("0.9.2", "26.03.01")], wall: Double(Self.noon) + 1.9)
            #expect(bench.offset == expected, "\(milliseconds)")
        }
        // The reading took 0.9 s. Its middle, 0.45 s before the end, gives 9.6 s ahead; its end would give 10.5 s, and a later moment 11.4 s.
        var bench = self
        bench.read([("0.9.1", "12:00:10")], wall: Double(Self.noon) + 1.35, taking: .milliseconds(900))
        bench.now = bench.now + .seconds(1)
        bench.read([("0.9.2", "26.03.01")], wall: Double(Self.noon) + 2.35)
        #expect(bench.offset == "10")
    }

    /// Around midnight the date that is read after the time may be the next day's.
    @Test func saysNothingAtItsMidnight() {
        var bench = self
        #expect(bench.compare("23:59:58", "26.03.02", wall: Self.noon - 2, later: 2) == nil)
        #expect(bench.compare("23:58:50", "26.03.02", wall: Self.noon - 70, later: 70) == nil)
        #expect(bench.compare("23:59:50", "26.03.01", wall: Self.noon - 10, later: 2) == "0")
    }

    @Test func whatDoesNotBelongTogetherIsNotCompared() {
        var bench = self
        #expect(bench.compare("12:00:00", "26.03.01", wall: Self.noon, later: 121) == nil)
        bench.read([("0.9.2", "26.03.01")], wall: Double(Self.noon))
        #expect(bench.offset == nil, "a date alone")
        let both = [("0.9.1", "12:00:00"), ("0.9.2", "26.03.01")]
        bench.read(both, wall: Double(Self.noon), taking: .seconds(20))
        bench.read(both, wall: Double(Self.noon), taking: .zero)
        #expect(bench.offset == nil, "nobody knows when it looked at its clock")
        bench.read(both, wall: Double(Self.noon) + 0.65)
        #expect(bench.offset == "0")
    }

    // MARK: Exact limits

    /// Time and date from the same reading; `wall` is its end in milliseconds after noon.
    private mutating func both(
        _ time: String, _ date: String = "26.03.01", wall: Int64 = 650, taking: Duration = .milliseconds(300)
    ) -> String? {
        let registers = [Register(OBISCode(0, 9, 1), .text(time)), Register(OBISCode(0, 9, 2), .text(date))]
        state.record(
            Readout(registers, asked: now - taking, at: now), of: "grid",
            wall: WallTime(millisecondsSince1970: Self.noon * 1000 + wall))
        return offset
    }

    /// 12:00:00 means 12:00:00.5 on average, at the middle of the reading. Read at 12:00:00.000 it is half a second ahead, rounded up.
    @Test(
        arguments: [
            (500, 1_000_000_000, "1"), (501, 1_000_000_000, "0"), (499, 999_999_600, "1"), (500, 999_999_600, "0"),
        ] as [(Int64, Int64, String)])
    func aSecondBegins(_ wall: Int64, _ nanoseconds: Int64, _ expected: String) {
        var bench = self
        let found = bench.both("12:00:00", wall: wall, taking: .nanoseconds(nanoseconds))
        #expect(found == expected)
    }

    /// Fourteen hours may be a time zone, fifteen can't.
    @Test(arguments: [("02:00:00", "26.03.02", "0"), ("03:00:00", "26.03.02", "54000"), ("22:00:00", "26.02.28", "0")])
    func zones(_ time: String, _ date: String, _ expected: String) {
        var bench = self
        let found = bench.both(time, date)
        #expect(found == expected)
    }

    @Test(arguments: [
        ("12:00:60", "26.03.01"), ("12:0:000", "26.03.01"), ("120:00:0", "26.03.01"), ("12:00:00", "26.3.001"),
        ("12::00:00", "26.03.01"), ("120000:", "26.03.01"), (":120000", "26.03.01"),
    ])
    func isNoTime(_ time: String, _ date: String) {
        var bench = self
        let found = bench.both(time, date)
        #expect(found == nil)
    }

    @Test func theLastSecondOfEach() {
        var bench = self
        let found = [bench.both("23:59:00", "26.02.28"), bench.both("11:59:59")]
        #expect(found == ["-60", "-1"])
    }

    /// The date is read `later` after the time and must belong to the same day, with a tolerance of a second.
    @Test func theDateIsReadLater() {
        func offset(_ time: String, later: Duration) -> String? {
            var bench = self
            bench.read([("0.9.1", time)], wall: Double(Self.noon) + 0.65)
            bench.now = bench.now + later
            bench.read([("0.9.2", "26.03.01")], wall: Double(Self.noon) + 0.65 + later.seconds)
            return bench.offset
        }
        // The time was read 0.15 s before the end of its reading: at most 120 s may lie in between.
        #expect(offset("12:00:00", later: .milliseconds(119_850)) == "0")
        #expect(offset("12:00:00", later: .milliseconds(119_850) + .nanoseconds(1)) == nil)
        // After 1.15 s, rounded up to two, plus one second of tolerance, it would be midnight.
        #expect(offset("23:59:56", later: .seconds(1)) != nil && offset("23:59:57", later: .seconds(1)) == nil)
    }

    /// Noon of the last day of each month, in days from now; the day after the last one is invalid.
    @Test(arguments: [0, 1, 4, 23, 24, 26, 96, 99] as [Int64]) func everyMonth(_ year: Int64) {
        // 2000-01-01 is day 10957, 2026-03-01 day 20513.
        var day: Int64 = 10_957
        for earlier in 0..<year { day += earlier % 4 == 0 ? 366 : 365 }
        func two(_ number: Int64) -> String { (number < 10 ? "0" : "") + String(number) }
        for (month, length) in ([31, year % 4 == 0 ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as [Int64]).enumerated() {
            let month = Int64(month) + 1
            for dayOfMonth in [1, length] {
                var bench = self
                let date = "\(two(year))-\(two(month))-\(two(dayOfMonth))"
                let expected = (day + dayOfMonth - 1 - 20_513) * 86_400
                let found = bench.both("12:00:00", date)
                #expect(found == String(expected), "\(date)")
            }
            var bench = self
            let found = bench.both("12:00:00", "\(two(year))\(two(month))\(two(length + 1))")
            #expect(found == nil)
            day += length
        }
    }
}
