import Metering

/// Decodes with every language at once. Readouts are accepted from any decoder, because only the right one can read a telegram.
/// Noise is reported only from the decoder that delivered the last readout: to the other decoders everything is noise.
package struct AutoDecoder: PushDecoder {
    /// How many findings per language are kept until the first readout shows which language the meter uses.
    private static let mostWaiting = 64

    private struct Candidate {
        let language: Language
        var decoder: any PushDecoder
        var waiting: [Finding] = []
    }

    /// In reverse order of the table, so that mode D, which has the weakest check, comes last.
    private var candidates = Language.all.reversed().compactMap { row in row.detector.map { Candidate(language: row, decoder: $0()) } }
    private var current: Int?

    package init() {}

    package mutating func push(_ bytes: [UInt8], at now: Instant) -> [Finding] {
        var found: [Finding] = []
        for place in candidates.indices { take(candidates[place].decoder.push(bytes, at: now), from: place, into: &found) }
        return found
    }

    package mutating func finish() -> [Finding] {
        var found: [Finding] = []
        for place in candidates.indices { take(candidates[place].decoder.finish(), from: place, into: &found) }
        // Nothing could be read: report the noise of the first language that found any.
        if current == nil { found += candidates.first { !$0.waiting.isEmpty }?.waiting ?? [] }
        self = AutoDecoder()
        return found
    }

    private mutating func take(_ findings: [Finding], from place: Int, into found: inout [Finding]) {
        for finding in findings {
            switch finding {
            case .readout(let readout):
                guard readout.isChecked || !isAnothers(readout, than: place) else { continue }
                if current != place {
                    if current == nil { found += candidates[place].waiting }
                    for index in candidates.indices { candidates[index].waiting = [] }
                    current = place
                }
                found.append(finding)
            case .noise where place == current: found.append(finding)
            case .noise where current == nil && candidates[place].waiting.count < Self.mostWaiting:
                candidates[place].waiting.append(finding)
            case .noise: break
            }
        }
    }

    /// A DSMR 2 or 3 telegram that lacks its end looks like a mode D telegram.
    private func isAnothers(_ readout: Readout, than place: Int) -> Bool {
        candidates.indices.contains { $0 != place && candidates[$0].language.isUnmistakable(readout.registers) }
    }
}
