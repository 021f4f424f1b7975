/// A gas, water or heat meter that tells its reading to the electricity meter, which passes it on (M-Bus behind a P1 port).
package struct SubMeter: Sendable, Hashable {
    package var channel: UInt8
    package var medium: Medium
    package var serial: String?
    /// In m³, heat in kWh.
    package var reading: Quantity
}

extension Readout {
    package var subMeters: [SubMeter] {
        registers.compactMap { register in
            guard register.code.isSubMeterReading, case .number(let number, let unit?) = register.value,
                let medium = medium(ofChannel: register.code.b)
            else { return nil }
            let reading: Quantity?
            switch (medium, unit) {
            case (.gas, .cubicMetres), (.water, .cubicMetres), (.heat, .kilowattHours): reading = number
            // A GJ is 2500/9 kWh. Whole Wh, always rounded down: it still never falls.
            case (.heat, .gigajoules): reading = number.units(of: -3).map { Quantity($0 * 2500 / 9, exponent: -3) }
            default: reading = nil
            }
            guard let reading else { return nil }
            return SubMeter(channel: register.code.b, medium: medium, serial: serial(ofChannel: register.code.b), reading: reading)
        }
    }

    /// By the device types of the M-Bus.
    private func medium(ofChannel channel: UInt8) -> Medium? {
        guard case .text(let type)? = self[OBISCode(0, channel, 24, 1, 0, 255)] else { return nil }
        switch Int(type) {
        case 3: return .gas
        case 4, 12: return .heat
        case 6, 7, 21, 22: return .water
        default: return nil
        }
    }

    private func serial(ofChannel channel: UInt8) -> String? {
        for e in [0, 1] as [UInt8] {
            if case .text(let hex)? = self[OBISCode(0, channel, 96, 1, e, 255)] { return charactersOfHex(hex) }
        }
        return nil
    }
}

extension OBISCode {
    fileprivate var isSubMeterReading: Bool { a == 0 && b > 0 && c == 24 && d == 2 && f == 255 }
}

/// P1 sends identifiers as characters in hex, or plain.
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

/// What is known of a sub-meter. Whether it is being read, and why not, is its electricity meter's.
struct SubMeterState: Sendable {
    let channel: UInt8
    private(set) var snapshot: MeterSnapshot
    private var total = MonotonicTotal()
    /// Far beyond what a house takes of anything: the telegram has a checksum.
    private static let mostPerHour = 1000.0

    init(_ meter: SubMeter, name: String, title: String) {
        channel = meter.channel
        snapshot = MeterSnapshot(
            name: name, title: title, kind: .sub(meter.medium), volumeUnit: meter.medium == .heat ? nil : .cubicMetres)
    }

    mutating func record(_ meter: SubMeter, at now: Instant, wall: WallTime) {
        if snapshot.serial != meter.serial {
            // Another one was put in its place.
            total = MonotonicTotal()
            snapshot.serial = meter.serial
            snapshot.values[.serial] = meter.serial.map { .text($0) }
        }
        if total.record(meter.reading, at: now, risePerHour: Self.mostPerHour) == .accepted {
            snapshot.values[meter.medium == .heat ? .energy : .volume] = .number(meter.reading)
        }
        snapshot.readings += 1
        snapshot.readAt = wall
    }

    func snapshot(of parent: MeterSnapshot) -> MeterSnapshot {
        var snapshot = snapshot
        snapshot.isAvailable = parent.isAvailable
        snapshot.problem = parent.problem
        return snapshot
    }
}
