import Metering

/// The edge of a line request up to which pulses were counted: all that another process needs in order to continue from there.
@usableFromInline
package struct LinePosition: Sendable, Hashable {
    /// The number of the newest edge that was counted; 0 before the first edge, and if edges are not numbered.
    @usableFromInline package var number: UInt64
    /// When the pulse that is still active began, in nanoseconds; `resting` if there is none. Not an optional, which would need more than
    /// its one word in the journal: a mark of more than four words is passed in memory instead of in registers.
    @usableFromInline var since: Int64

    /// Stands for no time: the monotonic clock never has this value.
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

/// Everything that is counted for one line: pulses whose edges were read, pulses that the kernel's numbers reveal among lost edges, and, if
/// edges are not numbered, how many pulses may have been lost.
package struct PulseTally: Sendable {
    package private(set) var count: PulseCount
    private let active: Edge.Direction
    private let minPulse: Duration
    /// `edges` counts where edges are numbered and debounced, `filter` where they are not.
    private var isByNumber = false
    private var edges: NumberedEdges
    private var filter: PulseFilter
    /// The number of the newest edge, if edges are numbered; `nil` if it is unknown which edges have been counted.
    private var number: UInt64?
    package private(set) var position = LinePosition()
    private var lastEdge: Instant?

    /// `counted`: how many pulses of this input have been counted so far.
    package init(active: Edge.Direction, minPulse: Duration, counted: Int64) {
        self.active = active
        self.minPulse = minPulse
        edges = NumberedEdges(active: active, minPulse: minPulse, number: nil, activeSince: nil)
        filter = PulseFilter(active: active, minPulse: minPulse)
        count = PulseCount()
        count.counted = counted
    }

    package var reading: PulseReading { PulseReading(count) }

    /// Starts to count a line that was requested, or taken over at `position`; `nil` if it is unknown which of its edges were counted.
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
        /// No pulse ended, but the position has changed: a process that continued from the previous one would count differently.
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
        // The edges missing before this one may have been bounce: at most every second one ended a pulse.
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

    /// Handles a full kernel queue of unnumbered edges: edges between the newest one and now may be lost. Counts as lost the maximum number
    /// of pulses in that time, and returns it.
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
