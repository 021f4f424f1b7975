import Metering

/// One pulse of an S0 output.
package struct Pulse: Sendable, Hashable {
    /// When the line became active.
    package var at: Instant
    package var end: Instant

    package var length: Duration { end - at }

    package init(at: Instant, end: Instant) {
        self.at = at
        self.end = end
    }
}

/// Tells pulses from bounce, hum and glitches by their width.
///
/// A pulse counts when the line was active for `minPulse` without interruption, which is known at its trailing edge. The next one counts
/// only after the line was inactive for as long: a contact that bounces while it opens makes no second pulse.
package struct PulseFilter: Sendable {
    /// Edges that must have been there and never came, so that a pulse may be missing. What is not proven is not counted.
    package private(set) var missed: Int64 = 0

    private enum Level: Sendable { case unknown, active, inactive }

    private let active: Edge.Direction
    private let minimum: Int64
    private var level = Level.unknown
    /// When the line got that level, as far as is known, in nanoseconds.
    private var since: Int64 = 0
    /// The line has rested since the last pulse.
    private var isArmed = true

    /// `activeSince`: when a pulse began that was on already.
    package init(active: Edge.Direction, minPulse: Duration, activeSince: Instant? = nil) {
        self.active = active
        minimum = minPulse.nanoseconds
        guard let activeSince else { return }
        level = .active
        since = activeSince.nanoseconds
    }

    package var activeSince: Instant? { level == .active ? Instant(nanoseconds: since) : nil }

    /// The pulse that ends with this edge, if one does.
    @inline(__always)
    package mutating func push(_ edge: Edge) -> Pulse? {
        let now = edge.at.nanoseconds
        // Negative when the clock runs backwards: then nothing lasted long enough.
        let held = now &- since
        let old = level
        level = edge.direction == active ? .active : .inactive
        since = now

        switch (old, level) {
        case (.inactive, .active):
            if held >= minimum { isArmed = true }
        case (.active, .inactive):
            guard isArmed, held >= minimum else { return nil }
            isArmed = false
            return Pulse(at: Instant(nanoseconds: now &- held), end: edge.at)
        case (.unknown, .inactive):
            // The end of a pulse whose beginning was missed.
            isArmed = false
        case (.unknown, _):
            break
        default:
            // The edge between the two never came: a glitch that was over when the kernel looked, or its queue overflowed. How long
            // the line was at either level nobody knows; only in less than the shortest pulse there was certainly none.
            if held >= minimum { missed += 1 }
        }
        return nil
    }
}
