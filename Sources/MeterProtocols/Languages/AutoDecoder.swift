import Metering

/// Decodes with every protocol at once. Readouts of all of them are accepted, because only the right decoder can read a telegram.
/// Noise is reported only from the protocol that was read last: to the other decoders everything is noise.
package struct AutoDecoder: PushDecoder {
    /// How many findings per protocol are kept until the first readout shows which protocol it is.
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
        // Nothing could be read: report the noise of the first protocol that found any.
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
                    // A telegram of DSMR 2 or 3 without its end looks like one of mode D.
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

/// The decoder for a protocol; with `nil`, one that detects it.
package func pushDecoder(for name: MeterProtocol?) -> any PushDecoder {
    switch name {
    case nil: AutoDecoder()
    case .sml: SMLDecoder()
    case .p1: P1Decoder()
    case .iec62056, .d0Push: IECDecoder()
    }
}
