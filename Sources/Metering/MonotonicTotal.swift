/// A meter's total as it may be published: it never runs backwards, and never rises faster than the house connection allows.
package struct MonotonicTotal: Sendable {
    package enum Verdict: Sendable, Equatable {
        case accepted
        /// Less than before: never published.
        case backwards
        /// More than `maxPower` allows: published when three reads in a row agree.
        case tooFast
    }

    /// Readings that must agree before an unlikely rise is believed.
    private static let confirmations = 3

    package private(set) var value: Quantity?
    private var at = Instant(nanoseconds: 0)
    private var unlikely: Quantity?
    private var unlikelyCount = 0

    package init() {}

    /// `rise` is what may come per hour, in the total's unit.
    package mutating func record(_ new: Quantity, at now: Instant, risePerHour rise: Double) -> Verdict {
        guard let value else {
            accept(new, now)
            return .accepted
        }
        if new < value { return .backwards }
        // The last digit may be about to turn, whatever it stands for.
        let allowed = rise * ((now - at).seconds + 5) / 3600 + Quantity(1, exponent: new.exponent).approximate
        if new.approximate - value.approximate <= allowed {
            accept(new, now)
            return .accepted
        }
        let agrees = unlikely.map { new >= $0 && new.approximate - $0.approximate <= allowed } ?? false
        unlikelyCount = agrees ? unlikelyCount + 1 : 1
        unlikely = new
        guard unlikelyCount >= Self.confirmations else { return .tooFast }
        accept(new, now)
        return .accepted
    }

    private mutating func accept(_ new: Quantity, _ now: Instant) {
        value = new
        at = now
        unlikely = nil
        unlikelyCount = 0
    }
}
