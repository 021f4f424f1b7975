import Metering

/// An output to the broker in another program's format, in addition to jouled's own topics. A value type, like `MQTTPublication`.
package protocol MQTTOutput: Sendable {
    /// When `tick` is due.
    var nextDeadline: Instant? { get }
    mutating func connected(now: Instant) -> [MQTTMessage]
    mutating func disconnected()
    mutating func update(_ snapshot: Snapshot, now: Instant) -> [MQTTMessage]
    mutating func tick(now: Instant) -> [MQTTMessage]
    /// Returns everything that is still pending, before the connection is closed.
    mutating func farewell(now: Instant) -> [MQTTMessage]
    /// Messages for the user, each reported once.
    mutating func takeRemarks() -> [String]
}

/// Decides when the user is informed that something is missing: if it has been missing for a minute, it won't appear by itself.
struct Patience: Sendable {
    private static let limit = Duration.seconds(60)
    private var since: Instant?
    private var isLost = false

    var deadline: Instant? { isLost ? nil : since.map { $0 + Self.limit } }

    mutating func found() { since = nil }

    /// True once, when the limit is exceeded.
    mutating func timedOut(now: Instant) -> Bool {
        let begin = since ?? now
        since = begin
        guard !isLost, now - begin >= Self.limit else { return false }
        isLost = true
        return true
    }
}

extension Quantity {
    /// The number in whole units of `10^exponent`, rounded towards zero; `nil` if it does not fit.
    func whole(of exponent: Int) -> Int64? {
        // `Int64.min` can't be negated.
        guard mantissa != .min else { return nil }
        guard self.exponent < exponent else { return units(of: exponent) }
        var rest = mantissa
        for _ in self.exponent..<exponent where rest != 0 { rest /= 10 }
        return rest
    }
}

extension MeterSnapshot {
    /// `nil` if the value has not been read or is not a number.
    func number(_ measurand: Measurand) -> Quantity? {
        if case .number(let number)? = values[measurand] { return number }
        return nil
    }
}

/// Returns e.g. `grid has no energy_export; if the meter does not count exports, set export = false`.
func absence(of missing: [Measurand], in meter: MeterSnapshot) -> String {
    let isExport = missing.contains(.energyExport) || missing.contains(.energyExportT1)
    let advice = isExport ? "; if the meter does not count exports, set export = false" : ""
    return "\(meter.name) has no \(missing.map(\.rawValue).joined(separator: ", "))\(advice)"
}
