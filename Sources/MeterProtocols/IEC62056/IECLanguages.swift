import Metering

extension Language {
    /// Modes A, B and C.
    static let iec62056 = Language(
        name: .iec62056, title: "IEC 62056-21", speeds: [.usual], decoder: { IECDecoder() }, session: { ReadoutSession(plan: $0) },
        mayStart: mayStartIEC, mask: { TextMask($0, isP1: false) })

    /// Mode D.
    static let d0Push = Language(
        name: .d0Push, title: "IEC 62056-21 mode D", speeds: [.usual, ListeningSpeed(.b2400)], decoder: { IECDecoder() },
        detector: { IECDecoder() }, mayStart: mayStartIEC,
        mask: { TextMask($0, isP1: false) })

    private static let mayStartIEC: @Sendable (ArraySlice<UInt8>) -> Bool = { bytes in
        guard let first = bytes.first.map({ $0 & 0x7F }) else { return false }
        return first == UInt8(ascii: "/") || first == ControlCharacter.soh || first == ControlCharacter.stx
    }
}
