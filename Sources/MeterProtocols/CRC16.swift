/// The CRC-16 variants that meters use, all of them processed with the low bit first.
package enum CRC16 {
    /// SML: CRC-16/X-25, check value of "123456789": 906E.
    package static func x25(_ bytes: ArraySlice<UInt8>) -> UInt16 { ~ccitt.of(bytes, start: 0xFFFF) }
    /// SML from some Holley meters: CRC-16/KERMIT, check value 2189.
    package static func kermit(_ bytes: ArraySlice<UInt8>) -> UInt16 { ccitt.of(bytes, start: 0) }
    /// P1: CRC-16/ARC, check value BB3D.
    package static func arc(_ bytes: ArraySlice<UInt8>) -> UInt16 { ansi.of(bytes, start: 0) }

    private static let ccitt = Table(polynomial: 0x8408)
    private static let ansi = Table(polynomial: 0xA001)

    /// Processes eight bytes at a time, with one table per byte position: a byte's effect on the remainder after the bytes that follow it.
    private struct Table {
        private let entries: [UInt16]

        init(polynomial: UInt16) {
            var entries = [UInt16](repeating: 0, count: 8 * 256)
            for byte in 0..<256 {
                var remainder = UInt16(byte)
                for _ in 0..<8 { remainder = remainder & 1 == 1 ? remainder >> 1 ^ polynomial : remainder >> 1 }
                entries[byte] = remainder
            }
            for index in 256..<entries.count {
                let before = entries[index - 256]
                entries[index] = before >> 8 ^ entries[Int(before & 0xFF)]
            }
            self.entries = entries
        }

        func of(_ bytes: ArraySlice<UInt8>, start: UInt16) -> UInt16 {
            var remainder = start
            var index = bytes.startIndex
            while index + 8 <= bytes.endIndex {
                remainder ^= UInt16(bytes[index]) | UInt16(bytes[index + 1]) << 8
                remainder = entries[1792 + Int(remainder & 0xFF)] ^ entries[1536 + Int(remainder >> 8)]
                remainder ^= entries[1280 + Int(bytes[index + 2])] ^ entries[1024 + Int(bytes[index + 3])]
                remainder ^= entries[768 + Int(bytes[index + 4])] ^ entries[512 + Int(bytes[index + 5])]
                remainder ^= entries[256 + Int(bytes[index + 6])] ^ entries[Int(bytes[index + 7])]
                index += 8
            }
            while index < bytes.endIndex {
                remainder = remainder >> 8 ^ entries[Int((remainder ^ UInt16(bytes[index])) & 0xFF)]
                index += 1
            }
            return remainder
        }
    }
}
