import Metering
import Synchronization

/// What the counter says of its lines, from its thread to the aggregator. Reports are cumulative: of each line only the newest matters, and
/// the aggregator takes it before it says anything, so it need not be woken by every pulse to know them all.
package final class PulseReports: Sendable {
    package typealias Report = (line: Int, reading: PulseReading)

    private struct News {
        var readings: [PulseReading]
        /// By line.
        var isNew: [Bool]
        var hasAny = false
    }

    /// Rings when there is a report that should be heard at once; ends with the last one. One ring is for all that came by then.
    package let rings: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation
    private let news: Mutex<News>
    private let isListenedTo = Atomic(false)

    package init(lines: Int) {
        (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        news = Mutex(
            News(readings: [PulseReading](repeating: PulseReading(), count: lines), isNew: [Bool](repeating: false, count: lines)))
    }

    /// Somebody wants to know of each change; without, they are only kept.
    var hasListener: Bool { isListenedTo.load(ordering: .relaxed) }

    func gainListener() { isListenedTo.store(true, ordering: .relaxed) }

    func put(_ reading: PulseReading, of line: Int) {
        news.withLock { news in
            news.readings[line] = reading
            news.isNew[line] = true
            news.hasAny = true
        }
    }

    func ring() { bell.yield() }

    func finish() { bell.finish() }

    /// Those that nobody has taken.
    package func take() -> [Report] {
        news.withLock { news in
            guard news.hasAny else { return [] }
            news.hasAny = false
            var reports: [Report] = []
            for line in news.isNew.indices where news.isNew[line] {
                news.isNew[line] = false
                reports.append((line, news.readings[line]))
            }
            return reports
        }
    }
}
