import Metering

/// What goes to the broker beside jouled's own topics, in the words of another program. A value, as `MQTTPublication` is.
package protocol MQTTOutput: Sendable {
    /// When `tick` is due.
    var nextDeadline: Instant? { get }
    mutating func connected(now: Instant) -> [MQTTMessage]
    mutating func disconnected()
    mutating func update(_ snapshot: Snapshot, now: Instant) -> [MQTTMessage]
    mutating func tick(now: Instant) -> [MQTTMessage]
    /// All that still waits.
    mutating func farewell(now: Instant) -> [MQTTMessage]
    /// What a person should know, said once.
    mutating func takeRemarks() -> [String]
}

/// How long something may be missing before a person should know: what is not there after a minute does not come by itself.
struct Patience: Sendable {
    private static let limit = Duration.seconds(60)
    private var since: Instant?
    private var isLost = false

    var deadline: Instant? { isLost ? nil : since.map { $0 + Self.limit } }

    mutating func found() { since = nil }

    /// True once, when it is lost.
    mutating func timedOut(now: Instant) -> Bool {
        let begin = since ?? now
        since = begin
        guard !isLost, now - begin >= Self.limit else { return false }
        isLost = true
        return true
    }
}

extension Quantity {
    /// In whole units of `10^exponent`; what is less than one is left out. `nil` where it does not fit.
    func whole(of exponent: Int) -> Int64? {
        // What has no counterpart with the other sign.
        guard mantissa != .min else { return nil }
        guard self.exponent < exponent else { return units(of: exponent) }
        var rest = mantissa
        for _ in self.exponent..<exponent where rest != 0 { rest /= 10 }
        return rest
    }
}

extension MeterSnapshot {
    /// A value that was read.
    func number(_ measurand: Measurand) -> Quantity? {
        if case .number(let number)? = values[measurand] { return number }
        return nil
    }
}

/// `grid has no energy_export; if the meter does not count it: export = false`
func absence(of missing: [Measurand], in meter: MeterSnapshot) -> String {
    let isExport = missing.contains(.energyExport) || missing.contains(.energyExportT1)
    let advice = isExport ? "; if the meter does not count it: export = false" : ""
    return "\(meter.name) has no \(missing.map(\.rawValue).joined(separator: ", "))\(advice)"
}
