import Metering
import Testing

@testable import MeterDaemon

/// The counter's reports for its lines: the newest of each, once.
@Suite struct PulseReportsTests {
    private func count(_ counted: Int64) -> PulseCount {
        var count = PulseCount()
        count.counted = counted
        return count
    }

    @Test func eachReportIsTakenOnce() {
        let reports = PulseReports(lines: 3)
        #expect(reports.take().isEmpty)
        reports.put(count(1), of: 2)
        reports.put(count(5), of: 0)
        reports.put(count(2), of: 2)
        let taken = reports.take()
        #expect(taken.map(\.line) == [0, 2] && taken.map(\.reading.counted) == [5, 2])
        #expect(reports.take().isEmpty)
        reports.put(count(6), of: 0)
        #expect(reports.take().map(\.line) == [0])
    }

    /// A problem is sent with the next count, and stays until it is resolved.
    @Test func problemsGoWithTheCount() {
        let reports = PulseReports(lines: 2)
        reports.put(problem: "unplugged", of: 1)
        reports.put(journalProblem: "no space", of: 1)
        #expect(reports.take().isEmpty)
        for counted in Int64(1)...2 {
            reports.put(count(counted), of: 1)
            let taken = reports.take()
            #expect(taken.map(\.reading.problem) == ["unplugged"] && taken.map(\.reading.journalProblem) == ["no space"])
        }
        reports.put(problem: nil, of: 1)
        reports.put(count(3), of: 1)
        #expect(reports.take().map(\.reading.problem) == [nil])
    }

    @Test func aListenerStays() {
        let reports = PulseReports(lines: 1)
        #expect(!reports.hasListener)
        reports.gainListener()
        #expect(reports.hasListener)
    }

    /// One ring covers everything reported so far, and the last one is not lost.
    @Test func rings() async {
        let reports = PulseReports(lines: 1)
        reports.ring()
        reports.ring()
        reports.finish()
        var heard = 0
        for await _ in reports.rings { heard += 1 }
        #expect(heard == 1)
    }
}
