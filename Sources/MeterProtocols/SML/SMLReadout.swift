import Metering

/// Converts the lists of a frame to a readout.
struct SMLReadout {
    private(set) var registers: [Register] = []
    private var server: [UInt8] = []
    private var manufacturer: String?
    private var direction: Direction?

    /// The registers with the manufacturer's letters: 129-129:199.130.3*255 and 1-0:96.50.1*1.
    private static let manufacturers = [OBISCode(129, 129, 199, 130, 3, 255), OBISCode(1, 0, 96, 50, 1, 1)]

    /// `bytes`: the buffer that the list was parsed from.
    mutating func add(_ list: SMLList, _ bytes: [UInt8]) {
        if server.isEmpty { server = list.server }
        // Only for the first list: reserving for each further list would copy all registers.
        if registers.isEmpty { registers.reserveCapacity(list.entries.count) }
        let sendsShortUnsigned = Self.sendsShortUnsigned(list.server)
        for entry in list.entries {
            if direction == nil, entry.code.isRegister(1, 8, 0) || entry.code.isRegister(2, 8, 0) {
                direction = entry.status.flatMap(Self.direction)
            }
            guard let value = Self.value(of: entry, bytes, sendsShortUnsigned) else { continue }
            registers.append(Register(entry.code, value))
            if case .text(let text) = value, Self.manufacturers.contains(entry.code) { manufacturer = text }
        }
    }

    func at(_ now: Instant) -> Readout {
        let id = SMLServerID(server)
        var readout = Readout(registers, manufacturer: manufacturer ?? id.manufacturer, at: now)
        readout.serial = id.serial
        readout.source = .sml
        readout.direction = direction
        return readout
    }

    private static func value(of entry: SMLList.Entry, _ bytes: [UInt8], _ sendsShortUnsigned: Bool) -> RegisterValue? {
        switch entry.value {
        case .missing, .list: return nil
        case .octets(let range): return .text(text(bytes, range))
        case .boolean(let bool): return .number(Quantity(bool ? 1 : 0), nil)
        case .signed(var number, let width):
            if sendsShortUnsigned, width < 4, entry.code.isRegister(16, 7, 0) { number &= 1 << (8 * Int64(width)) - 1 }
            return self.number(number, entry)
        case .unsigned(let number):
            if let number = Int64(exactly: number) { return self.number(number, entry) }
            return .text(String(number))
        }
    }

    private static func number(_ number: Int64, _ entry: SMLList.Entry) -> RegisterValue? {
        // Real meters use scalers from -5 to 3.
        guard (-12...9).contains(entry.scaler) else { return nil }
        let quantity = Quantity(number, exponent: entry.scaler)
        guard let code = entry.unit, code != 0, code != 255 else { return .number(quantity, entry.code.baseUnit) }
        // A number in an unknown unit must not be taken for a number in the customary unit.
        guard let unit = Unit(dlms: code) else { return .text(quantity.description) }
        return .number(quantity, unit)
    }

    /// Returns printable bytes as text, anything else in hex.
    static func text(_ bytes: [UInt8], _ range: Range<Int>) -> String {
        if range.allSatisfy({ bytes[$0] >= 0x20 && bytes[$0] < 0x7F }) { return bytes.string(bytes.trimmed(range)) }
        return String(unsafeUninitializedCapacity: 2 * range.count) { characters in
            var index = 0
            func write(_ digit: UInt8) {
                characters[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
                index += 1
            }
            for place in range {
                write(bytes[place] >> 4)
                write(bytes[place] & 0xF)
            }
            return index
        }
    }

    /// The direction from a status word of the two known layouts: EDL21 (…82, …A2, …B0: bit 5 is export) and FNN (…04: bit 11 is export).
    private static func direction(_ status: UInt64) -> Direction? {
        if status & 0xFF == 0x04 { return status & 0x800 != 0 ? .exporting : .importing }
        if status & 0x80 != 0 { return status & 0x20 != 0 ? .exporting : .importing }
        return nil
    }

    /// The DZG DVS74 sends 327.68 W to 655.35 W in two bytes as if they were negative; real negative values are sent in four.
    /// Other DZG meters don't do this, so the affected ones are recognized by their serial number ranges.
    private static func sendsShortUnsigned(_ server: [UInt8]) -> Bool {
        guard server.count == 10, server.starts(with: [0x0A, 0x01] + Array("DZG".utf8)) else { return false }
        let number = server.suffix(4).reduce(0) { $0 << 8 | Int($1) }
        return (42_000_000...48_999_999).contains(number) || (55_000_000...58_999_999).contains(number)
    }
}

/// The meter's identity. `0A 01 'ISK' 00` and a number in four bytes are printed on the meter as `1ISK00` and eight digits (DIN 43863-5).
struct SMLServerID {
    private(set) var manufacturer: String?
    private(set) var serial: String?

    init(_ bytes: [UInt8]) {
        guard bytes.contains(where: { $0 != 0 }) else { return }
        guard bytes.count == 10 else {
            serial = SMLReadout.text(bytes, bytes.indices)
            return
        }
        let isStandard = bytes[0] == 0x0A || bytes[0] == 0x09
        let letters = isStandard ? bytes[2..<5] : bytes[1..<4]
        let isNamed = letters.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        if isNamed { manufacturer = String(decoding: letters, as: UTF8.self) }
        guard isStandard, isNamed, bytes[1] < 16 else {
            serial = SMLReadout.text(bytes, bytes.indices)
            return
        }
        let number = String(bytes.suffix(4).reduce(0) { $0 << 8 | UInt32($1) })
        let block = (bytes[5] < 16 ? "0" : "") + String(bytes[5], radix: 16, uppercase: true)
        serial =
            String(bytes[1], radix: 16, uppercase: true) + String(decoding: letters, as: UTF8.self) + block
            + String(repeating: "0", count: max(0, 8 - number.utf8.count)) + number
    }
}

extension OBISCode {
    /// The unit of a number that SML sends without a unit: always the base unit, such as Wh instead of kWh.
    fileprivate var baseUnit: Unit? {
        switch customaryUnit {
        case .kilowattHours: .wattHours
        case .kilovarHours: .varHours
        case .kilovoltAmpereHours: .voltAmpereHours
        default: nil
        }
    }
}

extension Unit {
    /// Converts the unit codes of IEC 62056-62 (DLMS).
    fileprivate init?(dlms code: UInt64) {
        switch code {
        case 5: self = .hours
        case 6: self = .minutes
        case 7: self = .seconds
        case 8: self = .degrees
        case 9: self = .celsius
        case 13, 14: self = .cubicMetres
        case 15, 16: self = .cubicMetresPerHour
        case 19: self = .litres
        case 27: self = .watts
        case 28: self = .voltAmperes
        case 29: self = .vars
        case 30: self = .wattHours
        case 31: self = .voltAmpereHours
        case 32: self = .varHours
        case 33: self = .amperes
        case 35: self = .volts
        case 44: self = .hertz
        case 56: self = .percent
        default: return nil
        }
    }
}
