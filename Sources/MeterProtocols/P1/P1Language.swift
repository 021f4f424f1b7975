import Metering

extension Language {
    static let p1 = Language(
        name: .p1, title: "P1", speeds: [ListeningSpeed(.b115200), ListeningSpeed(.b9600)], decoder: { P1Decoder() },
        detector: { P1Decoder(mustBeCertain: true) }, isUnmistakable: P1Block.isUnmistakable,
        mayStart: { $0.first.map { $0 & 0x7F } == UInt8(ascii: "/") },
        mask: { TextMask($0, isP1: true) })
}
