import Metering

/// Lets a change out at once, and another one as well: what was wrong for a moment is all right again. More than two in ten seconds wait,
/// and only the newest of them goes.
struct ChangePace: Sendable {
    private static let interval = Duration.seconds(10)

    private var last: Instant?
    private var lastButOne: Instant?

    /// Until when a change has to wait; `nil` when it may go.
    func wait(_ now: Instant) -> Instant? {
        guard let next = lastButOne.map({ $0 + Self.interval }), next > now else { return nil }
        return next
    }

    mutating func note(_ now: Instant) { (lastButOne, last) = (last, now) }
}
