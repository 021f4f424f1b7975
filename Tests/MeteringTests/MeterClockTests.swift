import Metering
import Testing

@Suite struct MeterClockTests {
    /// 2026-03-01T12:00:00Z.
    private static let noon: Int64 = 1_772_366_400
    private var state = MeterState()
    private var now = Instant(nanoseconds: 1_000_000_000_000)

    init() { state.addOptical(MeterDescription(name: "grid", title: "Grid"), maxPower: 25_000, staleAfter: .seconds(30)) }

    private var offset: String? { state.snapshot["grid"]?.values[.meterClockOffset]?.text }

    /// Read at `wall` seconds, in 0.3 s.
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
        // Local time, in winter and in summer, and behind a digit for the season.
        ("13:00:05", "26.03.01", "5"), ("140005", "1260301", "5"), ("015959", "0260302", "-1"), ("22:00:00", "26.02.28", "0"),
        ("12:29:00", "26.03.01", "1740"), ("12:31:00", "26.03.01", "-1740"),
        // No zone is so far away: its date is wrong.
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

    /// It looked at its clock in the middle of the time that the reading took, which is a second at most.
    @Test func theReadingTakesItsTime() {
        for (milliseconds, expected) in [(200, "10"), (1000, "10"), (1001, nil)] as [(Int64, String?)] {
            var bench = self
            // It came 400 ms later than the middle of its second.
            bench.read([("0.9.1", "12:00:10")], wall: Double(Self.noon) + 0.9, taking: .milliseconds(milliseconds))
            bench.now = bench.now + .seconds(1)
            bench.read([("0.9.2", "26.03.01")], wall: Double(Self.noon) + 1.9)
            #expect(bench.offset == expected, "\(milliseconds)")
        }
        // In 0.9 s: 0.45 s before the end, 9.6 s ahead; 10.5 s had it been at the end, 11.4 s had it been later still.
        var bench = self
        bench.read([("0.9.1", "12:00:10")], wall: Double(Self.noon) + 1.35, taking: .milliseconds(900))
        bench.now = bench.now + .seconds(1)
        bench.read([("0.9.2", "26.03.01")], wall: Double(Self.noon) + 2.35)
        #expect(bench.offset == "10")
    }

    /// The date that belongs to the time is not the one that is read after it.
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
}
