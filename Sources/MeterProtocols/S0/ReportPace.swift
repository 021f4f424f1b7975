import Metering

/// Decides which pulses of a line are worth waking somebody for: one that comes alone; one that came sooner or later than the one before let
/// expect, for then the power has changed, and the next one, which says to what. Of a steady stream every pulse says the same, and to be woken now and then is enough: when it
/// lasts, and when the next pulse is overdue.
package struct ReportPace: Sendable {
    /// What a pulse may be early or late and still be expected: less than 10 % of power in any stream that is not reported pulse by pulse.
    private static let tolerance = (parts: Int64(16), jitter: Int64(2_000_000))
    /// A stream that never is steady.
    private static let leastPause: Int64 = 100_000_000

    /// How often to report a steady stream, with a listener and without one.
    private let (listenedEvery, keptEvery): (Int64, Int64)
    private var reported = Int64.min / 2
    /// Between the newest two pulses when the newest report was made.
    private var expected: Int64 = 0
    private var newest = Int64.min / 2
    private var interval: Int64 = 0
    /// When what was counted is to be reported; in the distant future while all is.
    package private(set) var due = Instant.distantFuture
    /// The newest pulse was; one that is not reported is worth it.
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

    /// There is more to say than that a pulse ended.
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
