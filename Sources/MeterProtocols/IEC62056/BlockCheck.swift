/// The control characters of IEC 62056-21.
package enum ControlCharacter {
    package static let soh: UInt8 = 0x01
    package static let stx: UInt8 = 0x02
    package static let etx: UInt8 = 0x03
    package static let eot: UInt8 = 0x04
    package static let ack: UInt8 = 0x06
    package static let lf: UInt8 = 0x0A
    package static let cr: UInt8 = 0x0D
    package static let nak: UInt8 = 0x15
}

@usableFromInline
package enum BlockCheck {
    /// The block check character: the exclusive or of all 7-bit characters after the first SOH or STX, up to and including ETX or EOT.
    /// An STX inside an SOH message is included. Bit 7 is masked out: if 7E1 was read as 8N1, it is the parity.
    @inlinable
    package static func of(_ bytes: some Sequence<UInt8>) -> UInt8 { bytes.reduce(0, ^) & 0x7F }
}
