import MeterProtocols
import Metering

/// A meter that sends a telegram regularly without being asked: SML or mode D as in German houses, P1 as in Dutch ones.
package struct VirtualPushMeter: VirtualMeter {
    package enum Kind: String, Sendable, CaseIterable { case sml, p1, modeD = "mode-d" }

    /// The speeds that meters with mode D use; some use the slowest.
    package static let speedsOfModeD = [BaudRate.b2400, .b4800, .b9600]

    private let kind: Kind
    private let speed: BaudRate
    private let interval: Duration
    private let faults: Set<Fault>
    private let silentFrom: Instant?
    private var household: Household
    private var line: Disturbance
    private var next: Instant
    private var count: UInt32 = 0
    private let importAtStart: Int64
    private let exportAtStart: Int64

    package init(
        _ kind: Kind, speed: BaudRate? = nil, every interval: Duration = .seconds(1), household: Household, faults: [Fault] = [],
        seed: UInt64, startedAt: Instant, importWattHours: Int64 = 12_345_678, exportWattHours: Int64 = 90
    ) {
        self.kind = kind
        self.speed = speed ?? (kind == .p1 ? .b115200 : .b9600)
        self.interval = interval
        self.faults = Set(faults)
        self.household = household
        line = Disturbance(faults, seed: seed)
        next = startedAt + interval
        importAtStart = importWattHours * 3600
        exportAtStart = exportWattHours * 3600
        silentFrom = faults.lazy.compactMap { if case .silentAfter(let time) = $0 { startedAt + time } else { nil } }.first
    }

    package var nextDeadline: Instant? { silentFrom.map { next < $0 } ?? true ? next : nil }

    /// The meter ignores everything it receives, but there may be an echo.
    package mutating func received(_ bytes: [UInt8], at now: Instant, lineSpeed: BaudRate) -> [Emission] {
        guard faults.contains(.echo) else { return [] }
        return [Emission(bytes, at: lineSpeed, start: now - LineSettings(lineSpeed).duration(of: bytes.count))]
    }

    package mutating func advance(to now: Instant) -> [Emission] {
        var emissions: [Emission] = []
        while let deadline = nextDeadline, deadline <= now {
            household.advance(to: deadline)
            count &+= 1
            let noise = faults.contains(.leadingNoise) ? line.noise() : []
            let bytes = noise + line.disturb(telegram, bits: kind == .modeD && !faults.contains(.eightBit) ? 7 : 8)
            emissions.append(Emission(bytes, at: speed, start: deadline))
            next = deadline + interval
        }
        return emissions
    }

    /// Import and export in watt-seconds, as they will be in the next telegram.
    package var energy: (imported: Int64, exported: Int64) {
        (importAtStart + household.importWattSeconds, exportAtStart + household.exportWattSeconds)
    }

    /// The power that the next telegram will show.
    package var watts: Int64 { household.watts }

    private var telegram: [UInt8] {
        switch kind {
        case .sml: sml
        case .p1: p1
        case .modeD: faults.contains(.eightBit) ? modeD.map { $0.nonzeroBitCount % 2 == 1 ? $0 | 0x80 : $0 } : modeD
        }
    }

    private var sml: [UInt8] {
        let server: [UInt8] = [0x0A, 0x01] + Array("VRT".utf8) + [0x00, 0x00, 0xBC, 0x61, 0x4E]
        let status: UInt32 = household.watts < 0 ? 0x1C0904 : 0x1C0104
        return SMLEncoder().telegram(
            server: server,
            [
                SMLEncoder.Entry(OBISCode(1, 0, 96, 50, 1, 1), .octets(Array("VRT".utf8))),
                SMLEncoder.Entry(OBISCode(96, 1, 0), .octets(server)),
                SMLEncoder.Entry(
                    OBISCode(1, 8, 0), .unsigned(UInt64(energy.imported / 360), width: 8), unit: 30, scaler: -1, status: status),
                SMLEncoder.Entry(OBISCode(2, 8, 0), .unsigned(UInt64(energy.exported / 360), width: 8), unit: 30, scaler: -1),
                SMLEncoder.Entry(OBISCode(16, 7, 0), .signed(household.watts, width: 4), unit: 27, scaler: 0),
            ], number: count)
    }

    private var p1: [UInt8] {
        let (imported, exported) = (energy.imported / 3600, energy.exported / 3600)
        let watts = household.watts
        return P1Encoder.telegram(
            "/VRT5\\2P1-0001",
            [
                "1-3:0.2.8(50)", "0-0:96.1.1(5652543132333435363738)", "1-0:1.8.1(\(decimal(imported, 6, 3))*kWh)",
                "1-0:1.8.2(000000.000*kWh)",
                "1-0:2.8.1(\(decimal(exported, 6, 3))*kWh)", "1-0:2.8.2(000000.000*kWh)", "0-0:96.14.0(0001)",
                "1-0:1.7.0(\(decimal(max(watts, 0), 2, 3))*kW)", "1-0:2.7.0(\(decimal(max(-watts, 0), 2, 3))*kW)",
                "0-1:24.1.0(003)", "0-1:96.1.0(4731)", "0-1:24.2.1(240102030000W)(00981.443*m3)",
            ])
    }

    private var modeD: [UInt8] {
        // Seven decimals of a kWh, as real meters of this kind send.
        let (imported, exported) = (energy.imported * 100 / 36, energy.exported * 100 / 36)
        let sign = household.watts < 0 ? "-" : ""
        let text =
            "/VRT5D0-0001\r\n\r\n1-0:96.1.0*255(1VRT0012345678)\r\n1-0:1.8.0*255(\(decimal(imported, 6, 7))*kWh)\r\n"
            + "1-0:2.8.0*255(\(decimal(exported, 6, 7))*kWh)\r\n1-0:16.7.0*255(\(sign)\(decimal(Int64(household.watts.magnitude), 6, 0))*W)\r\n!\r\n"
        return Array(text.utf8)
    }

    /// Formats a number with at least `digits` digits before the point, and exactly `decimals` after it.
    private func decimal(_ number: Int64, _ digits: Int, _ decimals: Int) -> String {
        let text = String(number)
        let padded = String(repeating: "0", count: max(0, digits + decimals - text.utf8.count)) + text
        guard decimals > 0 else { return padded }
        return padded.dropLast(decimals) + "." + padded.suffix(decimals)
    }
}
