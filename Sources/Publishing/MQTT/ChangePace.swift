import Metering

/// Sends two changes immediately, so that a problem that disappears within a moment is both reported and cleared. Further changes within
/// ten seconds wait, and only the newest of them is sent.
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
