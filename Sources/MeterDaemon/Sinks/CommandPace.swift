import Metering

/// A command that costs something is obeyed at once, and then at most once in a while, however often it comes.
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

    /// Whether to obey now.
    mutating func isDue(_ now: Instant) -> Bool {
        guard isWanted, notBefore <= now else { return false }
        isWanted = false
        notBefore = now + interval
        return true
    }
}
