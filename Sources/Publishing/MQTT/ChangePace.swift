import Metering

/// Lets two changes through at once, so that a problem that clears within a moment is reported and cleared. Further changes within ten
/// seconds wait, and only the newest of them is sent.
struct ChangePace: Sendable {
    private static let interval = Duration.seconds(10)

    private var last: Instant?
    private var lastButOne: Instant?

    /// When a delayed change may be sent; `nil` if it may be sent now.
    func wait(_ now: Instant) -> Instant? {
        guard let next = lastButOne.map({ $0 + Self.interval }), next > now else { return nil }
        return next
    }

    mutating func note(_ now: Instant) { (lastButOne, last) = (last, now) }
}
