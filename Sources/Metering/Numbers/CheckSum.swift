/// CRC-32 (IEEE 802.3), which detects truncated or corrupted records.
package enum CheckSum {
    private static let table = (0..<256).map { (index: UInt32) in
        var crc = index
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        return crc
    }

    package static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes { crc = crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] }
        return ~crc
    }
    /// Appends a last line `check …` with the checksum of the body, which detects a truncated or corrupted record.
    package static func sealed(_ body: String) -> String {
        let check = String(crc32(Array(body.utf8)), radix: 16)
        return body + "check " + String(repeating: "0", count: 8 - check.utf8.count) + check + "\n"
    }
}
