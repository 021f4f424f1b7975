/// How far the pulses counted from one correction to another deviate from the display, with the most likely cause.
///
/// Computed with the current constant, even from corrections made before the constant was changed.
package struct Drift: Hashable, Sendable {
    package enum Cause: Hashable, Sendable {
        /// The difference is at most the last digit of the display plus a pulse in progress.
        case agrees
        /// The display moved as if this were the meter's constant.
        case constant(Quantity)
        case bounce, loss
        /// No pulse came at all.
        case silence
        /// No meter deviates this much, so a total was mistyped.
        case mistyped
    }

    package let from: WallTime
    package let to: WallTime
    package let counted: Int64
    /// The number of pulses that the display's change corresponds to.
    package let expected: Int64
    package let cause: Cause

    /// `nil` if no two corrections can be compared.
    init?(_ corrections: [Correction], pulsesPerUnit: Quantity) {
        // If the display went backwards between two corrections, the earlier one is from another meter, or a total was mistyped.
        let spans = zip(corrections, corrections.dropFirst()).map { Span($0, $1, pulsesPerUnit) }.reversed().prefix { $0 != nil }
        let comparable = spans.compactMap(\.self)
        guard let newest = comparable.first, let last = corrections.last else { return nil }
        // A short span is imprecise: go back until the last digit of the display is at most a hundredth of the span.
        var (span, from) = (newest, 0)
        for index in comparable.indices {
            let first = corrections[corrections.count - 2 - index]
            guard let longer = Span(first, last, pulsesPerUnit) else { break }
            (span, from) = (longer, index)
            if span.uncertainty <= 0.01 { break }
        }
        self.from = corrections[corrections.count - 2 - from].at
        to = last.at
        counted = span.counted
        expected = span.expected
        cause = span.cause(pulsesPerUnit, comparable)
    }

    package var pulses: Int64 { counted - expected }

    /// The deviation relative to the expected pulses; `nil` if none were expected.
    package var percent: Quantity? {
        guard expected > 0 else { return nil }
        let (scaled, half) = (Int128(pulses) * 10_000, Int128(expected) / 2)
        return Quantity(Int64(clamping: (scaled + scaled.signum() * half) / Int128(expected)), exponent: -2)
    }
}

extension Drift: CustomStringConvertible {
    package var description: String {
        let sign = pulses > 0 ? "+" : ""
        let share = percent.map { " (\(sign)\($0) %)" } ?? ""
        return "\(sign)\(pulses) pulses\(share) against the display from \(from.rfc3339Seconds) to \(to.rfc3339Seconds): \(cause)"
    }
}

extension Drift.Cause: CustomStringConvertible {
    package var description: String {
        switch self {
        case .agrees: "agrees"
        case .constant(let constant): "wrong pulses_per_unit? \(constant) would match the display"
        case .bounce: "too many pulses: bounce or interference"
        case .loss: "too few pulses: some are lost"
        case .silence: "no pulse came, but the display moved"
        case .mistyped: "the display moved much too far: was a total mistyped?"
        }
    }
}

/// The interval between two corrections.
private struct Span {
    let counted: Int64
    let expected: Int64
    /// The number of pulses in one unit of the display's last digit, plus one in progress.
    let tolerance: Int64

    init?(_ first: Correction, _ last: Correction, _ pulsesPerUnit: Quantity) {
        guard let moved = Quantity.adding(last.display, first.display.negated), !moved.isNegative, last.pulses >= first.pulses else {
            return nil
        }
        counted = last.pulses - first.pulses
        let digit = Quantity(1, exponent: max(first.display.exponent, last.display.exponent))
        expected = Self.pulses(in: moved, pulsesPerUnit, roundedUp: false)
        tolerance = Self.pulses(in: digit, pulsesPerUnit, roundedUp: true) + 1
    }

    private static func pulses(in units: Quantity, _ pulsesPerUnit: Quantity, roundedUp: Bool) -> Int64 {
        // Both mantissas have at most eighteen digits, so the product fits in 128 bits.
        var product = Int128(units.mantissa) * Int128(pulsesPerUnit.mantissa)
        var divisor = Int128(1)
        let exponent = units.exponent + pulsesPerUnit.exponent
        for _ in 0..<max(exponent, 0) { product *= 10 }
        for _ in 0..<max(-exponent, 0) { divisor *= 10 }
        return Int64(min((product + (roundedUp ? divisor - 1 : divisor / 2)) / divisor, 1 << 62))
    }

