import MeterProtocols

/// Encodes P1 telegrams.
package enum P1Encoder {
    package enum Check: Sendable {
        case padded
        /// A checksum without leading zeros, as the WarmteLink sends it.
        case unpadded
        /// No checksum, as in DSMR 2 and 3.
        case none
    }

    package static func telegram(_ identification: String, _ lines: [String], check: Check = .padded) -> [UInt8] {
        let bytes = Array((identification + "\r\n\r\n" + lines.map { $0 + "\r\n" }.joined() + "!").utf8)
        let crc = String(CRC16.arc(bytes[...]), radix: 16, uppercase: true)
        let digits =
            switch check {
            case .padded: String(repeating: "0", count: 4 - crc.utf8.count) + crc
            case .unpadded: crc
            case .none: ""
            }
        return bytes + Array((digits + "\r\n").utf8)
    }
}
