import MeterProtocols
import Metering

/// Encodes SML telegrams as meters push them, including the differences between meters.
package struct SMLEncoder: Sendable {
    package enum Value: Sendable {
        case octets([UInt8])
        case signed(Int64, width: Int)
        case unsigned(UInt64, width: Int)
        case time(UInt32)
        case missing
    }

    package struct Entry: Sendable {
        package var code: OBISCode
        package var value: Value
        /// The DLMS number of the unit: 30 is Wh, 27 is W.
        package var unit: UInt8?
        package var scaler: Int8?
        package var status: UInt32?

        package init(_ code: OBISCode, _ value: Value, unit: UInt8? = nil, scaler: Int8? = nil, status: UInt32? = nil) {
            self.code = code
            self.value = value
            self.unit = unit
            self.scaler = scaler
            self.status = status
        }
    }

    package enum Check: Sendable { case x25, kermit }

    package var check = Check.x25
    /// Encodes the messages' tags in four bytes instead of two.
    package var hasWideTags = false
    /// Encodes the time as a plain number instead of a choice.
    package var hasBareTime = false
    /// The number of fill bytes beyond those that the frame needs.
    package var extraFill = 0

    package init() {}

    /// A complete frame with the messages open response, list and close response.
    package func telegram(server: [UInt8], _ entries: [Entry], number: UInt32 = 1) -> [UInt8] {
        framed(payload(server: server, entries, number: number))
    }

    /// The messages without the transport frame.
    package func payload(server: [UInt8], _ entries: [Entry], number: UInt32 = 1) -> [UInt8] {
        let open = list([missing, missing, octets([0, 0, 1]), octets(server), missing, missing])
        let values = list(
            [
                missing, octets(server), octets([0x01, 0x00, 0x62, 0x0A, 0xFF, 0xFF]), time(number), list(entries.map(entry)), missing,
                missing,
            ])
        return message(0x0101, open, number) + message(0x0701, values, number) + message(0x0201, list([missing]), number)
    }

    /// Puts escape sequences, fill bytes, end and CRC around any payload.
    package func framed(_ payload: [UInt8]) -> [UInt8] {
        var frame: [UInt8] = [0x1B, 0x1B, 0x1B, 0x1B, 0x01, 0x01, 0x01, 0x01]
        var run = 0
        for byte in payload {
            frame.append(byte)
            run = byte == 0x1B ? run + 1 : 0
            if run == 4 {
                frame += [0x1B, 0x1B, 0x1B, 0x1B]
                run = 0
            }
        }
        let fill = (4 - frame.count % 4) % 4 + extraFill
        frame += [UInt8](repeating: 0, count: fill)
        frame += [0x1B, 0x1B, 0x1B, 0x1B, 0x1A, UInt8(fill)]
        return frame + transmitted(frame)
    }

    private func transmitted(_ bytes: [UInt8]) -> [UInt8] {
        let crc = check == .x25 ? CRC16.x25(bytes[...]).byteSwapped : CRC16.kermit(bytes[...])
        return [UInt8(crc >> 8), UInt8(crc & 0xFF)]
    }

    private func message(_ tag: UInt16, _ content: [UInt8], _ number: UInt32) -> [UInt8] {
        let tag = hasWideTags ? unsigned(UInt64(tag), 4) : unsigned(UInt64(tag), 2)
        let transaction = octets((0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) })
        let checked = [0x76] + transaction + unsigned(0, 1) + unsigned(0, 1) + list([tag, content])
        let crc = transmitted(checked)
        // A leading zero byte of the CRC may be omitted, and some meters omit it.
        return checked + (crc[0] == 0 ? [0x62, crc[1]] : [0x63] + crc) + [0]
    }

    private func entry(_ entry: Entry) -> [UInt8] {
        let code = entry.code
        let value =
            switch entry.value {
            case .octets(let bytes): octets(bytes)
            case .signed(let number, let width): integer(5, UInt64(bitPattern: number), width)
            case .unsigned(let number, let width): unsigned(number, width)
            case .time(let seconds): time(seconds)
            case .missing: missing
            }
        return list([
            octets([code.a, code.b, code.c, code.d, code.e, code.f]),
            entry.status.map { unsigned(UInt64($0), $0 > 0xFFFF ? 4 : 2) } ?? missing,
            missing, entry.unit.map { unsigned(UInt64($0), 1) } ?? missing,
            entry.scaler.map { integer(5, UInt64(UInt8(bitPattern: $0)), 1) } ?? missing, value, missing,
        ])
    }

    private func time(_ seconds: UInt32) -> [UInt8] {
        let number = unsigned(UInt64(seconds), 4)
        return hasBareTime ? number : list([unsigned(1, 1), number])
    }

    private let missing: [UInt8] = [0x01]

    private func octets(_ bytes: [UInt8]) -> [UInt8] {
        bytes.count < 15
            ? [UInt8(bytes.count + 1)] + bytes : [0x80 | UInt8((bytes.count + 2) >> 4), UInt8((bytes.count + 2) & 0xF)] + bytes
    }

    private func list(_ elements: [[UInt8]]) -> [UInt8] {
        let count = elements.count
        return (count < 16 ? [0x70 | UInt8(count)] : [0xF0 | UInt8(count >> 4), UInt8(count & 0xF)]) + elements.joined()
    }

    private func unsigned(_ number: UInt64, _ width: Int) -> [UInt8] { integer(6, number, width) }

    private func integer(_ kind: UInt8, _ number: UInt64, _ width: Int) -> [UInt8] {
        [kind << 4 | UInt8(width + 1)] + (0..<width).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64(width - 1 - $0))) }
    }
}
