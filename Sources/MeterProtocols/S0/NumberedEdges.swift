import Metering

/// Counts the pulses of a line whose edges the kernel has debounced and numbered.
///
/// Such edges alternate, so that a number and a direction say how many pulses ended up to there, whoever was or was not reading
/// meanwhile: every other edge ends one. The line's level at the beginning is of no account.
struct NumberedEdges: Sendable {
    private let active: Edge.Direction
    /// Nanoseconds. What is shorter, as far as the kernel's late looks at the line tell, was hum. It is of account where no edge is missing.
    private let shortest: Int64
    /// Of the newest edge; `nil` when nobody knows which were counted.
    private(set) var number: UInt64?
    private(set) var activeSince: Instant?

    init(active: Edge.Direction, minPulse: Duration, number: UInt64?, activeSince: Instant?) {
        self.active = active
        shortest = minPulse.nanoseconds / 4 * 3
        self.number = number
        self.activeSince = activeSince
    }

    /// The pulses that ended since the edge before; and when the newest of them began, as far as that is known.
    mutating func push(_ edge: Edge) -> (pulses: Int64, recovered: Int64, at: Instant) {
        let previous = number ?? edge.number &- 1
        // Handed out twice.
        guard edge.number > previous else { return (0, 0, edge.at) }
        let ends = edge.direction != active
        let step = edge.number - previous
        let pulses = Int64(clamping: Self.ended(edge.number, ends) - Self.ended(previous, step % 2 == 0 ? ends : !ends))
        let began = step == 1 ? activeSince ?? edge.at : edge.at
        number = edge.number
        activeSince = ends ? nil : edge.at
        // Of a pulse that was on when the line was taken nobody knows when it began.
        if step == 1, ends, previous > 0, began < edge.at, edge.at.nanoseconds - began.nanoseconds < shortest { return (0, 0, began) }
        return (pulses, step == 1 ? 0 : pulses - (ends ? 1 : 0), began)
    }

    /// The pulses among the edges up to this one, which ends one or begins one.
    private static func ended(_ number: UInt64, _ ends: Bool) -> UInt64 { number / 2 + (ends ? number % 2 : 0) }
}
