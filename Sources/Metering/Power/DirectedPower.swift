/// Estimates the power of a meter that sends only totals. The magnitude comes from the steps of the two energy registers, the direction
/// from the register that stepped last.
struct DirectedPower: Sendable {
    enum Direction: Sendable {
        case imported, exported
        var opposite: Direction { self == .imported ? .exported : .imported }
    }

    /// Whole watts; negative is export.
    struct Estimate: Sendable, Equatable {
        var watts: Int64
        var error: Int64
    }

    /// The ME162 refreshes its registers once a second.
    private static let refresh = Duration.seconds(1)
    /// The first estimate is published only if its likely error is at most this share of the power or at most this many watts.
    private static let firstError = (share: 0.2, watts: 50.0)
    /// Until the error is certain to be this small, the likely error is stated: the first values would otherwise come twice as late.
    private static let settledError = (share: 0.05, watts: 15.0)

    private var imported = RateEstimator(refresh: Self.refresh)
    private var exported = RateEstimator(refresh: Self.refresh)
    /// The direction of the register that stepped last.
    private var direction: Direction?
    /// kWh per count, as a power of ten.
    private var exponent = -3
    private var wasSaid = false
    private var isSettled = false
    private var light: Light?

    /// The meter's own light, which blinks for energy in either direction. The time of a blink is exact; the direction is known from a
    /// register within two seconds.
    private struct Light: Sendable {
        var rate = RateEstimator(refresh: .zero, count: 0)
        var wattsPerRate: Double
        /// The steps of the energy registers since the light's last pulse.
        var stepsOfRegisters = 0
    }
    /// After this many register steps without a pulse, the head in front of the light is assumed not to see it.
    private static let stepsWithoutLight = 5
    /// The jitter of the light and its timestamp, and the maximum delay until a pulse is reported.
    private static let (jitter, latestReport) = (Duration.milliseconds(2), Duration.milliseconds(200))

    mutating func record(_ total: Quantity, _ side: Direction, in readout: Readout) {
        if total.exponent != exponent {
            // A readout may have fewer digits than the session after it: the difference between their numbers is not a step.
            if imported.isFed || exported.isFed { forget() }
            exponent = total.exponent
        }
        let hasStepped = self[side].record(total.mantissa, asked: readout.asked, answered: readout.at)
        light?.rate.quiet(until: readout.at - Self.latestReport)
        guard hasStepped else { return }
        light?.stepsOfRegisters += 1
        guard side != direction else { return }
        defer { direction = side }
        guard direction != nil, let before = self[side.opposite].newest, let now = self[side].newest else { return }
        self[side].turn(at: now.after, from: before.middle)
        light?.rate.turn(at: now.after, from: before.middle)
        // Once energy flows in the opposite direction again, its old steps will be no evidence of the power.
        self[side.opposite].forget()
    }

    mutating func forget() {
        let light = light
        self = DirectedPower()
        if let light { follow(lightOfWatts: light.wattsPerRate) }
    }

    // MARK: The light

    /// `wattsPerRate`: the power at one pulse per second.
    mutating func follow(lightOfWatts wattsPerRate: Double) { light = Light(wattsPerRate: wattsPerRate) }

    /// Discards the light's steps: pulses that came while the light was not being read have no timestamp.
    mutating func losesLight() { light?.rate.forget() }

    /// `before`: when the pulse before the newest came, if known.
    mutating func recordLight(_ count: Int64, at: Instant, after before: Instant? = nil) {
        if let before, let newest = light?.rate.newest, count - 1 > newest.count {
            light?.rate.record(count - 1, asked: before - Self.jitter, answered: before)
        }
        guard light?.rate.record(count, asked: at - Self.jitter, answered: at) == true else { return }
        light?.stepsOfRegisters = 0
    }

    private var lightsEstimate: (RateEstimate, wattsPerRate: Double)? {
        guard let light, light.rate.newest != nil, direction != nil, light.stepsOfRegisters < Self.stepsWithoutLight else { return nil }
        return light.rate.estimate.map { ($0, light.wattsPerRate) }
    }

    private var registersEstimate: (RateEstimate, wattsPerRate: Double)? {
        let estimate =
            switch direction {
            case .imported: imported.estimate
            case .exported: exported.estimate
            case nil: estimateOfBoth
            }
        return estimate.map { ($0, 3_600_000 * Quantity(1, exponent: exponent).approximate) }
    }

    /// The power is zero only if nothing flows in either direction.
    private var estimateOfBoth: RateEstimate? {
        let sides = [imported, exported].filter(\.isFed)
        let estimates = sides.compactMap(\.estimate)
        return estimates.count == sides.count ? estimates.max { $0.error < $1.error } : nil
    }

    // MARK: The estimate

    /// Returns `nil` while the estimate is not good enough to publish: the first value stays on the screen for a long time.
    mutating func estimate(below limit: Int64) -> Estimate? {
        guard let (estimate, wattsPerRate) = lightsEstimate ?? registersEstimate else { return nil }
        let watts = estimate.rate * wattsPerRate
        var error = estimate.error * wattsPerRate
        guard watts <= Double(limit) * 1.2 else { return nil }
        let settled = max(Self.settledError.share * watts, Self.settledError.watts)
        isSettled = isSettled || error <= settled
        if !isSettled { error = max(estimate.likely * wattsPerRate, settled) }
        guard wasSaid || error <= max(Self.firstError.share * watts, Self.firstError.watts) else { return nil }
        wasSaid = true
        return Estimate(
            watts: Int64(nearest: direction == .exported ? -watts : watts), error: Int64(nearest: (error + 0.5).rounded(.up)))
    }

    private subscript(side: Direction) -> RateEstimator {
        get { side == .imported ? imported : exported }
        set { if side == .imported { imported = newValue } else { exported = newValue } }
    }
}
