import Metering

/// Limits the rate of an expensive command: it is executed at once, and then at most once per interval, however often it is received.
struct CommandPace: Sendable {
    private let interval: Duration
    private var notBefore: Instant
    private var isWanted = false

    init(_ interval: Duration, notBefore: Instant = Instant(nanoseconds: 0)) {
        self.interval = interval
        self.notBefore = notBefore
    }

    var nextDeadline: Instant? { isWanted ? notBefore : nil }

    mutating func ask() { isWanted = true }

    /// Whether to execute it now.
    mutating func isDue(_ now: Instant) -> Bool {
        guard isWanted, notBefore <= now else { return false }
        isWanted = false
        notBefore = now + interval
        return true
    }
}
