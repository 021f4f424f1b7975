/// A gas, water or heat meter that sends its reading to the electricity meter, which forwards it (M-Bus behind a P1 port).
package struct SubMeter: Sendable, Hashable {
    /// The code of the reading; its B is the channel.
    package var code: OBISCode
    package var medium: Medium
    package var serial: String?
    package var serialCode: OBISCode?
    /// The reading in m³, or in kWh for heat.
    package var reading: Quantity

    package var channel: UInt8 { code.b }

    /// The M-Bus of a P1 meter has no more channels than these. Others are ignored, because each one takes up topics, a device and memory.
    static let channels: ClosedRange<UInt8> = 1...4
}

extension Readout {
    /// The first reading of each channel.
    package var subMeters: [SubMeter] {
        var meters: [SubMeter] = []
        for register in registers where register.code.isSubMeterReading {
            let channel = register.code.b
            guard !meters.contains(where: { $0.channel == channel }), case .number(let number, let unit?) = register.value,
                let medium = medium(ofChannel: channel), let reading = reading(number, unit, of: medium)
            else { continue }
            let serial = serial(ofChannel: channel)
            meters.append(SubMeter(code: register.code, medium: medium, serial: serial?.text, serialCode: serial?.code, reading: reading))
        }
        return meters
    }

    private func reading(_ number: Quantity, _ unit: Unit, of medium: Medium) -> Quantity? {
        switch (medium, unit) {
        case (.gas, .cubicMetres), (.water, .cubicMetres), (.heat, .kilowattHours): return number
        // A GJ is 2500/9 kWh. Rounded down to whole Wh, so the total still never decreases.
        case (.heat, .gigajoules):
            guard let megajoules = number.units(of: -3) else { return nil }
            let (product, overflow) = megajoules.multipliedReportingOverflow(by: 2500)
            return overflow ? nil : Quantity(product / 9, exponent: -3)
        default: return nil
        }
    }

    /// Determines the medium from the M-Bus device type.
    private func medium(ofChannel channel: UInt8) -> Medium? {
        guard case .text(let type)? = self[OBISCode(0, channel, 24, 1, 0, 255)] else { return nil }
        switch Int(type) {
        case 3: return .gas
        case 4, 12: return .heat
        case 6, 7, 21, 22: return .water
        default: return nil
        }
    }

    private func serial(ofChannel channel: UInt8) -> (text: String, code: OBISCode)? {
        for code in [OBISCode(0, channel, 96, 1, 0, 255), OBISCode(0, channel, 96, 1, 1, 255)] {
            guard case .text(let hex)? = self[code] else { continue }
            let serial = charactersOfHex(hex)
            return serial.isLabel ? (serial, code) : nil
        }
        return nil
    }
}

extension OBISCode {
    fileprivate var isSubMeterReading: Bool { a == 0 && SubMeter.channels.contains(b) && c == 24 && d == 2 && f == 255 }
}

/// Decodes an identifier, which P1 meters send as plain text or as characters in hex.
package func charactersOfHex(_ text: String) -> String {
    let digits = Array(text.utf8)
    guard !digits.isEmpty, digits.count % 2 == 0 else { return text }
    var characters: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
        guard let byte = UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16), (0x21...0x7E).contains(byte)
        else { return text }
        characters.append(byte)
    }
    return String(decoding: characters, as: UTF8.self)
}

/// The state of a sub-meter. Its availability is that of the electricity meter.
struct SubMeterState: Sendable {
    let channel: UInt8
    private(set) var snapshot: MeterSnapshot
    private var serial: KnownSerial
    private(set) var total = MonotonicTotal()
    private var problem: String?
    private let measurand: Measurand
    /// These meters send a reading at most every five minutes and at least once a day.
    private static let refresh = Duration.seconds(25 * 3600)

    init(_ meter: SubMeter, name: String, title: String, remembered: MeterMemory?) {
        channel = meter.channel
        snapshot = MeterSnapshot(
            name: name, title: title, kind: .sub(meter.medium), volumeUnit: meter.medium == .heat ? nil : .cubicMetres)
        measurand = meter.medium == .heat ? .energy : .volume
        serial = KnownSerial(remembered?.serial)
        if let known = remembered?.totals[measurand] { total = MonotonicTotal(remembered: known.value, at: known.at) }
    }

    /// What readings are compared with after the next start.
    var memory: MeterMemory {
        var memory = MeterMemory(
            serial: serial.number, totals: total.value.map { [measurand: MeterMemory.Total($0, at: total.wall)] } ?? [:])
        memory.name = snapshot.name
        return memory
    }

    /// Returns a message for the log, if any.
    mutating func record(_ meter: SubMeter, isChecked: Bool, at now: Instant, wall: WallTime) -> String? {
        guard snapshot.kind == .sub(meter.medium) else {
            problem = "channel \(channel) now has a \(meter.medium.rawValue) meter: restart jouled to read it"
            return nil
        }
        snapshot.readings += 1
        snapshot.readAt = wall
        problem = nil
        var remark: String?
        switch serial.hear(meter.serial, at: now) {
        case .same: break
        case .stranger(let other):
            problem = "the serial number is now \(other), no longer \(serial.number ?? ""): held until confirmed"
            return nil
        case .exchanged(let old):
            total = MonotonicTotal()
            remark = "the meter was replaced: \(serial.number ?? "") instead of \(old)"
        }
        if let number = serial.number, meter.serial != nil || snapshot.serial != number {
            snapshot.serial = number
            snapshot.values.set(.serial, .text(number), code: meter.serialCode, at: wall)
        }
        let rules = MonotonicTotal.Rules(perHour: Self.mostPerHour(meter.medium), refresh: Self.refresh, isChecked: isChecked)
        switch total.record(meter.reading, at: now, wall: wall, rules) {
        case .accepted: snapshot.values.set(measurand, .number(total.value ?? meter.reading), code: meter.code, at: wall)
        case .replaced(let old):
            snapshot.values.set(measurand, .number(meter.reading), code: meter.code, at: wall)
            remark = "\(measurand.rawValue) went from \(old) to \(meter.reading): it stayed there, so the meter was replaced or set"
        case .waiting: break
        case .impossible: problem = "\(measurand.rawValue) can't be \(meter.reading)"
        case .backwards: problem = "\(measurand.rawValue) ran backwards: held at \(total.value?.description ?? "the last value")"
        case .tooFast: problem = "\(measurand.rawValue) rose implausibly fast: held until confirmed"
        }
        return remark.map { "\(snapshot.name): \($0)" }
    }

    /// More than the largest domestic meters can count in an hour: m³, or kWh of heat.
    private static func mostPerHour(_ medium: Medium) -> Double { medium == .heat ? 1000 : 100 }

    func snapshot(of parent: MeterSnapshot) -> MeterSnapshot {
        var snapshot = snapshot
        snapshot.isAvailable = parent.isAvailable
        snapshot.problem = parent.problem ?? problem
        return snapshot
    }
}
