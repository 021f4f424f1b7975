import MeterProtocols

/// Raw SML elements, for telegrams that `SMLEncoder` can't produce.
enum RawSML {
    static let missing: [UInt8] = [0x01]

    static func list(_ elements: [[UInt8]]) -> [UInt8] { [0x70 | UInt8(elements.count)] + elements.joined() }

    static func octets(_ bytes: [UInt8]) -> [UInt8] {
        bytes.count < 15
            ? [UInt8(bytes.count + 1)] + bytes : [0x80 | UInt8((bytes.count + 2) >> 4), UInt8((bytes.count + 2) & 0xF)] + bytes
    }

    /// `check` returns the checksum's element.
    static func message(_ tag: UInt8, _ content: [UInt8], check: (ArraySlice<UInt8>) -> [UInt8] = x25) -> [UInt8] {
        let checked = [0x76] + octets([0, 0, 0, 1]) + [0x62, 0, 0x62, 0] + list([[0x63, tag, 0x01], content])
        return checked + check(checked[...]) + [0]
    }

    static func x25(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        let crc = CRC16.x25(bytes).byteSwapped
        return [0x63, UInt8(crc >> 8), UInt8(crc & 0xFF)]
    }
}
