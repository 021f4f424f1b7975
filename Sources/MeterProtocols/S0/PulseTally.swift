import Metering

/// Where the count of a line stands in the edges of one request of it: enough for another process to go on there.
package struct LinePosition: Sendable, Hashable {
    /// Of the newest edge that was counted; 0 before the first, and where edges have no numbers.
    package var number: UInt64
    /// When the pulse began that has not ended yet.
    package var activeSince: Instant?

    package init(number: UInt64 = 0, activeSince: Instant? = nil) {
        self.number = number
        self.activeSince = activeSince
    }
}

/// All that is counted of one line, whatever happens to it: pulses by their edges, what the kernel's numbers say of edges that were lost,
/// and what can have been lost where there are no numbers.
package struct PulseTally: Sendable {
    private enum Counting: Sendable {
        case byWidth(PulseFilter)
        case byNumber(NumberedEdges)
    }

    package var reading: PulseReading
    private let active: Edge.Direction
    private let minPulse: Duration
    private var counting: Counting
    /// Of the newest edge, where edges have numbers; `nil` when nobody knows which were counted.
    private var number: UInt64?
    private var lastEdge: Instant?

    /// `counted`: the pulses of this input so far.
    package init(active: Edge.Direction, minPulse: Duration, counted: Int64) {
        self.active = active
        self.minPulse = minPulse
        counting = .byWidth(PulseFilter(active: active, minPulse: minPulse))
        reading = PulseReading()
        reading.counted = counted
    }

    /// The line was taken, or taken over at `position`; `nil` when it was taken over and nobody knows where the count stood.
    package mutating func begin(isDebounced: Bool, at position: LinePosition?) {
        number = position?.number
        lastEdge = nil
        counting =
            isDebounced
            ? .byNumber(NumberedEdges(active: active, minPulse: minPulse, number: position?.number, activeSince: position?.activeSince))
            : .byWidth(PulseFilter(active: active, minPulse: minPulse, activeSince: position?.activeSince))
    }

    /// Who goes on needs to know of each edge, not only of pulses: where edges have no numbers that can be trusted.
    package var isPositionOfEachEdge: Bool { if case .byWidth = counting { true } else { false } }

    package var position: LinePosition {
        switch counting {
        case .byWidth(let filter): LinePosition(number: number ?? 0, activeSince: filter.activeSince)
        case .byNumber(let edges): LinePosition(number: edges.number ?? 0, activeSince: edges.activeSince)
        }
    }

    package mutating func push(_ edge: Edge) {
        switch counting {
        case .byWidth(var filter):
            pushByWidth(edge, &filter)
            counting = .byWidth(filter)
        case .byNumber(var edges):
            let news = edges.push(edge)
            counting = .byNumber(edges)
            guard news.pulses > 0 else { break }
            reading.counted += news.pulses
            reading.recovered += news.recovered
            reading.lastPulse = news.at
        }
        lastEdge = edge.at
    }

    private mutating func pushByWidth(_ edge: Edge, _ filter: inout PulseFilter) {
        // What is missing before it may have been bounce: at most every other one ended a pulse.
        if let number, edge.number > number { reading.lost += Int64(clamping: (edge.number - number) / 2) }
        number = edge.number
        let missed = filter.missed
        if let pulse = filter.push(edge) {
            reading.counted += 1
            reading.lastPulse = pulse.at
        }
        reading.lost += filter.missed - missed
    }

    /// The kernel's queue of edges without numbers was full: what came after the newest of them until now may be lost. At most so many
    /// pulses as have room there; says how many that are.
    package mutating func overflowed(now: Instant) -> Int64 {
        guard let lastEdge else { return 0 }
        let bound = max((now - lastEdge).nanoseconds, 0) / max(2 * minPulse.nanoseconds, 1)
        reading.lost += bound
        return bound
    }
}
