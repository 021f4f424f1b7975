import Metering

/// Listens for every protocol at once. Readouts of all of them are taken, because only the right one can read a telegram;
/// noise is heard of the protocol that was read last, because to the others everything is noise.
package struct AutoDecoder: PushDecoder {
    /// How much noise is kept until it is known whose it is.
    private static let mostWaiting = 64

    private var sml = SMLDecoder()
    private var p1 = P1Decoder(mustBeCertain: true)
    private var iec = IECDecoder()
    private var current: Language?
    private var waiting: [Language: [Finding]] = [:]

    private enum Language: CaseIterable { case sml, p1, iec }

    package init() {}

    package mutating func push(_ bytes: [UInt8], at now: Instant) -> [Finding] {
        hear([.sml: sml.push(bytes, at: now), .p1: p1.push(bytes, at: now), .iec: iec.push(bytes, at: now)])
    }

    package mutating func finish() -> [Finding] {
        var found = hear([.sml: sml.finish(), .p1: p1.finish(), .iec: iec.finish()])
        // Nothing could be read: the first that believes it heard its own says what is wrong.
        if current == nil, let first = Language.allCases.first(where: { waiting[$0]?.isEmpty == false }) { found += waiting[first] ?? [] }
        self = AutoDecoder()
        return found
    }

    private mutating func hear(_ heard: [Language: [Finding]]) -> [Finding] {
        var found: [Finding] = []
        for language in Language.allCases {
            for finding in heard[language] ?? [] {
                switch finding {
                case .readout(let readout):
                    // Without its end a telegram of DSMR 2 and 3 is one of mode D.
                    guard language != .iec || readout.isChecked || !P1Block.isUnmistakable(readout.registers) else { continue }
                    if current != language {
                        if current == nil { found += waiting[language] ?? [] }
                        waiting = [:]
                        current = language
                    }
                    found.append(finding)
                case .noise where language == current: found.append(finding)
                case .noise where current == nil && waiting[language, default: []].count < Self.mostWaiting:
                    waiting[language, default: []].append(finding)
                case .noise: break
                }
            }
        }
        return found
    }
}

/// What is listened for where nothing is said, and where something is.
package func pushDecoder(for name: MeterProtocol?) -> any PushDecoder {
    switch name {
    case nil: AutoDecoder()
    case .sml: SMLDecoder()
    case .p1: P1Decoder()
    case .iec62056, .d0Push: IECDecoder()
    }
}
