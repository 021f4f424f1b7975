import MeterProtocols
import Metering
import VirtualMeters

/// Telegrams that no meter sends, with correct checksums.
extension Script {
    // MARK: SML

    private static let codes: [OBISCode] =
        [1, 2, 3, 4, 9, 10, 15, 16].flatMap { c in (0...5).map { OBISCode(c, 8, $0) } }
        + [1, 2, 3, 4, 9, 13, 14, 15, 16, 21, 22, 31, 32, 33, 36, 41, 42, 51, 52, 56, 71, 76, 91].map { OBISCode($0, 7, 0) }
        + [
            OBISCode(96, 1, 0), OBISCode(0, 0, 0), OBISCode(0, 0, 9), OBISCode(0, 2, 0), OBISCode(97, 97, 0), OBISCode(0, 9, 1),
            OBISCode(0, 9, 2), OBISCode(1, 0, 96, 50, 1, 1), OBISCode(1, 7, 255), OBISCode(1, 0, 1, 8, 0, 1),
            OBISCode(0, 0, 96, 13, 0, 255), OBISCode(0, 1, 24, 1, 0, 255), OBISCode(0, 1, 24, 2, 1, 255), OBISCode(0, 1, 96, 1, 0, 255),
        ]

    mutating func code() -> OBISCode {
        if number(below: 16) == 0 { return OBISCode(byte(), byte(), byte(), byte(), byte(), byte()) }
        return pick(Self.codes)
    }

    mutating func smlTelegram() -> [UInt8] {
        var encoder = SMLEncoder()
        let shape = byte()
        encoder.check = shape & 1 == 0 ? .x25 : .kermit
        encoder.hasWideTags = shape & 2 != 0
        encoder.hasBareTime = shape & 4 != 0
        // Arbitrary messages in a frame with a correct checksum.
        if shape >= 240 { return encoder.framed(bytes(atMost: 255)) }
        let server = server()
        let entries = (0..<number(below: 14)).map { _ in entry() }
        return encoder.telegram(server: server, entries, number: UInt32(byte()))
    }

    private mutating func server() -> [UInt8] {
        let number: UInt8 = pick([1, 1, 1, 2])
        switch self.number(below: 6) {
        case 0: return []
        case 1: return [UInt8](repeating: byte(), count: self.number(below: 200))
        case 2: return bytes(atMost: 12)
        case 3: return [0x0A, 0x01] + Array("DZG".utf8) + [0, 0x02, 0x80, 0xDE, 0x80 + number]
        default: return [0x0A, 0x01] + Array("ISK".utf8) + [0, 0, 0, 0, number]
        }
    }

    private mutating func entry() -> SMLEncoder.Entry {
        let code = code()
        let value: SMLEncoder.Value =
            switch number(below: 8) {
            case 0: .octets(Array(word().utf8))
            case 1: .octets([UInt8](repeating: byte(), count: Int(byte())))
            case 2: .unsigned(UInt64(bitPattern: integer()), width: 8)
            case 3: .time(UInt32(byte()))
            case 4: .missing
            default: .signed(integer(), width: 8)
            }
        let units: [UInt8?] = [30, 30, 30, 27, 27, 35, 33, 13, 32, 31, 44, nil, 0, 255, 29]
        let unit = number(below: 16) == 15 ? byte() : pick(units)
        let scalers: [Int8?] = [-1, 0, 3, -3, nil, -12, 9, .min, .max]
        let scaler = number(below: 16) == 15 ? Int8(bitPattern: byte()) : pick(scalers)
        return SMLEncoder.Entry(code, value, unit: unit, scaler: scaler, status: pick([nil, 0x1C0104, 0xA2, 0x80]))
    }

    // MARK: P1

    mutating func p1Telegram() -> [UInt8] {
        let identification = pick(["/XYZ5\\2M550", "/XYZ5\\2M550", "/ABC5" + word()])
        let check: P1Encoder.Check = pick([.padded, .padded, .unpadded, .none])
        var lines: [String] = check == .none ? [] : ["1-3:0.2.8(50)"]
        for _ in 0..<number(below: 12) { lines += p1Lines() }
        return P1Encoder.telegram(identification, lines, check: check)
    }

    private mutating func p1Lines() -> [String] {
        switch number(below: 8) {
        case 0: return ["0-0:96.1.1(\(hex(word())))"]
        case 1, 2: return subMeter(channel: pick([1, 1, 2, 3, 4, byte()]))
        case 3: return (0...255).flatMap { subMeter(channel: UInt8($0)) }.prefix(number(below: 3) == 0 ? 600 : 4).map { $0 }
        case 4: return ["1-0:\(pick(["1.8.1", "1.8.2", "2.8.1", "2.8.2", "1.8.0", "2.8.0"]))(\(decimal())*\(pick(["kWh", "Wh", "GJ"])))"]
        case 5:
            return ["1-0:\(pick(["1.7.0", "2.7.0", "21.7.0", "22.7.0", "32.7.0", "31.7.0"]))(\(decimal())*\(pick(["kW", "W", "V", "A"])))"]
        case 6: return ["0-0:96.13.0(\(String(repeating: "41", count: 4 * Int(byte()))))", "0-0:96.14.0(0001)"]
        default:
            return [
                String(decoding: bytes(atMost: 60).map { 0x20 + ($0 & 0x7F) % 0x5F }.filter { $0 != 0x21 && $0 != 0x2F }, as: UTF8.self)
            ]
        }
    }

    private mutating func subMeter(channel: UInt8) -> [String] {
        let unit = pick(["m3", "m3", "GJ", "kWh", "m3/h"])
        var lines = ["0-\(channel):24.1.0(\(pick(["003", "003", "004", "007", "012", "999999999999999999999"])))"]
        if number(below: 3) > 0 { lines.append("0-\(channel):96.1.\(number(below: 2))(\(hex(word())))") }
        return lines + ["0-\(channel):24.2.1(\(pick(["240101000000W", "991399256199S", "000000000000W"])))(\(decimal())*\(unit))"]
    }

    private func hex(_ text: String) -> String { text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }

    // MARK: IEC 62056-21

    /// The lines of a readout between the identification and the `!`.
    mutating func dataLines() -> String {
        var text = ""
        for _ in 0..<number(below: 14) {
            let code = code()
            let unit = pick(["*kWh", "*Wh", "", "*kW", "*W", "*V", "*kvarh", "*m3"])
            let isText = [0, 96, 97].contains(code.c)
            text += "\(pick([code.printed, code.description]))(\(isText ? content() : decimal() + unit))\r\n"
        }
        return text
    }

    mutating func content() -> String {
        let texts = ["250101", "251332", "999999", "235959", "000000", "12:30:61", "0"]
        return number(below: 2) == 0 ? pick(texts) : word().filter { !"()/!".contains($0) }
    }

    mutating func modeDTelegram() -> [UInt8] {
        let start = "/EBZ5DD32R06DTA_107\r\n\r\n"
        let serial = pick([
            "1-0:96.1.0*255(1EBZ0100000042)\r\n", "1-0:96.1.0*255(1EBZ0100000043)\r\n", "", "0-0:96.1.255(\(content()))\r\n",
        ])
        let total = "1-0:1.8.0*255(\(decimal())*kWh)\r\n"
        return Array((start + serial + total + dataLines() + "!\r\n").utf8)
    }
}
