import Metering
import Synchronization

/// What the counter says of its lines, from its thread to the aggregator. Reports are cumulative: of each line only the newest matters, and
/// the aggregator takes it before it says anything, so it need not be woken by every pulse to know them all.
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

    /// Rings when there is a report that should be heard at once; ends with the last one. One ring is for all that came by then.
    package let rings: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation
    private let news: Guarded<News>
    private let isListenedTo = Atomic(false)

    package init(lines: Int) {
        (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        news = Guarded(News(lines: [Line](repeating: Line(), count: lines)))
    }

    /// Somebody wants to know of each change; without, they are only kept.
    var hasListener: Bool { isListenedTo.load(ordering: .relaxed) }

    func gainListener() { isListenedTo.store(true, ordering: .relaxed) }

    func put(_ count: PulseCount, of line: Int) {
        news.withLock { news in
            news.lines[line].reading.count = count
            news.lines[line].isNew = true
            news.hasAny = true
        }
    }

    /// It goes with the next count.
    func put(problem: String?, of line: Int) { news.withLock { $0.lines[line].reading.problem = problem } }

    /// It goes with the next count, too.
    func put(journalProblem: String?, of line: Int) { news.withLock { $0.lines[line].reading.journalProblem = journalProblem } }

    // Kept out of line, so that pulses that wake nothing do not pay for it.
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