    var agrees: Bool { (counted - expected).magnitude <= tolerance.magnitude }
    var ratio: Double { Double(counted) / Double(max(expected, 1)) }
    var uncertainty: Double { Double(tolerance) / Double(max(expected, 1)) }

    /// `spans`: all comparable spans, newest first.
    func cause(_ pulsesPerUnit: Quantity, _ spans: [Span]) -> Drift.Cause {
        if agrees { return .agrees }
        if counted == 0 { return .silence }
        if ratio < 0.01 { return .mistyped }
        if let constant = usualConstant(pulsesPerUnit) ?? steadyConstant(pulsesPerUnit, spans) { return .constant(constant) }
        return counted > expected ? .bounce : .loss
    }

    /// The usual constants of meters, as a mantissa from 1 to 10 with two decimals.
    private static let usual: [Int64] = [100, 125, 160, 200, 240, 250, 320, 375, 400, 480, 500, 600, 640, 750, 800, 1000]

    /// Returns a constant that would match the display: a usual one, or the configured one changed by a simple factor.
    private func usualConstant(_ pulsesPerUnit: Quantity) -> Quantity? {
        // A smaller deviation is not attributed to another usual constant.
        guard (ratio - 1).magnitude > 0.1, ratio < 100, uncertainty <= 0.05 else { return nil }
        let (digits, exponent) = split(pulsesPerUnit.approximate * ratio)
        if uncertainty <= 0.01, let usual = Self.usual.first(where: { isNear(digits, Double($0) / 100) }) {
            return shortest(usual, exponent - 2)
        }
        let constant = pulsesPerUnit
        if isNear(ratio, 10) { return shortest(constant.mantissa, constant.exponent + 1) }
        if isNear(ratio, 2) { return shortest(constant.mantissa * 2, constant.exponent) }
        if isNear(ratio, 0.5) { return shortest(constant.mantissa * 5, constant.exponent - 1) }
        if isNear(ratio, 0.1) { return shortest(constant.mantissa, constant.exponent - 1) }
        return nil
    }

    private func isNear(_ a: Double, _ b: Double) -> Bool { (a / b - 1).magnitude <= 0.005 + uncertainty }

    /// Returns the constant that matches a steady deviation: bounce and loss vary over time, a wrong constant does not.
    private func steadyConstant(_ pulsesPerUnit: Quantity, _ spans: [Span]) -> Quantity? {
        let recent = spans.prefix(3)
        // If no pulses were counted recently, the constant is not the cause: it would have to be 0.
        guard recent.count > 1, recent.allSatisfy({ $0.counted > 0 }) else { return nil }
        let deviation = recent.reduce(0) { $0 + $1.ratio - 1 } / Double(recent.count)
        let margin = deviation.magnitude / 10
        guard recent.allSatisfy({ $0.uncertainty <= margin && ($0.ratio - 1 - deviation).magnitude <= margin }) else { return nil }
        let (digits, exponent) = split(pulsesPerUnit.approximate * (1 + deviation))
        return shortest(Int64((digits * 1000).rounded()), exponent - 3)
    }

    /// `digits × 10^exponent`, with one digit before the point. `value` is positive.
    private func split(_ value: Double) -> (digits: Double, exponent: Int) {
        var (digits, exponent) = (value, 0)
        while digits >= 9.97 { (digits, exponent) = (digits / 10, exponent + 1) }
        while digits < 0.997 { (digits, exponent) = (digits * 10, exponent - 1) }
        return (digits, exponent)
    }

    private func shortest(_ mantissa: Int64, _ exponent: Int) -> Quantity {
        var short = Quantity(mantissa, exponent: exponent)
        while short.mantissa != 0 && short.mantissa % 10 == 0 { short = Quantity(short.mantissa / 10, exponent: short.exponent + 1) }
        return short
    }
}
