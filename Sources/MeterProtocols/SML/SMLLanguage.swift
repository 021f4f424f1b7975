import Metering

extension Language {
    static let sml = Language(
        name: .sml, title: "SML", speeds: [.usual], decoder: { SMLDecoder() }, detector: { SMLDecoder() },
        mayStart: { $0.starts(with: [0x1B, 0x1B, 0x1B, 0x1B, 0x01, 0x01, 0x01, 0x01]) }, mask: { SMLMask($0) })
}
