import Metering

/// Decides which pulses of a line are worth waking a task for: a single pulse; a pulse that is earlier or later than the previous interval
/// predicts, because the power has changed; and the pulse after that, which shows the new power. In a steady stream every pulse shows the
/// same power, so a report now and then is enough: at regular intervals, and when the next pulse is overdue.
package struct ReportPace: Sendable {
    /// How early or late a pulse may be without being unexpected: below 10 % of power in any stream that is not reported pulse by pulse.
    private static let tolerance = (parts: Int64(16), jitter: Int64(2_000_000))
    /// The minimum time between reports if the pulses never become steady.
    private static let leastPause: Int64 = 100_000_000

    /// How often to report a steady stream, with and without a listener.
    private let (listenedEvery, keptEvery): (Int64, Int64)
    private var reported = Int64.min / 2
    /// The interval between the newest two pulses at the time of the last report.
    private var expected: Int64 = 0
    private var newest = Int64.min / 2
    private var interval: Int64 = 0
    /// When the next report is due; `distantFuture` if everything has been reported.
    package private(set) var due = Instant.distantFuture
    /// Whether the newest pulse was unexpected, and whether a pulse that has not been reported yet is urgent.
    private var wasUnexpected = false
    private var isUrgent = false

    package init(listenedEvery: Duration, keptEvery: Duration) {
        (self.listenedEvery, self.keptEvery) = (listenedEvery.nanoseconds, keptEvery.nanoseconds)
    }

    package func isDue(_ now: Instant) -> Bool { due <= now }

    /// Counts a pulse that ended, and decides when it has to be reported.
    package mutating func count(at end: Instant, isListenedTo: Bool) {
        let (now, pause) = (end.nanoseconds, isListenedTo ? listenedEvery : keptEvery)
        interval = now &- newest
        newest = now
        let allowance = expected / Self.tolerance.parts &+ Self.tolerance.jitter
        // Negative if the kernel's time stamps ran backwards earlier.
        let isUnexpected = (interval &- expected).magnitude > UInt64(max(0, allowance))
        isUrgent = isUrgent || isUnexpected || wasUnexpected
        wasUnexpected = isUnexpected
        if now &- reported >= pause {
            due = end
        } else if isUrgent {
            due = min(due, Instant(nanoseconds: reported &+ min(Self.leastPause, pause)))
        } else {
            due = Instant(nanoseconds: min(reported &+ pause, now &+ expected &+ allowance))
        }
    }

    /// Makes a report due at once, because there is more to report than the end of a pulse.
    package mutating func hurry() {
        due = Instant(nanoseconds: 0)
        isUrgent = true
    }

    package mutating func reported(_ now: Instant) {
        reported = now.nanoseconds
        expected = interval
        due = .distantFuture
        isUrgent = false
    }
}
