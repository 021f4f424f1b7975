import Metering
import Synchronization

/// The counts of all lines, from the counter's thread to the aggregator. They are cumulative: only the newest of each line matters, and the
/// aggregator takes it before it publishes anything, so not every pulse has to wake it.
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

    /// Yields when a report should be handled at once, and ends after the last one. Yields that were not taken yet are merged into one.
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

    /// Delivered with the next count.
    func put(problem: String?, of line: Int) { news.withLock { $0.lines[line].reading.problem = problem } }

    /// Delivered with the next count, too.
    func put(journalProblem: String?, of line: Int) { news.withLock { $0.lines[line].reading.journalProblem = journalProblem } }

    // Not inlined, so that pulses that wake nobody do not pay for it.
    @inline(never) func ring() { bell.yield() }

    func finish() { bell.finish() }

    /// The reports that were not taken yet.
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
