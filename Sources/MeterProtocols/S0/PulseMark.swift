import Metering

/// The count of an input, and the edge of a line request up to which it was counted. Any process that takes over the request continues
/// from there, and neither loses a pulse nor counts one twice.
@usableFromInline
package struct PulseMark: Sendable, Hashable {
    /// Every pulse ever counted on this input.
    @usableFromInline package var pulses: Int64
    @usableFromInline package var request: UInt64
    @usableFromInline package var position: LinePosition

    @inlinable package init(pulses: Int64, request: UInt64, position: LinePosition) {
        self.pulses = pulses
        self.request = request
        self.position = position
    }

    @inlinable static var title: UInt64 { 0x6A6F_756C_6564_0002 }
    package static let size = 48

    /// The binary form that is written at every pulse; the last word is a checksum of the others.
    @usableFromInline package typealias Words = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

    @inlinable package var words: Words {
        let words: Words = (
            Self.title, UInt64(bitPattern: pulses), request, position.number, UInt64(bitPattern: position.since), 0
        )
        return (words.0, words.1, words.2, words.3, words.4, Self.check(words))
    }

    /// Each step of the checksum is reversible, so a change in a single word is always detected.
    @inlinable static func check(_ words: Words) -> UInt64 {
        var check: UInt64 = 0
        mix(&check, words.0)
        mix(&check, words.1)
        mix(&check, words.2)
        mix(&check, words.3)
        mix(&check, words.4)
        return check
    }

    @inlinable static func mix(_ check: inout UInt64, _ word: UInt64) {
        check = (check ^ word) &* 0x9E37_79B9_7F4A_7C15
        check ^= check >> 32
    }

    /// `nil` if the words are corrupted.
    package init?(_ words: Words) {
        self.init(
            pulses: Int64(bitPattern: words.1), request: words.2,
            position: LinePosition(number: words.3, since: Int64(bitPattern: words.4)))
        // No input ever counts this many pulses, and a total computed from them could not be read back.
        guard words.0 == Self.title, words.5 == Self.check(words), (0..<1_000_000_000_000_000).contains(pulses) else { return nil }
    }
}
