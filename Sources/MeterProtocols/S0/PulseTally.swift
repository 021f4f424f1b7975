import Metering

/// Up to which edge of a request a line was counted: enough for another process to continue from there.
@usableFromInline
package struct LinePosition: Sendable, Hashable {
    /// The number of the newest edge that was counted; 0 before the first, and where edges are not numbered.
    @usableFromInline package var number: UInt64
    /// When the pulse that is still active began, in nanoseconds; `resting` if there is none. An optional would need more than the one word it
    /// has in the journal, and a mark of more than four words is passed in memory.
    @usableFromInline var since: Int64

    /// Not a valid time of the monotonic clock.
    @inlinable static var resting: Int64 { .min }

    @inlinable init(number: UInt64, since: Int64) {
        self.number = number
        self.since = since
    }

    @inlinable package init(number: UInt64 = 0, activeSince: Instant? = nil) {
        self.init(number: number, since: activeSince?.nanoseconds ?? Self.resting)
    }

    package var activeSince: Instant? { since == Self.resting ? nil : Instant(nanoseconds: since) }
}

/// Everything that is counted of one line: pulses by their edges, pulses that the kernel's numbers reveal among lost edges, and how many
/// may have been lost where edges are not numbered.
package struct PulseTally: Sendable {
    package private(set) var count: PulseCount
    private let active: Edge.Direction
    private let minPulse: Duration
    /// `edges` counts where edges are numbered and debounced, `filter` where they are not.
    private var isByNumber = false
    private var edges: NumberedEdges
    private var filter: PulseFilter
    /// The number of the newest edge, where edges are numbered; `nil` if it is unknown which edges were counted.
    private var number: UInt64?
    package private(set) var position = LinePosition()
    private var lastEdge: Instant?

    /// `counted`: the pulses of this input so far.
    package init(active: Edge.Direction, minPulse: Duration, counted: Int64) {
        self.active = active
        self.minPulse = minPulse
        edges = NumberedEdges(active: active, minPulse: minPulse, number: nil, activeSince: nil)
        filter = PulseFilter(active: active, minPulse: minPulse)
        count = PulseCount()
        count.counted = counted
    }

    package var reading: PulseReading { PulseReading(count) }

    /// The line was requested, or taken over at `position`; `nil` if it was taken over and the counted position is unknown.
    package mutating func begin(isDebounced: Bool, at position: LinePosition?) {
        self.position = position ?? LinePosition()
        number = position?.number
        lastEdge = nil
        isByNumber = isDebounced
        edges = NumberedEdges(active: active, minPulse: minPulse, number: position?.number, activeSince: position?.activeSince)
        filter = PulseFilter(active: active, minPulse: minPulse, activeSince: position?.activeSince)
    }

    /// How an edge changed the reading.
    package enum News: Sendable, Equatable {
        case nothing
        /// No pulse, but a process that continued from the position before would count differently.
        case place
        /// One more pulse, of which both edges were seen.
        case pulse
        case more
    }

    @discardableResult
    package mutating func push(_ edge: Edge) -> News {
        lastEdge = edge.at
        guard isByNumber else { return pushByWidth(edge) }
        let news = edges.push(edge)
        position = LinePosition(number: edges.number ?? 0, activeSince: edges.activeSince)
        guard news.pulses > 0 else { return news.isHum ? .place : .nothing }
        add(news.pulses, at: news.at)
        count.recovered.add(news.recovered)
        return news.pulses == 1 && news.recovered == 0 ? .pulse : .more
    }

    @inline(__always)
    private mutating func pushByWidth(_ edge: Edge) -> News {
        let (lost, missed) = (count.lost, filter.missed)
        // The missing edges before it may have been bounce: at most every second one ended a pulse.
        if let number, edge.number > number { count.lost.add(Int64(clamping: (edge.number - number) / 2)) }
        number = edge.number
        let pulse = filter.push(edge)
        position = LinePosition(number: edge.number, activeSince: filter.activeSince)
        count.lost.add(filter.missed - missed)
        if let pulse { add(1, at: pulse.at) }
        return count.lost != lost ? .more : pulse != nil ? .pulse : .place
    }

    private mutating func add(_ pulses: Int64, at newest: Instant) {
        count.counted.add(pulses)
        count.pulseBefore = pulses == 1 ? count.lastPulse : nil
        count.lastPulse = newest
    }

    /// The kernel's queue of unnumbered edges was full: edges between the newest one and now may be lost. Counts as lost the most pulses that
    /// fit into that time, and returns how many.
    package mutating func overflowed(now: Instant) -> Int64 {
        guard let lastEdge else { return 0 }
        let bound = max((now - lastEdge).nanoseconds, 0) / max(2 * minPulse.nanoseconds, 1)
        count.lost.add(bound)
        return bound
    }
}

extension Int64 {
    /// Saturates: the kernel's numbers and the counts that an earlier process saved are external input.
    @inline(__always)
    fileprivate mutating func add(_ more: Int64) {
        let (sum, overflow) = addingReportingOverflow(more)
        self = overflow ? .max : sum
    }
}
