import Metering

/// Decides which pulses of a line are worth waking a task for: a single one; one that is earlier or later than the interval before it
/// predicts, because then the power has changed; and the one after that, which shows the new power. The pulses of a steady stream all
/// show the same, so a report now and then is enough: at regular intervals, and when the next pulse is overdue.
package struct ReportPace: Sendable {
    /// How early or late a pulse may be and still be expected: below 10 % of power in any stream that is not reported pulse by pulse.
    private static let tolerance = (parts: Int64(16), jitter: Int64(2_000_000))
    /// The minimum time between reports of a stream that is never steady.
    private static let leastPause: Int64 = 100_000_000

    /// How often to report a steady stream, with and without a listener.
    private let (listenedEvery, keptEvery): (Int64, Int64)
    private var reported = Int64.min / 2
    /// The interval between the newest two pulses when the last report was made.
    private var expected: Int64 = 0
    private var newest = Int64.min / 2
    private var interval: Int64 = 0
    /// When the next report is due; `distantFuture` when everything was reported.
    package private(set) var due = Instant.distantFuture
    /// Whether the newest pulse was unexpected, and whether a pulse that has not been reported yet is urgent.
    private var wasUnexpected = false
    private var isUrgent = false

    package init(listenedEvery: Duration, keptEvery: Duration) {
        (self.listenedEvery, self.keptEvery) = (listenedEvery.nanoseconds, keptEvery.nanoseconds)
    }

    package func isDue(_ now: Instant) -> Bool { due <= now }

    /// A pulse ended.
    package mutating func count(at end: Instant, isListenedTo: Bool) {
        let (now, pause) = (end.nanoseconds, isListenedTo ? listenedEvery : keptEvery)
        interval = now &- newest
        newest = now
        let allowance = expected / Self.tolerance.parts &+ Self.tolerance.jitter
        // Negative where the kernel's times ran backwards before.
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
