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
/// A pulse counts if the line was active for `minPulse` without interruption, which is certain at its trailing edge. The next pulse counts
/// only if the line was inactive for at least as long before it, so a contact that bounces while it opens makes no second pulse.
package struct PulseFilter: Sendable {
    /// How many missing edges may have been pulses. They are not counted as pulses.
    package private(set) var missed: Int64 = 0

    private enum Level: Sendable { case unknown, active, inactive }

    private let active: Edge.Direction
    private let minimum: Int64
    private var level = Level.unknown
    /// When the line changed to that level, as far as known, in nanoseconds.
    private var since: Int64 = 0
    /// Whether the line has been inactive for long enough since the last pulse.
    private var isArmed = true

    /// `activeSince`: when the pulse that is already active began, if there is one.
    package init(active: Edge.Direction, minPulse: Duration, activeSince: Instant? = nil) {
        self.active = active
        minimum = minPulse.nanoseconds
        guard let activeSince else { return }
        level = .active
        since = activeSince.nanoseconds
    }

    package var activeSince: Instant? { level == .active ? Instant(nanoseconds: since) : nil }

    /// The pulse that ends with this edge, if any.
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
            // Two edges in the same direction, so one in between is missing: a glitch was over before the kernel sampled the line, or the
            // kernel's queue overflowed. It may have been part of a pulse, unless less time than the shortest pulse has passed.
            if held >= minimum { missed += 1 }
        }
        return nil
    }
}
