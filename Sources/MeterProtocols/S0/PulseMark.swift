import Metering

/// The count of an input, and where it stands in the edges of the request that it was made from: whoever goes on with that request, be it
/// another process, neither loses a pulse nor counts one twice.
package struct PulseMark: Sendable, Hashable {
    /// Every pulse ever counted on this input.
    package var pulses: Int64
    package var request: UInt64
    package var position: LinePosition

    package init(pulses: Int64, request: UInt64, position: LinePosition) {
        self.pulses = pulses
        self.request = request
        self.position = position
    }

    private static let title: UInt64 = 0x6A6F_756C_6564_0001
    /// No time of the monotonic clock.
    private static let inactive = Int64.min
    private static let words = 5
    /// The words and their check sum.
    package static let size = words * 8 + 4

    /// It is written at every pulse, so it is no text.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.size)
        Self.append(Self.title, to: &bytes)
        Self.append(UInt64(bitPattern: pulses), to: &bytes)
        Self.append(request, to: &bytes)
        Self.append(position.number, to: &bytes)
        Self.append(UInt64(bitPattern: position.activeSince?.nanoseconds ?? Self.inactive), to: &bytes)
        Self.append(UInt64(CheckSum.crc32(bytes)), count: 4, to: &bytes)
        return bytes
    }

    private static func append(_ word: UInt64, count: UInt64 = 8, to bytes: inout [UInt8]) {
        for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: word >> (8 * index))) }
    }

    /// `nil` unless every byte is as it was written.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size else { return nil }
        let words = (0..<Self.words).map { word in
            bytes[word * 8..<word * 8 + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        let activeSince = Int64(bitPattern: words[4])
        self.init(
            pulses: Int64(bitPattern: words[1]), request: words[2],
            position: LinePosition(number: words[3], activeSince: activeSince == Self.inactive ? nil : Instant(nanoseconds: activeSince)))
        guard words[0] == Self.title, pulses >= 0, self.bytes == bytes else { return nil }
    }
}
