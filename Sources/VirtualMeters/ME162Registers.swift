import Metering

/// The registers of an ME162. It counts whole watt-hours and refreshes its registers once a second.
struct ME162Registers: Sendable {
    private let serial: String
    private var household: Household
    private let startedAt: Instant
    private let firstRefresh: Instant
    private let importAtStart: Int64
    private let exportAtStart: Int64
    private let clock: WallTime

    init(
        serial: String, household: Household, startedAt: Instant, refreshOffset: Duration, importWattHours: Int64, exportWattHours: Int64,
        clock: WallTime
    ) {
        self.serial = serial
        self.household = household
        self.startedAt = startedAt
        firstRefresh = startedAt + refreshOffset
        importAtStart = importWattHours
        exportAtStart = exportWattHours
        self.clock = clock
    }

    mutating func energy(at now: Instant) -> (imported: Int64, exported: Int64) {
        let sinceFirstRefresh = now.nanoseconds - firstRefresh.nanoseconds
        if sinceFirstRefresh >= 0 {
            household.advance(to: Instant(nanoseconds: now.nanoseconds - sinceFirstRefresh % 1_000_000_000))
        }
        return (importAtStart + household.importWattSeconds / 3600, exportAtStart + household.exportWattSeconds / 3600)
    }

    /// The data block between STX and ETX.
    mutating func readout(at now: Instant) -> [UInt8] {
        let codes = ["C.1.0", "0.0.0", "1.8.0", "1.8.1", "1.8.2", "2.8.0", "2.8.1", "2.8.2", "F.F"]
        var text = ""
        for code in codes { text += "\(code)(\(value(of: code, at: now) ?? ""))\r\n" }
        return Array((text + "!\r\n").utf8)
    }

    /// The value of a register, as sent in parentheses; `nil` for a register that the meter does not have, such as power.
    mutating func value(of code: String, at now: Instant) -> String? {
        switch code {
        case "C.1.0", "0.0.0": return serial
        case "F.F": return "0000000"
        case "1.8.0", "1.8.2": return Self.text(energy(at: now).imported)
        case "2.8.0", "2.8.2": return Self.text(energy(at: now).exported)
        case "1.8.1", "1.8.3", "1.8.4", "2.8.1", "2.8.3", "2.8.4": return Self.text(0)
        case "15.8.0":
            let energy = energy(at: now)
            return Self.text(energy.imported + energy.exported)
        case "0.9.1": return String(time(at: now).dropFirst(11).prefix(8))
        case "0.9.2": return String(time(at: now).dropFirst(2).prefix(8).map { $0 == "-" ? "." : $0 })
        default: return nil
        }
    }

    /// Seven digits before the point and three after it, in kWh.
    private static func text(_ wattHours: Int64) -> String {
        var text = Array("0000000.000*kWh".utf8)
        var rest = wattHours
        for index in (0..<11).reversed() where index != 7 {
            text[index] += UInt8(rest % 10)
            rest /= 10
        }
        return String(decoding: text, as: UTF8.self)
    }

    private func time(at now: Instant) -> String {
        WallTime(millisecondsSince1970: clock.millisecondsSince1970 + (now - startedAt).nanoseconds / 1_000_000).rfc3339
    }
}
