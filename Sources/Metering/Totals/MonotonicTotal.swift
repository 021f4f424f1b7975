/// A meter's total as it may be published: it never decreases, and never rises faster than the supply connection allows.
///
/// Readings that don't fit are held back. If they stay consistent for long enough, the meter was replaced or reset, and they are accepted.
package struct MonotonicTotal: Sendable {
    package enum Verdict: Sendable, Equatable {
        case accepted
        /// Not published, but not an error: either the next reading has yet to confirm it, or it has fewer digits than the known value.
        case waiting
        /// No meter can have such a value.
        case impossible
        /// Less than the known value.
        case backwards
        /// A faster rise than the connection allows.
        case tooFast
        /// Accepted although it contradicts the known value, which is given here.
        case replaced(Quantity)
    }

    /// Limits on a total's readings.
    package struct Rules: Sendable {
        /// The maximum rise per hour, in the total's unit.
        package var perHour: Double
        /// How long the register may show an old value while its meter goes on counting.
        package var refresh: Duration
        /// The telegram has a checksum.
        package var isChecked: Bool

        package init(perHour: Double, refresh: Duration = .zero, isChecked: Bool = true) {
            self.perHour = perHour
            self.refresh = refresh
            self.isChecked = isChecked
        }
    }

    /// Consecutive readings that are consistent with each other, but not with the known value.
    private struct Candidate: Sendable {
        var newest: Quantity
        var at: Instant
        var since: Instant
        var readings = 1
        /// Consistent minus contradicting readings, so that a line which corrupts some readings does not discard the candidate.
        var weight = 1
    }

    /// The known value is replaced after this many readings over this period. After a power cut, a meter may show anything for some
    /// seconds.
    private static let candidateReadings = 3
    package static let candidateLength = Duration.seconds(15 * 60)
    private static let firstLength = Duration.seconds(60)
    /// Seconds added to the elapsed time: registers are refreshed every second or two, and a reading takes time.
    private static let slack = 5.0
    /// The longest time between two runs, in milliseconds, that is inferred from the wall clock, which may be wrong by years.
    private static let mostAway: Int64 = 31 * 86_400_000
    /// kWh or m³: more than any meter's display can show.
    private static let most = 100_000_000.0

    /// The accepted value. If telegrams have no checksum, this is the reading before the newest.
    package private(set) var value: Quantity?
    /// The wall clock when the value was read, for the next start.
    package private(set) var wall = WallTime(millisecondsSince1970: 0)
    /// `nil` until a value has been accepted in this run.
    private var at: Instant?
    private var changedAt = Instant(nanoseconds: 0)
    private var candidate: Candidate?
    /// The newest reading without a checksum; it is accepted if the next one is not lower.
    private var unconfirmed: Quantity?
    private var landmark = 0.0
    /// Changes, so that the total is saved, when it has grown by a tenth: Home Assistant would take a larger decrease for a new metering
    /// cycle.
    private(set) var turns = 0

    package init() {}

    /// `value` is the total from when the daemon last ended.
    package init(remembered value: Quantity, at wall: WallTime) {
        self.value = value
        self.wall = wall
        landmark = value.approximate
    }

    package mutating func record(_ new: Quantity, at now: Instant, wall: WallTime, _ rules: Rules) -> Verdict {
        let unit = Quantity(1, exponent: new.exponent).approximate
        guard Self.isPossible(new, unit) else { return .impossible }
        guard let value else { return begin(new, now, wall, rules, unit) }
        let rise = rise(to: new, from: value, unit)
        guard rise >= 0 else {
            // The meter shows whole kWh until the PIN is entered again.
            if new.exponent > value.exponent, -rise < unit { return .waiting }
            return hold(new, now, wall, rules, unit, because: .backwards)
        }
        guard rise <= allowed(now, wall, rules, unit) else { return hold(new, now, wall, rules, unit, because: .tooFast) }
        // After a start, only the wall clock shows how long the meter was not read. So a rise of more than a few seconds' worth must be
        // confirmed for some time, and so must whole kWh if the decimals are known.
        if at == nil, rise > rules.perHour * Self.slack / 3600 + min(unit, 1) || rise > 0 && new.exponent > value.exponent {
            addToCandidate(new, now, rules, unit)
            guard let candidate, candidate.newest == new, now - candidate.since >= Self.firstLength else { return .waiting }
        }
        // The value from the previous run is old; if this run's other readings are higher, they are better evidence.
        if at == nil, let candidate, candidate.weight > 1, new < candidate.newest {
            addToCandidate(new, now, rules, unit)
            return .waiting
        }
        guard rules.isChecked else { return confirm(new, after: value, now, wall, unit, isStep: rise <= unit) }
        accept(new, now, wall, unit)
        return .accepted
    }

    /// Two consecutive telegrams corrupted in the same total can confirm each other before they get here; three hardly ever do. So a total
    /// that has risen by more than its last digit waits for the next reading.
    private mutating func confirm(
        _ new: Quantity, after value: Quantity, _ now: Instant, _ wall: WallTime, _ unit: Double, isStep: Bool
    ) -> Verdict {
        let earlier = isStep ? new : unconfirmed
        unconfirmed = new
        guard let earlier, earlier >= value, earlier <= new else { return .waiting }
        accept(earlier, now, wall, unit)
        return .accepted
    }

    /// Whether the total may have reached this value since the last accepted one.
    package func fits(_ new: Quantity, at now: Instant, wall: WallTime, _ rules: Rules) -> Bool {
        guard let value else { return false }
        let unit = Quantity(1, exponent: new.exponent).approximate
        guard Self.isPossible(new, unit) else { return false }
        let rise = rise(to: new, from: value, unit)
        return rise > -unit && rise <= allowed(now, wall, rules, unit)
    }

    /// Rejects numbers with too many digits, which could not be parsed after a restart.
    private static func isPossible(_ new: Quantity, _ unit: Double) -> Bool {
        !new.isNegative && new.isReadable && Double(new.mantissa) * unit < most
    }

    private func rise(to new: Quantity, from value: Quantity, _ unit: Double) -> Double {
        let (difference, overflow) = new.mantissa.subtractingReportingOverflow(value.mantissa)
        return new.exponent == value.exponent && !overflow ? Double(difference) * unit : new.approximate - value.approximate
    }

    /// The maximum rise, plus one unit (at most 1) because the last digit may have been about to advance.
    private func allowed(_ now: Instant, _ wall: WallTime, _ rules: Rules, _ unit: Double) -> Double {
        rules.perHour * (elapsed(now, wall, rules) + Self.slack) / 3600 + min(unit, 1)
    }

    /// Handles a reading while no value is known to compare it with; without a checksum, the next reading must confirm it.
    private mutating func begin(_ new: Quantity, _ now: Instant, _ wall: WallTime, _ rules: Rules, _ unit: Double) -> Verdict {
        if !rules.isChecked {
            addToCandidate(new, now, rules, unit)
            guard let candidate, candidate.readings > 1, candidate.newest == new else { return .waiting }
        }
        accept(new, now, wall, unit)
        return .accepted
    }

    private mutating func hold(
        _ new: Quantity, _ now: Instant, _ wall: WallTime, _ rules: Rules, _ unit: Double, because verdict: Verdict
    ) -> Verdict {
        addToCandidate(new, now, rules, unit)
        guard let candidate, let value, candidate.newest == new, candidate.readings >= Self.candidateReadings,
            now - candidate.since >= Self.candidateLength
        else {
            return verdict
        }
        accept(new, now, wall, unit)
        return .replaced(value)
    }

    /// Counts a reading for or against the candidate.
    private mutating func addToCandidate(_ new: Quantity, _ now: Instant, _ rules: Rules, _ unit: Double) {
        guard var candidate else { return candidate = Candidate(newest: new, at: now, since: now) }
        let allowed = rules.perHour * ((now - candidate.at + rules.refresh).seconds + Self.slack) / 3600 + min(unit, 1)
        if new >= candidate.newest, new.approximate - candidate.newest.approximate <= allowed {
            candidate.newest = new
            candidate.at = now
            candidate.readings += 1
            candidate.weight += 1
        } else {
            candidate.weight -= 1
            if candidate.weight == 0 { candidate = Candidate(newest: new, at: now, since: now) }
        }
        self.candidate = candidate
    }

    private func elapsed(_ now: Instant, _ wall: WallTime, _ rules: Rules) -> Double {
        guard let at else {
            let away = wall.millisecondsSince1970 - self.wall.millisecondsSince1970
            return Double(min(max(away, 0), Self.mostAway)) / 1000 + rules.refresh.seconds
        }
        let unseen = now - at
        return max(unseen, min(now - changedAt, rules.refresh)).seconds
    }

    private mutating func accept(_ new: Quantity, _ now: Instant, _ wall: WallTime, _ unit: Double) {
        if new != value { changedAt = now }
        value = new
        at = now
        self.wall = wall
        candidate = nil
        let number = Double(new.mantissa) * unit
        if number > landmark * 1.1 || number < landmark { (landmark, turns) = (number, turns + 1) }
    }
}
