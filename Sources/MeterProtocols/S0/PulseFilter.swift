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

/// Distinguishes pulses from bounce, hum and glitches by their width.
///
/// A pulse counts when the line was active for `minPulse` without interruption, which is certain at its trailing edge. The next one counts
/// only after the line was inactive for as long: a contact that bounces while it opens makes no second pulse.
package struct PulseFilter: Sendable {
    /// Missing edges that may have been pulses. They are not counted as pulses.
    package private(set) var missed: Int64 = 0

    private enum Level: Sendable { case unknown, active, inactive }

    private let active: Edge.Direction
    private let minimum: Int64
    private var level = Level.unknown
    /// When the line changed to that level, as far as known, in nanoseconds.
    private var since: Int64 = 0
    /// The line was inactive for long enough since the last pulse.
    private var isArmed = true

    /// `activeSince`: the beginning of a pulse that is already active.
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
        // Negative if the timestamps ran backwards; the level then counts as too short.
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
            // The edge between the two is missing: a glitch that was over before the kernel sampled the line, or its queue overflowed. How long
            // the line was at each level is unknown, but in less than the shortest pulse there was certainly none.
            if held >= minimum { missed += 1 }
        }
        return nil
    }
}
