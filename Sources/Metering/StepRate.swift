/// The rate of a counter from the moments of its steps: a Wh register that was seen to change, or a pulse.
///
/// The first reading lies anywhere between two steps, so nothing is known before the second step: a rate from the first reading on
/// would be too high or too low by up to a whole step. Between steps the rate falls as one step per time since the last.
package struct StepRate: Sendable {
    private struct Step {
        var count: Int64
        var at: Instant
    }

    /// Enough for a step of one in each read during the long window.
    private static let stepsKept = 64
    /// Long for a calm value; the short one shows a change of load. Readings lag the steps by up to a second.
    private static let longWindow = Duration.seconds(20)
    private let shortWindow: Duration
    /// Below this no rate is known at all.
    private let shortestWindow: Duration
    /// Nothing for so long, and for three times the last interval, is nothing at all.
    private static let zeroAfter = Duration.seconds(300)

    private var count: Int64?
    private var steps: [Step] = []
    /// From the newest step back; kept because it is asked for more often than a step comes.
    private var perHour: Double?

    /// `lateness`: how much later than it came a step may be seen. It is 0 for pulses, which have the kernel's time stamps, and the
    /// refresh of the register plus the time between two reads for a register.
    package init(lateness: Duration) {
        shortestWindow = lateness * 5
        shortWindow = max(.seconds(5), shortestWindow)
    }

    package var lastStep: Instant? { steps.last?.at }

    /// The counter stood at `count`; `at` is when that was seen first (for a pulse: when it came).
    package mutating func record(_ count: Int64, at: Instant) {
        defer { self.count = count }
        guard let previous = self.count, count > previous else {
            if let previous = self.count, count < previous { forget() }
            return
        }
        if let last = steps.last, at <= last.at {
            steps[steps.count - 1].count = count
        } else {
            if steps.count == Self.stepsKept { steps.removeFirst() }
            steps.append(Step(count: count, at: at))
        }
        perHour = ratePerHour()
    }

    /// The next step begins anew: what was before says nothing about now.
    package mutating func forget() {
        steps.removeAll(keepingCapacity: true)
        perHour = nil
    }

    /// Counts per hour; `nil` until it is known.
    package func perHour(at now: Instant) -> Double? {
        guard let perHour, let last = steps.last else { return nil }
        let since = (now - last.at).seconds
        if since >= Self.zeroAfter.seconds, since >= 3 * lastInterval { return 0 }
        return since > 0 ? min(perHour, max(3600 / since, 0)) : perHour
    }

    /// When `perHour` will have begun to fall without a step.
    package func fallsAt() -> Instant? {
        guard let perHour, perHour > 0, let last = steps.last else { return nil }
        return last.at + .nanoseconds(Int64(min(3600 / perHour, 86_400) * 1e9))
    }

    private var lastInterval: Double {
        guard steps.count >= 2 else { return 0 }
        return (steps[steps.count - 1].at - steps[steps.count - 2].at).seconds
    }

    private func ratePerHour() -> Double? {
        guard let short = rate(over: shortWindow) else { return nil }
        guard let long = rate(over: Self.longWindow), abs(long - short) <= short / 4 else { return short }
        return long
    }

    /// Between the newest step and the newest one that is at least `window` older, or the oldest.
    private func rate(over window: Duration) -> Double? {
        guard steps.count >= 2, let last = steps.last else { return nil }
        let first = steps.dropLast().last { last.at - $0.at >= window } ?? steps[0]
        guard last.at - first.at >= shortestWindow else { return nil }
        return Double(last.count - first.count) * 3600 / (last.at - first.at).seconds
    }
}
