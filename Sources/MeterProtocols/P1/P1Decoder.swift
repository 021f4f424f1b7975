import Metering

/// The customer port of Dutch, Belgian and Luxembourg meters (DSMR 2.2 to 5, e-MUCS): `/identification`, an empty line, data lines, `!`,
/// and from DSMR 4 on a CRC of the whole telegram in up to four hex digits.
package struct P1Decoder: PushDecoder {
    package static let longestTelegram = 16 * 1024

    private enum State {
        /// Looking for `/`.
        case idle
        case lines
        /// After the `!`.
        case check
    }

    private var state = State.idle
    /// Everything from the `/` on.
    private var telegram: [UInt8] = []
    private var isAtLineStart = false
    /// Where the digits after the `!` begin.
    private var checkStart = 0
    /// The last `/` inside a line: the telegram may have been cut off there, and the next one may have begun.
    private var hiddenStart: Int?
    /// Accepts a telegram without CRC only if it looks like DSMR 2 or 3, because otherwise it may be mode D of IEC 62056-21.
    private let mustBeCertain: Bool
    private var found: [Finding] = []
    private var now = Instant(nanoseconds: 0)

    package init(mustBeCertain: Bool = false) { self.mustBeCertain = mustBeCertain }

    package mutating func push(_ bytes: [UInt8], at now: Instant) -> [Finding] {
        self.now = now
        var index = 0
        while true {
            index = takePlain(bytes, from: index)
            guard index < bytes.count else { break }
            step(bytes[index])
            index += 1
        }
        defer { found = [] }
        return found
    }

    package mutating func finish() -> [Finding] {
        if state == .check { end() }
        if state != .idle { note(.cutOff) }
        defer { self = P1Decoder(mustBeCertain: mustBeCertain) }
        return found
    }

    /// Fast path for most bytes: skips those between telegrams, and appends those within a line.
    private mutating func takePlain(_ bytes: [UInt8], from start: Int) -> Int {
        var index = start
        switch state {
        case .idle:
            while index < bytes.count, bytes[index] & 0x7F != UInt8(ascii: "/") { index += 1 }
        case .lines where !isAtLineStart:
            let end = min(bytes.count, start + Self.longestTelegram - telegram.count)
            while index < end, case let character = bytes[index] & 0x7F, character != UInt8(ascii: "/"), character != ControlCharacter.cr,
                character != ControlCharacter.lf
            { index += 1 }
            telegram += bytes[start..<index]
        default: break
        }
        return index
    }

    private mutating func step(_ byte: UInt8) {
        let character = byte & 0x7F
        switch state {
        case .idle:
            if character == UInt8(ascii: "/") { start(byte) }
        case .lines:
            if character == UInt8(ascii: "/") {
                if isAtLineStart {
                    note(.cutOff)
                    return start(byte)
                }
                hiddenStart = telegram.count
            }
            telegram.append(byte)
            if isAtLineStart, character == UInt8(ascii: "!") {
                state = .check
                checkStart = telegram.count
            }
            isAtLineStart = character == ControlCharacter.cr || character == ControlCharacter.lf
            if telegram.count > Self.longestTelegram { fail(.tooLong) }
        case .check:
            if character == ControlCharacter.cr || character == ControlCharacter.lf { return end() }
            guard character != UInt8(ascii: "/") else {
                end()
                return start(byte)
            }
            telegram.append(byte)
            if telegram.count > checkStart + 4 || !isHex(character) { fail(.wrongCheck) }
        }
    }

    private mutating func start(_ byte: UInt8) {
        state = .lines
        telegram.removeAll(keepingCapacity: true)
        telegram.append(byte)
        isAtLineStart = false
        hiddenStart = nil
    }

    /// Scans again from the `/` inside a line, if there was one. It is the last `/` in these bytes, so no byte is scanned a third time.
    private mutating func fail(_ noise: Finding.Noise) {
        note(noise)
        state = .idle
        guard let hiddenStart else { return }
        for byte in Array(telegram[hiddenStart...]) { step(byte) }
    }

    private mutating func note(_ noise: Finding.Noise) {
        // A telegram without a CRC may belong to another protocol, whose decoder then reports the noise.
        let hasCheck = state == .check && telegram.count > checkStart
        if hasCheck || !mustBeCertain { found.append(.noise(noise)) }
    }

    private mutating func end() {
        let digits = telegram[checkStart...].map { $0 & 0x7F }
        let isChecked = !digits.isEmpty
        guard !isChecked || passes(UInt16(String(decoding: digits, as: UTF8.self), radix: 16)) else { return failAtEnd(.wrongCheck) }
        // In 7E1 characters that were read as 8N1, bit 7 is the parity of every character; otherwise it is set in none.
        guard isChecked || !telegram.contains(where: { $0 >= 0x80 }) || telegram.allSatisfy({ $0.nonzeroBitCount % 2 == 0 }) else {
            return failAtEnd(.wrongParity)
        }
        let text = telegram[..<checkStart].map { $0 & 0x7F }
        let lineEnd = text.firstIndex { $0 == ControlCharacter.cr || $0 == ControlCharacter.lf } ?? text.endIndex
        guard let identification = Identification(line: text[..<lineEnd]) else { return failAtEnd(.malformed) }
        let contents = P1Block.parse(text, in: lineEnd..<(checkStart - 1), strict: !isChecked)
        let registers = contents.registers
        if !isChecked {
            guard contents.badLines == 0 else { return failAtEnd(.corruptLine) }
            guard !P1Block.hasVersion(registers) else { return failAtEnd(.wrongCheck) }
            guard !mustBeCertain || P1Block.isUnmistakable(registers) else { return state = .idle }
        }
        defer { state = .idle }
        guard !registers.isEmpty else { return note(.withoutRegisters) }
        var readout = Readout(registers, manufacturer: identification.manufacturer, model: identification.model, at: now)
        readout.source = .p1
        readout.serial = P1Block.serial(registers)
        readout.isChecked = isChecked
        if !isChecked {
            readout.hasParity = telegram.contains { $0 >= 0x80 }
            readout.shapes = contents.shapes
        }
        found.append(.readout(readout))
        if contents.badLines > 0 { note(.unreadableLines(contents.badLines)) }
    }

    /// Fails at the end of a telegram, which may also be the end of the telegram that began inside a line.
    private mutating func failAtEnd(_ noise: Finding.Noise) {
        let hadHiddenStart = hiddenStart != nil
        fail(noise)
        if hadHiddenStart, state == .check { end() }
    }

    private func passes(_ check: UInt16?) -> Bool {
        guard let check else { return false }
        let bytes = telegram[..<checkStart]
        if CRC16.arc(bytes) == check { return true }
        // A tty that maps CR to LF, or an editor, has removed the CRs.
        guard !bytes.contains(ControlCharacter.cr) else { return false }
        let lines = bytes.split(separator: ControlCharacter.lf, omittingEmptySubsequences: false)
        let whole = Array(lines.joined(separator: [ControlCharacter.cr, ControlCharacter.lf]))
        if CRC16.arc(whole[...]) == check { return true }
        guard lines.count > 2, lines.count % 2 == 1 else { return false }
        let doubled = lines.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        return CRC16.arc(Array(doubled.joined(separator: [ControlCharacter.cr, ControlCharacter.lf]))[...]) == check
    }

    private func isHex(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}
