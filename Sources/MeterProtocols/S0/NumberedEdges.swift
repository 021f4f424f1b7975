import Metering

/// Counts the pulses of a line whose edges the kernel has debounced and numbered.
///
/// Such edges alternate, so the number and the direction of an edge determine how many pulses have ended by then, even if edges before it
/// were never read: every second edge ends a pulse. The initial level of the line does not matter.
///
/// The kernel stamps an edge when it samples the line: at least half of the shortest pulse after the edge, or later on a busy machine.
/// A pulse whose beginning was sampled late looks short, but the gap before it then looks long. So a short pulse is hum only if pulse and
/// gap together are shorter than the shortest pulse plus half of it again, for the sampling.
struct NumberedEdges: Sendable {
    private let active: Edge.Direction
    /// The minimum length of a pulse, and of a pulse with the gap before it, in nanoseconds. Only checked if no edge is missing.
    private let (shortest, closest): (Int64, Int64)
    /// The number of the newest edge; `nil` if it is unknown which edges were counted.
    private(set) var number: UInt64?
    private(set) var activeSince: Instant?
    /// When the line last became inactive, as far as known. At the first edge of a request, the time of that edge is assumed.
    private var restingSince: Instant?

    init(active: Edge.Direction, minPulse: Duration, number: UInt64?, activeSince: Instant?) {
        self.active = active
        (shortest, closest) = (minPulse.nanoseconds / 4 * 3, minPulse.nanoseconds / 2 * 3)
        self.number = number
        self.activeSince = activeSince
    }

    /// Returns how many pulses have ended since the last edge, and when the newest of them began, as far as known.
    mutating func push(_ edge: Edge) -> (pulses: Int64, recovered: Int64, isHum: Bool, at: Instant) {
        let previous = number ?? edge.number &- 1
        // This edge was delivered twice.
        guard edge.number > previous else { return (0, 0, false, edge.at) }
        let ends = edge.direction != active
        let step = edge.number - previous
        let pulses = Int64(clamping: Self.ended(edge.number, ends) - Self.ended(previous, step % 2 == 0 ? ends : !ends))
        let began = step == 1 ? activeSince ?? edge.at : edge.at
        let isHum = step == 1 && ends && looksLikeHum(from: began, to: edge.at)
        number = edge.number
        activeSince = ends ? nil : edge.at
        if ends || edge.number == 1 { restingSince = edge.at }
        if isHum { return (0, 0, true, began) }
        return (pulses, step == 1 ? 0 : pulses - (ends ? 1 : 0), false, began)
    }

    /// A pulse that was active when the line was requested is not hum: its beginning is unknown.
    private func looksLikeHum(from began: Instant, to end: Instant) -> Bool {
        guard let restingSince, began < end, end.nanoseconds &- began.nanoseconds < shortest else { return false }
        return end.nanoseconds &- restingSince.nanoseconds < closest
    }

    /// How many pulses had ended after the edge with this number; `ends`: the edge ends a pulse.
    private static func ended(_ number: UInt64, _ ends: Bool) -> UInt64 { number / 2 + (ends ? number % 2 : 0) }
}
