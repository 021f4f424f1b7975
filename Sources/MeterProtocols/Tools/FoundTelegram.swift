import Metering

/// A telegram and its place in a recording.
struct FoundTelegram {
    private static let longest = 32 * 1024
    private static let piece = 256
    /// How many possible beginnings of a telegram are tried: a dialogue, or a readout in several blocks, has more than one. If none of them
    /// is the right one, the telegram is left out.
    private static let beginningsTried = 64

    var range: Range<Int>
    var readout: Readout

    /// Finds all telegrams: the decoder shows the end of each one, and its beginning is searched backwards from there.
    static func all(in bytes: [UInt8], _ name: MeterProtocol?) -> [FoundTelegram] {
        var decoder = pushDecoder(for: name)
        var found: [FoundTelegram] = []
        var from = 0
        func note(_ findings: [Finding], at end: Int) {
            for case .readout(let readout) in findings {
                let telegram = FoundTelegram(readout, endingAt: end, notBefore: from, bytes)
                if let telegram { found.append(telegram) }
                // Even if its beginning was not found, the next telegram can't begin before this one's end.
                from = telegram?.range.upperBound ?? max(from, end - 1)
            }
        }
        for start in stride(from: 0, to: bytes.count, by: piece) {
            let end = min(start + piece, bytes.count)
            var slow = decoder
            guard decoder.push(Array(bytes[start..<end]), at: readoutTime).contains(where: \.isReadout) else { continue }
            for index in start..<end { note(slow.push([bytes[index]], at: readoutTime), at: index + 1) }
        }
        note(decoder.finish(), at: bytes.count)
        return found
    }

    private static let readoutTime = Instant(nanoseconds: 0)

    private init?(_ readout: Readout, endingAt end: Int, notBefore first: Int, _ bytes: [UInt8]) {
        self.readout = readout
        let earliest = max(first, end - Self.longest)
        guard earliest < end else { return nil }
        let language = Language.named(readout.source)
        let all = (earliest..<end).reversed().lazy.filter { language.mayStart(bytes[$0...]) }
        let starts = Array(all.prefix(Self.beginningsTried))
        // An answer within a session decodes without the meter's identification, because it does not repeat it.
        guard
            let start = starts.first(where: { Self.decoded(bytes[$0..<end], readout.source) == readout })
                ?? starts.first(where: { Self.decoded(bytes[$0..<end], readout.source)?.registers == readout.registers })
        else { return nil }
        // Some telegrams are only known to be complete when the first byte of the next one arrives.
        let isOver = Self.decoded(bytes[start..<(end - 1)], readout.source)?.registers == readout.registers
        let last = bytes[end - 1] & 0x7F
        range = start..<(isOver && last != ControlCharacter.cr && last != ControlCharacter.lf ? end - 1 : end)
    }

    /// The readout, if these bytes contain exactly one.
    private static func decoded(_ bytes: ArraySlice<UInt8>, _ source: MeterProtocol) -> Readout? {
        var decoder = pushDecoder(for: source)
        let findings = decoder.push(Array(bytes), at: readoutTime) + decoder.finish()
        let readouts = findings.compactMap { if case .readout(let readout) = $0 { readout } else { nil } }
        return readouts.count == 1 ? readouts[0] : nil
    }

    /// Whether the masked telegram decodes to the same values, except for names.
    func isSame(in masked: [UInt8]) -> Bool {
        guard let other = Self.decoded(masked[...], readout.source), other.registers.count == readout.registers.count,
            other.direction == readout.direction, other.isChecked == readout.isChecked
        else { return false }
        return zip(readout.registers, other.registers).allSatisfy { before, after in
            guard before.code == after.code else { return false }
            if case .text = before.value, case .text = after.value { return true }
            return before.value == after.value || before.code.isName
        }
    }
}

extension Finding {
    fileprivate var isReadout: Bool { if case .readout = self { true } else { false } }
}
