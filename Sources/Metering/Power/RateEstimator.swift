/// A rate and its error bound, which holds unless the rate has changed since the last step but one.
package struct RateEstimate: Sendable, Equatable {
    /// Counts per second.
    package var rate: Double
    package var error: Double
    /// At least 95 % of the errors of a constant rate are smaller than this.
    package var likely: Double

    init(rate: Double, error: Double, likely: Double? = nil) { (self.rate, self.error, self.likely) = (rate, error, likely ?? error) }
}

/// The rate of a counter, estimated from its steps. The counter is a polled Wh register, or a count of pulses with timestamps.
///
/// Each step has a bracket, the interval in which it must have occurred: the register had the old value at one reading and the new one at
/// the next, and a reading may be one refresh old. The rate is that of the lines that pass through the newest brackets (`SteadyLine`). If
/// there is no such line, the load has changed, and the older steps are discarded. While a step is overdue, the rate is at most one count
/// in the time since the last step.
package struct RateEstimator: Sendable {
    /// Enough steps for a small error; older ones would add nothing about the current rate.
    private static let stepsKept = 48
    /// The acceptable relative error while the load is constant over all known steps, and while it is not.
    private static let (calmError, livelyError) = (0.02, 0.05)
    /// A step that is earlier or later than expected by this factor is a change of load, not fluctuation.
    private static let change = 1.5
    /// While a step is overdue, the rate is between 0 and a bound. The estimate errs on the high side, because few loads drop to 0.
    private static let (shareOfBound, sureUntil) = (0.4, 1.25)
    /// How much of the error's bound a constant rate's errors rarely exceed (found by simulation): both ends of a line would have to be at
    /// an extreme of their brackets, and with more steps even more of them.
    private static let likelyShares = (few: 0.55, many: 0.4)
    private static let manyCounts = 5.0
    /// A growing rate is stated for the middle of the five seconds during which it is usually shown.
    private static let lead = 2.5
    /// The rate is 0 after this many seconds without a step, provided that they are at least three times the last interval.
    private static let zeroAfter = 300.0

    /// The maximum age of the value that the register shows.
    private let refresh: Duration
    private var count: Int64?
    private var began: Instant?
    /// The time up to which no newer step has come.
    private var quietUntil = Instant(nanoseconds: 0)
    private var steps: [CounterStep] = []
    /// The first reading, as long as the oldest step is the first one after it.
    private var start: SteadyLine.Start?
    private var line = SteadyLine()
    /// The seconds per count before the change of load that the newest step revealed.
    private var before: Double?
    /// The interval that ends with the newest step, if the load changed within it: the current rate is not known yet.
    private var mixed: (shortest: Double, middle: Double)?
    /// The difference between the newest interval's rate and the earlier rate.
    private var unrest = 0.0

    /// `count` is given if it is known from the start, as for pulses counted by this process.
    package init(refresh: Duration, count: Int64? = nil) {
        self.refresh = refresh
        self.count = count
    }

    package var isFed: Bool { count != nil }

    var newest: CounterStep? { steps.last }

    /// The counter was at `count` at some time between `asked` and `answered`; for a pulse, both are its timestamp. Returns whether it had
    /// moved.
    @discardableResult
    package mutating func record(_ count: Int64, asked: Instant, answered: Instant) -> Bool {
        defer { self.count = count }
        let after = quietUntil
        quiet(until: asked - refresh)
        guard let old = self.count else {
            if refresh > .zero { start = SteadyLine.Start(count: count, by: answered) }
            return false
        }
        if count < old { begin(asked - refresh) }
        guard count > old else { return false }
        // The bracket begins at the reading with the old value, minus the refresh; a pulse has a timestamp.
        // Between the first two readings, the readout and the session, pass seconds, so the first step may be of several counts. Later
        // ones are of the newest count alone: a register that is refreshed more slowly shows the others late.
        let first = steps.isEmpty && start != nil ? old + 1 : count
        add(CounterStep(count: count, first: first, after: refresh > .zero ? after : asked, by: answered))
        return true
    }

    /// Records that no newer step has come up to `now`.
    package mutating func quiet(until now: Instant) {
        if began == nil { begin(now) }
        quietUntil = max(quietUntil, now)
    }

    /// Discards all steps, because the older ones are no evidence of the current rate.
    package mutating func forget() { begin(quietUntil) }

    /// Discards the steps before `start`, which belong to the other direction; the last step in that direction came at `last`.
    package mutating func turn(at start: Instant, from last: Instant) {
        steps.removeAll { $0.by < start }
        self.start = nil
        line = SteadyLine(through: steps)
        unrest = 0
        guard steps.count == 1 else { return }
        // Treated like a large drop of the load: only a part of this count belongs to the time since `last`.
        let interval = max(steps[0].middle.seconds(since: last), 0.5)
        (mixed, before) = ((0, interval), interval / 9)
    }

    private mutating func begin(_ now: Instant) {
        steps = []
        start = nil
        line = SteadyLine()
        (before, mixed, unrest) = (nil, nil, 0)
        began = now
        quietUntil = now
    }

    private mutating func add(_ step: CounterStep) {
        let old = line.reaches.last
        let wasKnown = line.reaches.count >= 2
        if steps.count == Self.stepsKept {
            steps.removeFirst()
            start = nil
        }
        steps.append(step)
        line = SteadyLine(through: steps, since: start, extending: line)
        (mixed, unrest) = (nil, 0)
        guard let old, wasKnown, line.reaches.count < 2 else { return }
        let previous = steps[steps.count - 2]
        let counts = Double(step.count - previous.count)
        let interval = max(step.middle.seconds(since: previous.middle) / counts, 0.001)
        let isSlower = interval > old.middle
        if interval > old.middle * Self.change || interval < old.middle / Self.change {
            steps = [step]
            start = nil
            line = SteadyLine()
            let (shortest, longest) = (step.after.seconds(since: previous.by) / counts, step.by.seconds(since: previous.after) / counts)
            let likely = shortest > 0 ? interval : longest * 2 / 3
            mixed = (isSlower ? shortest : 0, likely)
            before = isSlower ? old.middle : likely
        } else {
            unrest = (1 / interval - 1 / old.middle).magnitude
        }
    }

    // MARK: The estimate

    /// The current estimate; `nil` until the rate is known.
    package var estimate: RateEstimate? {
        guard let newest = steps.last else {
            guard count != nil, let began, case let quiet = quietUntil.seconds(since: began), quiet >= Self.zeroAfter else { return nil }
            return RateEstimate(rate: 0, error: 1 / quiet)
        }
        // The minimum and the maximum time since the newest step.
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
        // After a drop of the load, the mean rate of the interval is an upper bound.
        let bound = mixed.shortest > 0 ? 1 / mixed.shortest : 2 * rate
        return RateEstimate(rate: rate, error: max(bound - rate, rate))
    }

    private func steady(_ quiet: Double, _ elapsed: Double) -> RateEstimate? {
        let allowed = line.bend == 0 && line.isWhole ? Self.calmError : Self.livelyError
        guard let reach = line.best(error: allowed) else { return nil }
        let shortest = max(reach.shortest, quiet)
        let growth = min(max(1 + 2 * line.bend * (elapsed + Self.lead), 0.5), 1.5)
        // If the interval has no lower bound, half of its upper bound would usually give too high a rate.
        let interval = shortest > 0 ? (shortest + reach.longest) / 2 : reach.longest * 2 / 3
        let rate = growth / interval
        let highest = shortest > 0 ? min(growth / shortest, 2 * rate) : 2 * rate
        let error = max(highest - rate, rate - growth / reach.longest)
        let share = reach.counts >= Self.manyCounts ? Self.likelyShares.many : Self.likelyShares.few
        return RateEstimate(rate: rate, error: error + unrest, likely: error * share + unrest)
    }

    /// The estimate while a step is overdue: less than one count has accrued since the last step.
    private func overdue(_ quiet: Double, _ elapsed: Double, expected: Double) -> RateEstimate {
        if quiet >= Self.zeroAfter, quiet >= 3 * expected { return RateEstimate(rate: 0, error: 1 / quiet) }
        let rate = Self.share(elapsed / expected) / elapsed
        return RateEstimate(rate: rate, error: max(1 / quiet - rate, rate))
    }

    /// The share of the bound to use as the rate, between 0 and 1: all of it while a step is only slightly late, less when it is later.
    private static func share(_ lateness: Double) -> Double {
        min(1, max(shareOfBound, sureUntil * sureUntil / (lateness * lateness)))
    }

    /// When the estimate begins to fall unless a step comes; `nil` before the first reading.
    package var fallsAt: Instant? {
        guard let from = steps.last?.by ?? began else { return nil }
        let interval = line.reaches.last?.longest ?? mixed?.middle ?? Self.zeroAfter
        return from + .nanoseconds(Int64(min(interval, 86_400) * 1e9))
    }
}
