import MeterProtocols
import Metering

/// The S0 output of a meter: a switch that closes for a moment (the line goes low) each time the energy of one pulse has been counted.
package struct VirtualS0: Sendable {
    /// The minimum pause between two pulses (EN 62053-31). If pulses are due faster, they are delayed, but none is lost.
    private static let shortestPause = Duration.milliseconds(30)
    private static let bounceTime: ClosedRange<Duration> = .microseconds(50)...(.microseconds(900))
    /// One kWh in watt-nanoseconds.
    private static let kilowattHour: Int64 = 3_600_000_000_000_000

    private let pulsesPerUnit: Int64
    private let pulseLength: Duration
    private let bounces: Bool
    private var household: Household
    private var generator: SeededGenerator
    /// The energy since the last pulse in watt-nanoseconds, times `pulsesPerUnit`, so that a pulse is due when this reaches one kWh.
    private var progress: Int64 = 0
    private var lineIsFreeAt: Instant
    /// The remaining edges of a pulse that has begun.
    private var pending: ArraySlice<Edge> = []

    /// The number of pulses whose first edge has been returned, which a counter should have counted.
    package private(set) var pulses: Int64 = 0

    package init(pulsesPerUnit: Int64, pulseLength: Duration = .milliseconds(50), household: Household, bounce: Bool = false, seed: UInt64)
    {
        precondition((1...100_000).contains(pulsesPerUnit))
        self.pulsesPerUnit = pulsesPerUnit
        self.pulseLength = pulseLength
        self.household = household
        bounces = bounce
        generator = SeededGenerator(seed: seed)
        lineIsFreeAt = household.now
    }

    /// Returns the next edge in order of time; `nil` if no more energy will ever flow.
    package mutating func nextEdge() -> Edge? {
        if let edge = pending.popFirst() { return edge }
        guard let due = nextPulse() else { return nil }
        let falls = max(due, lineIsFreeAt)
        let rises = falls + pulseLength
        lineIsFreeAt = rises + Self.shortestPause
        pending = (changes(to: .falling, at: falls) + changes(to: .rising, at: rises))[...]
        pulses += 1
        return pending.popFirst()
    }

    private mutating func nextPulse() -> Instant? {
        while true {
            let rest = household.changesAt.map { ($0 - household.now).nanoseconds }
            guard household.watts > 0 else {
                guard let change = household.changesAt else { return nil }
                household.advance(to: change)
                continue
            }
            let perNanosecond = household.watts * pulsesPerUnit
            let wait = (Self.kilowattHour - progress + perNanosecond - 1) / perNanosecond
            if let rest, let change = household.changesAt, rest < wait {
                progress += perNanosecond * rest
                household.advance(to: change)
                continue
            }
            progress += perNanosecond * wait - Self.kilowattHour
            household.advance(to: household.now + .nanoseconds(wait))
            return household.now
        }
    }

    /// Returns the edges of a level change: the contact opens and closes a few times before it settles.
    private mutating func changes(to direction: Edge.Direction, at start: Instant) -> [Edge] {
        var edges = [Edge(direction, at: start)]
        guard bounces else { return edges }
        var at = start
        for _ in 0..<generator.number(in: 0...3) {
            for direction in [direction == .falling ? Edge.Direction.rising : .falling, direction] {
                at = at + generator.duration(in: Self.bounceTime)
                edges.append(Edge(direction, at: at))
            }
        }
        return edges
    }
}
