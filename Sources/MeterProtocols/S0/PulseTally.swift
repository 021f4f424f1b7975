import Metering

/// Where the count of a line stands in the edges of one request of it: enough for another process to go on there.
@usableFromInline
package struct LinePosition: Sendable, Hashable {
    /// Of the newest edge that was counted; 0 before the first, and where edges have no numbers.
    @usableFromInline package var number: UInt64
    /// When the pulse began that has not ended yet, in nanoseconds; `resting` when there is none. An optional would not be one word, as it
    /// is in the journal, and a mark of more than four is handed on in memory.
    @usableFromInline var since: Int64

    /// No time of the monotonic clock.
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

/// All that is counted of one line, whatever happens to it: pulses by their edges, what the kernel's numbers say of edges that were lost,
/// and what can have been lost where there are no numbers.
package struct PulseTally: Sendable {
    package private(set) var count: PulseCount
    private let active: Edge.Direction
    private let minPulse: Duration
    /// The one counts where edges are numbered and debounced, the other where they are not.
    private var isByNumber = false
    private var edges: NumberedEdges
    private var filter: PulseFilter
    /// Of the newest edge, where edges have numbers; `nil` if it is unknown which were counted.
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

    /// The line was requested, or taken over at `position`; `nil` if it was taken over and the position of the count is unknown.
    package mutating func begin(isDebounced: Bool, at position: LinePosition?) {
        self.position = position ?? LinePosition()
        number = position?.number
        lastEdge = nil
        isByNumber = isDebounced
        edges = NumberedEdges(active: active, minPulse: minPulse, number: position?.number, activeSince: position?.activeSince)
        filter = PulseFilter(active: active, minPulse: minPulse, activeSince: position?.activeSince)
    }

    /// What an edge has changed in the reading.
    package enum News: Sendable, Equatable {
        case nothing
        /// Nothing, but who goes on at another place would count something else.
        case place
        /// One more pulse, which was seen whole.
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
        // What is missing before it may have been bounce: at most every other one ended a pulse.
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

    /// The kernel's queue of edges without numbers was full: what came after the newest of them until now may be lost. At most so many
    /// pulses as have room there; says how many that are.
    package mutating func overflowed(now: Instant) -> Int64 {
        guard let lastEdge else { return 0 }
        let bound = max((now - lastEdge).nanoseconds, 0) / max(2 * minPulse.nanoseconds, 1)
        count.lost.add(bound)
        return bound
    }
}

extension Int64 {
    /// A count that can't go on stays where it is: the kernel's numbers, and what an earlier life has written, come from outside.
    @inline(__always)
    fileprivate mutating func add(_ more: Int64) {
        let (sum, overflow) = addingReportingOverflow(more)
        self = overflow ? .max : sum
    }
}
