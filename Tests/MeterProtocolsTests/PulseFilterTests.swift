import MeterProtocols
import Metering
import Testing

/// A line whose edges are given by the time since the previous one.
private struct Wire {
    var filter: PulseFilter
    var now = Instant(nanoseconds: 1_000_000_000)
    var pulses: [Pulse] = []
    private let active: Edge.Direction

    init(_ active: Edge.Direction = .falling, minPulse: Duration = .milliseconds(20)) {
        self.active = active
        filter = PulseFilter(active: active, minPulse: minPulse)
    }

    /// The line becomes active or inactive `rest` after the previous edge.
    @discardableResult
    mutating func edge(_ isActive: Bool, after rest: Duration) -> Pulse? {
        now = now + rest
        let direction = isActive ? active : active == .rising ? .falling : .rising
        let pulse = filter.push(Edge(direction, at: now))
        if let pulse { pulses.append(pulse) }
        return pulse
    }

    mutating func pulse(_ length: Duration, after rest: Duration) {
        edge(true, after: rest)
        edge(false, after: length)
    }
}

/// SplitMix64, so that the same seed gives the same train.
private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct PulseFilterTests {
    // MARK: Every edge in every state

    enum From: CaseIterable { case start, active, inactive }
    enum Length: CaseIterable { case backwards, shorter, exact, longer }

    /// The effect of one edge for each previous level, latch state (a pulse was counted since the last rest), time at that level, and edge.
    @Test(arguments: [Edge.Direction.falling, .rising], From.allCases)
    func truthTable(active: Edge.Direction, from: From) {
        for length in Length.allCases {
            for isLatched in [false, true] where !(from == .start && isLatched) {
                for isActive in [false, true] {
                    check(active, from: from, isLatched: isLatched, length: length, to: isActive)
                }
            }
        }
    }

    private func check(_ active: Edge.Direction, from: From, isLatched: Bool, length: Length, to isActive: Bool) {
        var wire = Wire(active)
        enter(&wire, from, isLatched: isLatched)
        let before = wire.now
        let rest: Duration =
            switch length {
            case .backwards: .milliseconds(-50)
            case .shorter: .nanoseconds(19_999_999)
            case .exact: .milliseconds(20)
            case .longer: .milliseconds(21)
            }
        let isLong = length == .exact || length == .longer
        let pulse = wire.edge(isActive, after: rest)
        let row: Comment = "\(from), latched \(isLatched), \(length), to \(isActive ? "active" : "inactive")"

        let isCounted = from == .active && !isActive && !isLatched && isLong
        #expect(pulse == (isCounted ? Pulse(at: before, end: before + rest) : nil), row)
        let isGap = from == .active && isActive || from == .inactive && !isActive
        #expect(wire.filter.missed == (isGap && isLong ? 1 : 0), row)

        // Checks the latch: a following pulse without a rest counts only if the filter is not latched.
        var probe = wire
        if !isActive { probe.edge(true, after: .milliseconds(1)) }
        let next = probe.edge(false, after: .milliseconds(30))
        let hasRested = from == .inactive && isActive && isLong
        let startsInPulse = from == .start && !isActive
        let isLatchedAfter = isCounted || startsInPulse || isLatched && !hasRested
        #expect((next == nil) == isLatchedAfter, row)
    }

    private func enter(_ wire: inout Wire, _ from: From, isLatched: Bool) {
        switch (from, isLatched) {
        case (.start, _): break
        case (.active, false): wire.edge(true, after: .zero)
        case (.inactive, false):
            wire.edge(true, after: .zero)
            wire.edge(false, after: .milliseconds(1))
        case (.active, true):
            wire.pulse(.milliseconds(30), after: .zero)
            wire.edge(true, after: .milliseconds(1))
        case (.inactive, true): wire.pulse(.milliseconds(30), after: .zero)
        }
    }

    // MARK: Meters

    @Test(arguments: [30, 40, 80, 500], [Edge.Direction.falling, .rising])
    func lengthsOfTheField(milliseconds: Int, active: Edge.Direction) {
        var wire = Wire(active)
        wire.edge(false, after: .zero)
        for _ in 0..<10 { wire.pulse(.milliseconds(milliseconds), after: .milliseconds(1000)) }
        #expect(wire.pulses.count == 10)
        #expect(wire.pulses.allSatisfy { $0.length == .milliseconds(milliseconds) })
        #expect(wire.pulses.first?.at == Instant(nanoseconds: 2_000_000_000))
        #expect(wire.filter.missed == 0)
    }

    @Test func fastestMeter() {
        var wire = Wire()
        for _ in 0..<1000 { wire.pulse(.milliseconds(30), after: .milliseconds(30)) }
        #expect(wire.pulses.count == 1000)
    }

    @Test func bounceAtBothEnds() {
        var wire = Wire()
        for _ in 0..<100 {
            wire.edge(true, after: .milliseconds(29))
            wire.edge(false, after: .microseconds(300))
            wire.edge(true, after: .microseconds(700))
            wire.edge(false, after: .milliseconds(29))
            wire.edge(true, after: .microseconds(600))
            wire.edge(false, after: .microseconds(400))
        }
        #expect(wire.pulses.count == 100)
        #expect(wire.pulses.allSatisfy { $0.length == .milliseconds(29) })
    }

    @Test func humCountsNothing() {
        var wire = Wire()
        for _ in 0..<5000 { wire.pulse(.milliseconds(10), after: .milliseconds(10)) }
        #expect(wire.pulses.isEmpty)
        wire.pulse(.milliseconds(30), after: .milliseconds(30))
        #expect(wire.pulses.count == 1)
    }

    @Test func stuckActive() {
        var wire = Wire()
        #expect(wire.edge(true, after: .seconds(1)) == nil)
        #expect(wire.edge(false, after: .seconds(86_400)) != nil)
        #expect(wire.pulses.count == 1)
    }

    @Test func glitchInALongPulseIsNoSecondPulse() {
        var wire = Wire()
        wire.pulse(.milliseconds(250), after: .milliseconds(500))
        wire.pulse(.milliseconds(250), after: .microseconds(50))
        #expect(wire.pulses.count == 1)
        wire.pulse(.milliseconds(500), after: .milliseconds(500))
        #expect(wire.pulses.count == 2)
    }

    // MARK: Unproven pulses

    @Test func pulseThatBeganBeforeTheStart() {
        var wire = Wire()
        wire.edge(false, after: .milliseconds(100))
        wire.pulse(.milliseconds(30), after: .milliseconds(1))
        #expect(wire.pulses.isEmpty)
        wire.pulse(.milliseconds(30), after: .milliseconds(30))
        #expect(wire.pulses.count == 1)
    }

    @Test func lostTrailingEdge() {
        var wire = Wire()
        wire.edge(true, after: .zero)
        wire.edge(true, after: .milliseconds(60))
        let pulse = wire.edge(false, after: .milliseconds(30))
        #expect(pulse?.length == .milliseconds(30))
        #expect(wire.filter.missed == 1)
    }

    @Test func lostLeadingEdge() {
        var wire = Wire()
        wire.pulse(.milliseconds(30), after: .zero)
        #expect(wire.edge(false, after: .milliseconds(60)) == nil)
        #expect(wire.filter.missed == 1)
        wire.pulse(.milliseconds(30), after: .milliseconds(30))
        #expect(wire.pulses.count == 2)
    }

    /// The kernel reads the level a little after the edge, so a glitch that is already over is reported as the same level twice.
    @Test func glitchTooShortToSeeHidesNoPulse() {
        var wire = Wire()
        wire.edge(true, after: .zero)
        wire.edge(true, after: .microseconds(40))
        wire.edge(false, after: .milliseconds(30))
        wire.edge(false, after: .microseconds(40))
        #expect(wire.pulses.count == 1)
        #expect(wire.filter.missed == 0)
    }

    @Test func extremeTimesDoNotTrap() {
        var filter = PulseFilter(active: .falling, minPulse: .milliseconds(20))
        var dice = Dice(state: 7)
        let times: [Int64] = [.min, .max, 0, -1, 1, .min + 1, 20_000_000]
        for _ in 0..<10_000 {
            let at = times.randomElement(using: &dice) ?? 0
            _ = filter.push(Edge(Bool.random(using: &dice) ? .falling : .rising, at: Instant(nanoseconds: at)))
        }
    }

    // MARK: Long trains

    /// Random trains within the limits for meters, with contacts that bounce for up to 3 ms at each edge.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func legalTrains(seed: UInt64) {
        var dice = Dice(state: seed)
        var wire = Wire(seed % 2 == 0 ? .falling : .rising)
        wire.pulses.reserveCapacity(25_000)
        wire.edge(false, after: .zero)
        for _ in 0..<25_000 {
            wire.now = wire.now + .microseconds(Int.random(in: 30_000...90_000, using: &dice))
            bounce(&wire, to: true, &dice)
            wire.now = wire.now + .microseconds(Int.random(in: 30_000...500_000, using: &dice))
            bounce(&wire, to: false, &dice)
        }
        #expect(wire.pulses.count == 25_000)
        #expect(wire.filter.missed == 0)
    }

    private func bounce(_ wire: inout Wire, to isActive: Bool, _ dice: inout Dice) {
        wire.edge(isActive, after: .zero)
        for _ in 0..<Int.random(in: 0...5, using: &dice) {
            wire.edge(!isActive, after: .microseconds(Int.random(in: 1...300, using: &dice)))
            wire.edge(isActive, after: .microseconds(Int.random(in: 1...300, using: &dice)))
        }
    }

    /// With edges lost anywhere, no pulse is counted that didn't exist.
    @Test(arguments: [5, 6, 7] as [UInt64])
    func lossesNeverAdd(seed: UInt64) {
        var dice = Dice(state: seed)
        var wire = Wire()
        for _ in 0..<20_000 {
            wire.now = wire.now + .milliseconds(30)
            if Int.random(in: 0..<10, using: &dice) > 0 { wire.edge(true, after: .zero) }
            wire.now = wire.now + .milliseconds(30)
            if Int.random(in: 0..<10, using: &dice) > 0 { wire.edge(false, after: .zero) }
        }
        #expect(wire.pulses.count <= 20_000)
        #expect(wire.pulses.count > 15_000)
        #expect(wire.filter.missed > 2000)
    }
}
