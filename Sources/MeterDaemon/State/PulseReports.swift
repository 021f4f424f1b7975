import Metering
import Synchronization

/// Passes the counts of all lines from the counter's thread to the aggregator. Counts are cumulative, so only the newest of each line
/// matters. The aggregator takes it before it publishes anything, so not every pulse has to wake the aggregator.
package final class PulseReports: Sendable {
    package typealias Report = (line: Int, reading: PulseReading)

    private struct Line {
        var reading = PulseReading()
        var isNew = false
    }

    private struct News {
        var lines: [Line]
        var hasAny = false
    }

    /// Yields when a report should be handled at once, and ends after the last report. Pending yields are merged into one.
    package let rings: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation
    private let news: Guarded<News>
    private let isListenedTo = Atomic(false)

    package init(lines: Int) {
        (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        news = Guarded(News(lines: [Line](repeating: Line(), count: lines)))
    }

    /// Whether somebody needs every change; otherwise reports are only stored.
    var hasListener: Bool { isListenedTo.load(ordering: .relaxed) }

    func gainListener() { isListenedTo.store(true, ordering: .relaxed) }

    func put(_ count: PulseCount, of line: Int) {
        news.withLock { news in
            news.lines[line].reading.count = count
            news.lines[line].isNew = true
            news.hasAny = true
        }
    }

    /// Stores a problem, which is delivered with the next count.
    func put(problem: String?, of line: Int) { news.withLock { $0.lines[line].reading.problem = problem } }

    /// Stores a problem of the journal, which is delivered with the next count, too.
    func put(journalProblem: String?, of line: Int) { news.withLock { $0.lines[line].reading.journalProblem = journalProblem } }

    // Not inlined, so that pulses that wake nobody do not pay for the call to the stream.
    @inline(never) func ring() { bell.yield() }

    func finish() { bell.finish() }

    /// Returns the reports that have not been taken yet.
    package func take() -> [Report] {
        news.withLock { news in
            guard news.hasAny else { return [] }
            news.hasAny = false
            var reports: [Report] = []
            for line in news.lines.indices where news.lines[line].isNew {
                news.lines[line].isNew = false
                reports.append((line, news.lines[line].reading))
            }
            return reports
        }
    }
}
