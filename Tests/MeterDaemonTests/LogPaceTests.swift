import Metering
import Testing

@testable import MeterDaemon

@Suite struct LogPaceTests {
    private static let start = Instant(nanoseconds: 1_000_000_000_000)

    private func warning(_ text: String) -> LogPace.Line { LogPace.Line(level: .warning, text: text) }

    @Test func theFirstIsWrittenAtOnceAndTheNewestInTheEnd() {
        var pace = LogPace()
        var written: [LogPace.Line] = []
        for tenth in 0..<95 {
            let now = Self.start + .milliseconds(100 * tenth)
            if let line = pace.admit(warning("serial \(tenth)"), of: "problem grid", now: now) { written.append(line) }
            written += pace.due(now)
        }
        #expect(written == [warning("serial 0")] && pace.deadline == Self.start + .seconds(10))
        written = pace.due(Self.start + .seconds(10))
        #expect(written == [warning("serial 94 (93 more like this in 10 s)")] && pace.deadline == nil)
        // That line counts as well.
        let next = pace.admit(warning("again"), of: "problem grid", now: Self.start + .seconds(19))
        #expect(next == nil && pace.deadline == Self.start + .seconds(20))
        #expect(pace.due(Self.start + .seconds(20)) == [warning("again")])
    }

    @Test func kindsDoNotWaitForEachOther() {
        var pace = LogPace()
        let lines = ["a", "b", "a", "b"].map { pace.admit(warning($0), of: $0, now: Self.start) }
        #expect(lines == [warning("a"), warning("b"), nil, nil])
        let due = pace.due(Self.start + .seconds(10))
        #expect(due == [warning("a"), warning("b")])
    }

    @Test func whatComesRarelyNeverWaits() {
        var pace = LogPace()
        for round in 0..<5 {
            let line = pace.admit(warning("\(round)"), of: "grid", now: Self.start + .seconds(10 * round))
            #expect(line == warning("\(round)") && pace.deadline == nil)
        }
    }

    @Test func nothingIsLostAtTheEnd() {
        var pace = LogPace()
        for text in ["1", "2"] { _ = pace.admit(warning(text), of: "grid", now: Self.start) }
        let early = pace.due(Self.start + .seconds(1))
        let last = pace.due(Self.start + .seconds(1), isLast: true)
        #expect(early == [] && last == [warning("2")] && pace.deadline == nil)
    }

    /// A meter with an alternating serial number causes one log line in ten seconds.
    @Test func aDayOfAFastMeterIsBounded() {
        var pace = LogPace()
        var written = 0
        for millisecond in stride(from: 0, to: 100_000, by: 2) {
            let now = Self.start + .milliseconds(millisecond)
            if pace.admit(warning("\(millisecond)"), of: "grid", now: now) != nil { written += 1 }
            written += pace.due(now).count
        }
        #expect(written == 10)
    }
}
