import Metering

/// Counts the pulses of a line whose edges the kernel has debounced and numbered.
///
/// Such edges alternate, so that a number and a direction say how many pulses ended up to there, whoever was or was not reading
/// meanwhile: every other edge ends one. The line's level at the beginning is of no account.
///
/// Their times are those of the kernel's looks at the line: at least half of the shortest pulse after the edge, and later on a busy machine.
/// So a pulse whose beginning was seen late looks short, but then the rest before it looks long. What looks short is hum only where both
/// together are shorter than a pulse can be of which the kernel has seen the end: its length, and half of the shortest for the look.
struct NumberedEdges: Sendable {
    private let active: Edge.Direction
    /// Nanoseconds: of a pulse, and of a pulse with the rest before it. They are of account where no edge is missing.
    private let (shortest, closest): (Int64, Int64)
    /// Of the newest edge; `nil` if it is unknown which were counted.
    private(set) var number: UInt64?
    private(set) var activeSince: Instant?
    /// When the line came to rest before the newest pulse, as far as is known. Before the first edge of a request that is not long ago.
    private var restingSince: Instant?

    init(active: Edge.Direction, minPulse: Duration, number: UInt64?, activeSince: Instant?) {
        self.active = active
        (shortest, closest) = (minPulse.nanoseconds / 4 * 3, minPulse.nanoseconds / 2 * 3)
        self.number = number
        self.activeSince = activeSince
    }

    /// The pulses that ended since the edge before; and when the newest of them began, as far as that is known.
    mutating func push(_ edge: Edge) -> (pulses: Int64, recovered: Int64, isHum: Bool, at: Instant) {
        let previous = number ?? edge.number &- 1
        // Handed out twice.
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

    /// The beginning of a pulse that was on when the line was requested is unknown.
    private func looksLikeHum(from began: Instant, to end: Instant) -> Bool {
        guard let restingSince, began < end, end.nanoseconds &- began.nanoseconds < shortest else { return false }
        return end.nanoseconds &- restingSince.nanoseconds < closest
    }

    /// The pulses among the edges up to this one, which ends one or begins one.
    private static func ended(_ number: UInt64, _ ends: Bool) -> UInt64 { number / 2 + (ends ? number % 2 : 0) }
}
