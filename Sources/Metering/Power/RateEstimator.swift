/// A rate, and the bounds that it must lie between if it did not change since the newest step but once.
package struct RateEstimate: Sendable, Equatable {
    /// Counts per second.
    package var rate: Double
    package var error: Double
}

/// The rate of a counter from its steps: of a Wh register that is read now and then, and of pulses that have a time stamp.
///
/// Of each step it knows a bracket: the register showed the old value at one reading and the new one at the next, and what it shows may be
/// one refresh old. The rate is that of the lines through the newest brackets (`SteadyLine`). Where none passes them, the load has
/// changed: what was before is forgotten. And when no step comes although one is due, the rate is at most one count in the time since.
package struct RateEstimator: Sendable {
    /// Enough for the shortest reach with a small error; a long window would say no more of now.
    private static let stepsKept = 48
    /// What is good enough when the load is constant as far back as is known, and when it is not.
    private static let (calmError, livelyError) = (0.02, 0.05)
    /// A step so many times sooner or later than it was due is a change of load, not its unrest.
    private static let change = 1.5
    /// Overdue, the rate lies anywhere between 0 and the bound. Said is most often too much rather than too little: few loads end at 0.
    private static let (shareOfBound, sureUntil) = (0.4, 1.25)
    /// Nothing for so long, and for three times the last interval, is nothing at all.
    private static let zeroAfter = 300.0

    /// What it shows may be so old.
    private let refresh: Duration
    private var count: Int64?
    private var began: Instant?
    /// No newer step had come by then.
    private var quietUntil = Instant(nanoseconds: 0)
    private var steps: [CounterStep] = []
    private var line = SteadyLine()
    /// The seconds per count before the change that the newest step has shown.
    private var before: Double?
    /// The interval that ends with the newest step, when the load has changed in it: which rate it has now is not known yet.
    private var mixed: (shortest: Double, middle: Double)?
    /// By how much the newest interval differs from those before it.
    private var unrest = 0.0

    /// `count` when it is known from the start, as that of the pulses of this process.
    package init(refresh: Duration, count: Int64? = nil) {
        self.refresh = refresh
        self.count = count
    }

    package var isFed: Bool { count != nil }

    var newest: CounterStep? { steps.last }

    /// The counter stood at `count` at some time between `asked` and `answered`; for a pulse, both are when it came. Says whether it had moved.
    @discardableResult
    package mutating func record(_ count: Int64, asked: Instant, answered: Instant) -> Bool {
        defer { self.count = count }
        let after = quietUntil
        quiet(until: asked - refresh)
        guard let old = self.count else { return false }
        if count < old { begin(asked - refresh) }
        guard count > old else { return false }
        // After the reading that showed the old value, less the refresh; a pulse has a time stamp.
        add(CounterStep(count: count, after: refresh > .zero ? after : asked, by: answered))
        return true
    }

    /// No newer step has come until now.
    package mutating func quiet(until now: Instant) {
        if began == nil { begin(now) }
        quietUntil = max(quietUntil, now)
    }

    /// The next step begins anew: what was before says nothing about now.
    package mutating func forget() { begin(quietUntil) }

    /// The steps before `start` were not of what flows now. That followed on something else, whose last step came at `last`.
    package mutating func turn(at start: Instant, from last: Instant) {
        steps.removeAll { $0.by < start }
        line = SteadyLine(through: steps)
        unrest = 0
        guard steps.count == 1 else { return }
        // A part of one count in the time since, no more is known: as of a load that has fallen a long way.
        let interval = max(steps[0].middle.seconds(since: last), 0.5)
        (mixed, before) = ((0, interval), interval / 9)
    }

    private mutating func begin(_ now: Instant) {
        steps = []
        line = SteadyLine()
        (before, mixed, unrest) = (nil, nil, 0)
        began = now
        quietUntil = now
    }

    private mutating func add(_ step: CounterStep) {
        let old = line.reaches.last
        let wasKnown = line.reaches.count >= 2
        if steps.count == Self.stepsKept { steps.removeFirst() }
        steps.append(step)
        line = SteadyLine(through: steps, extending: line)
        (mixed, unrest) = (nil, 0)
        guard let old, wasKnown, line.reaches.count < 2 else { return }
        let previous = steps[steps.count - 2]
        let counts = Double(step.count - previous.count)
        let interval = max(step.middle.seconds(since: previous.middle) / counts, 0.001)
        let isSlower = interval > old.middle
        if interval > old.middle * Self.change || interval < old.middle / Self.change {
            steps = [step]
            line = SteadyLine()
            let (shortest, longest) = (step.after.seconds(since: previous.by) / counts, step.by.seconds(since: previous.after) / counts)
            let likely = shortest > 0 ? interval : longest * 2 / 3
            mixed = (isSlower ? shortest : 0, likely)
            before = isSlower ? old.middle : likely
        } else {
            unrest = (1 / interval - 1 / old.middle).magnitude
        }
    }

    // MARK: What it says

    /// `nil` until it is known.
    package var estimate: RateEstimate? {
        guard let newest = steps.last else {
            guard count != nil, let began, case let quiet = quietUntil.seconds(since: began), quiet >= Self.zeroAfter else { return nil }
            return RateEstimate(rate: 0, error: 1 / quiet)
        }
        // At least, and about.
        let (quiet, elapsed) = (quietUntil.seconds(since: newest.by), quietUntil.seconds(since: newest.after))
        if let longest = line.reaches.last {
            guard quiet <= longest.longest else { return overdue(quiet, elapsed, expected: longest.middle) }
            return steady(quiet, elapsed)
        }
        guard let mixed, let before else {
            return quiet >= Self.zeroAfter ? overdue(quiet, elapsed, expected: quiet / 3 + 1) : nil
        }
        guard quiet < mixed.middle else { return overdue(quiet, elapsed, expected: before) }
        let rate = Self.share(mixed.middle / before) / mixed.middle
        // Of a load that has fallen, the mean that it is part of is a bound.
        let bound = mixed.shortest > 0 ? 1 / mixed.shortest : 2 * rate
        return RateEstimate(rate: rate, error: max(bound - rate, rate))
    }

    private func steady(_ quiet: Double, _ elapsed: Double) -> RateEstimate? {
        let allowed = line.bend == 0 && line.isWhole ? Self.calmError : Self.livelyError
        guard let reach = line.best(error: allowed) else { return nil }
        let shortest = max(reach.shortest, quiet)
        let growth = min(max(1 + 2 * line.bend * elapsed, 0.5), 1.5)
        // Where nothing bounds the rate from above, a half of the longest interval would most often be too much.
        let interval = shortest > 0 ? (shortest + reach.longest) / 2 : reach.longest * 2 / 3
        let rate = growth / interval
        let highest = shortest > 0 ? min(growth / shortest, 2 * rate) : 2 * rate
        return RateEstimate(rate: rate, error: max(highest - rate, rate - growth / reach.longest) + unrest)
    }

    /// No step although one was expected: less than one count in the time since.
    private func overdue(_ quiet: Double, _ elapsed: Double, expected: Double) -> RateEstimate {
        if quiet >= Self.zeroAfter, quiet >= 3 * expected { return RateEstimate(rate: 0, error: 1 / quiet) }
        let rate = Self.share(elapsed / expected) / elapsed
        return RateEstimate(rate: rate, error: max(1 / quiet - rate, rate))
    }

    /// Which part of the bound is said: all of it while a step is hardly late, then less. It lies between 0 and 1.
    private static func share(_ lateness: Double) -> Double {
        min(1, max(shareOfBound, sureUntil * sureUntil / (lateness * lateness)))
    }

    /// When the rate will have begun to fall without a step; `nil` when nothing is known.
    package var fallsAt: Instant? {
        guard let from = steps.last?.by ?? began else { return nil }
        let interval = line.reaches.last?.longest ?? mixed?.middle ?? Self.zeroAfter
        return from + .nanoseconds(Int64(min(interval, 86_400) * 1e9))
    }
}
