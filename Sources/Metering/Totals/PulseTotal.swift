/// The reading of a pulse meter as an exact number: the total that was set, plus the pulses since then divided by the pulses per unit.
package struct PulseTotal: Hashable, Sendable {
    /// All pulses ever counted on this input; setting the total does not change it.
    package var pulses: Int64
    /// The total that was set (or the one at the last change of the constant), and `pulses` at that moment.
    package var base: Quantity
    package var basePulses: Int64
    /// A positive decimal: 1000, 0.1.
    package var pulsesPerUnit: Quantity
    /// Oldest first.
    package private(set) var corrections: [Correction]
    package private(set) var origin: Origin

    /// Where the base comes from.
    package enum Origin: Hashable, Sendable {
        /// Started here from 0, or set by the user.
        case own
        /// Nothing was saved, and the broker has not been asked yet: the total contains only what has been counted since the start.
        case unsettled
        /// Nothing was saved; the base was taken from the broker's retained value at this time.
        case broker(WallTime)
    }

    package init(
        pulses: Int64 = 0, base: Quantity = Quantity(0), basePulses: Int64 = 0, pulsesPerUnit: Quantity, corrections: [Correction] = [],
        origin: Origin = .own
    ) {
        precondition(pulsesPerUnit.mantissa > 0 && (-6...0).contains(pulsesPerUnit.exponent), "the pulses per unit must be positive")
        self.pulses = pulses
        self.base = base
        self.basePulses = basePulses
        self.pulsesPerUnit = pulsesPerUnit
        self.corrections = corrections
        self.origin = origin
    }

    /// `base + (pulses − basePulses) ÷ pulsesPerUnit` with the decimals that one pulse needs (at most six, then rounded down, so that it
    /// never decreases).
    package var total: Quantity {
        // counted ÷ (m × 10^e), as an integer multiple of 10^-decimals. The numerator has at most twelve digits more than the count, so
        // it fits in 128 bits.
        let decimals = resolutionDecimals
        var numerator = Int128(pulses - basePulses)
        for _ in 0..<(decimals - pulsesPerUnit.exponent) { numerator *= 10 }
        let since = Quantity(Int64(clamping: numerator / Int128(pulsesPerUnit.mantissa)), exponent: -decimals)
        return (Quantity.adding(base, since.readable) ?? base).readable
    }

    /// Sets the total to the display; pulses counted from now on are added to it. `wasLost`: the count so far is not a valid total.
    package mutating func set(_ display: Quantity, at wall: WallTime, wasLost: Bool = false) {
        var correction = Correction(at: wall, before: wasLost ? nil : total, display: display, pulses: pulses)
        if let last = corrections.last, correction.replaces(last) {
            correction.before = last.before
            corrections.removeLast()
        }
        corrections = corrections.suffix(Correction.most - 1) + [correction]
        origin = .own
        begin(at: display)
    }

    /// Adds the broker's value (0 if it has none) to what was counted while the total was unknown. Returns false if the sum does not fit.
    package mutating func settle(from remembered: Quantity?, at wall: WallTime) -> Bool {
        precondition(origin == .unsettled)
        guard let remembered else {
            origin = .own
            return true
        }
        guard let sum = Quantity.adding(remembered, base) else { return false }
        base = sum.readable
        origin = .broker(wall.writable)
        return true
    }

    private mutating func begin(at total: Quantity) {
        base = total
        basePulses = pulses
    }

    /// Changes the constant: what was counted so far keeps its value.
    package mutating func changePulsesPerUnit(_ new: Quantity) {
        guard new != pulsesPerUnit else { return }
        begin(at: total)
        pulsesPerUnit = new
    }

    /// The number of decimals that represents one pulse exactly: 3 for 1000, 5 for 800 (0.00125), at most 6.
    private var resolutionDecimals: Int {
        for decimals in 0...6 {
            // Is 10^decimals ÷ (m × 10^e) an integer?
            var ten: Int64 = 1
            for _ in 0..<(decimals - pulsesPerUnit.exponent) { ten *= 10 }
            if ten % pulsesPerUnit.mantissa == 0 { return decimals }
        }
        return 6
    }
}
