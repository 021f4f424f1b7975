import Metering

/// Finds the telegrams of IEC 62056-21 in recorded bytes: readouts of modes A, B and C, mode D, and the answers of a programming session,
/// with echoes, garbage and parity bits around and inside them. A corrupted telegram becomes noise and never a value.
///
/// A telegram that fails is scanned again from its second character on: its beginning may have been garbage that looked like a telegram.
/// When the budget for rescans is used up, the whole telegram is discarded; the telegrams after it are still found.
package struct IECDecoder: PushDecoder {
    package static let longestTelegram = 16 * 1024
    package static let longestLine = 256

    private enum State {
        /// Looking for `/`, STX or SOH.
        case idle
        case identification
        /// After an identification: STX, SOH, or the data lines of mode D.
        case lines
        /// After the `!` of data lines that had no blank line before them. If an ETX follows, the STX of these lines was lost.
        case ended
        case block, blockCheck
        case command, commandCheck
    }

    private var state = State.idle
    /// All raw bytes since the first one of the telegram (in `lines` and `ended`: since the `/`).
    private var pending: [UInt8] = []
    /// Where the current line and the first line begin in `pending`.
    private var lineStart = 0
    private var linesStart = 0
    private var hasLines = false
    /// The data sets of the last line; kept so that their memory can be reused.
    private var sets: [DataSet] = []
    private var isSkippingEcho = false
    /// Bytes to scan again, in reverse order. `mayStart`: if the byte is an STX, it may begin a block without an identification before it.
    private var again: [(byte: UInt8, mayStart: Bool)] = []
    private(set) var secondLooks = SecondLooks()
    private var found: [Finding] = []
    private var now = Instant(nanoseconds: 0)

    private var identification: Identification?
    /// The block follows its identification, so it is a complete readout and ends with `!`.
    private var isReadout = false
    /// The register of the last read command, if it has not been answered yet.
    private var question: OBISCode?
    /// The content of the previous blocks of this answer. They ended with EOT, so the next block continues them.
    private var earlierBlocks: [UInt8] = []

    package init() {}

    package mutating func push(_ bytes: [UInt8], at now: Instant) -> [Finding] {
        self.now = now
        secondLooks.earn(by: bytes.count)
        var index = 0
        while true {
            index = takePlain(bytes, from: index)
            guard index < bytes.count else { break }
            step(bytes[index], mayStart: true)
            if !again.isEmpty { drain() }
            index += 1
        }
        defer { found = [] }
        return found
    }

    /// Fast path for most bytes: skips those between telegrams that can't begin one, and appends those within a line.
    private mutating func takePlain(_ bytes: [UInt8], from start: Int) -> Int {
        var index = start
        switch state {
        case .idle:
            while index < bytes.count, !Self.isStart(bytes[index] & 0x7F) { index += 1 }
        case .block where lineStart < pending.count, .lines where lineStart < pending.count && !isSkippingEcho:
            let room = min(Self.longestTelegram - pending.count, Self.longestLine - (pending.count - lineStart))
            let end = min(bytes.count, start + max(0, room))
            while index < end, case let character = bytes[index] & 0x7F, character >= 0x20, character < 0x7F { index += 1 }
            pending += bytes[start..<index]
        default: break
        }
        return index
    }

    private static func isStart(_ character: UInt8) -> Bool {
        character == UInt8(ascii: "/") || character == ControlCharacter.soh || character == ControlCharacter.stx
    }

    package mutating func finish() -> [Finding] {
        while state != .idle {
            switch state {
            case .ended: deliverLines()
            case .lines where isEnd(lineStart..<pending.count): deliverLines()
            case .lines where !hasLines && lineStart == pending.count: state = .idle
            case .identification: state = .idle
            default: fail(.cutOff)
            }
            drain()
        }
        if !earlierBlocks.isEmpty { found.append(.noise(.cutOff)) }
        defer { self = IECDecoder() }
        return found
    }

    private mutating func drain() { while let next = again.popLast() { step(next.byte, mayStart: next.mayStart) } }

    private mutating func step(_ byte: UInt8, mayStart: Bool) {
        // Commands and lines are parsed without the parity bit. Parity is only checked if the telegram has no other check.
        let character = byte & 0x7F
        switch state {
        case .idle: startIfPossible(byte, mayStart: mayStart)
        case .identification: stepIdentification(byte, character)
        case .lines: stepLines(byte, character)
        case .ended: stepEnded(byte, character)
        case .block: stepBlock(byte, character)
        case .command: stepCommand(byte, character)
        case .blockCheck, .commandCheck: stepCheck(byte)
        }
    }

    private mutating func startIfPossible(_ byte: UInt8, mayStart: Bool) {
        switch byte & 0x7F {
        case UInt8(ascii: "/"): begin(.identification, byte)
        case ControlCharacter.soh: begin(.command, byte)
        case ControlCharacter.stx where mayStart:
            isReadout = false
            begin(.block, byte)
        default: break
        }
    }

    private mutating func begin(_ state: State, _ byte: UInt8) {
        self.state = state
        pending.removeAll(keepingCapacity: true)
        pending.append(byte)
        lineStart = 1
    }

    /// Discards the telegram in `pending`, and scans its bytes again except for the first one, and then `byte`.
    private mutating func fail(_ noise: Finding.Noise?, at byte: UInt8? = nil, mayStart: Bool = true) {
        if let noise { found.append(.noise(noise)) }
        if state != .identification { (question, earlierBlocks) = (nil, []) }
        if let byte { again.append((byte, mayStart)) }
        state = .idle
        guard secondLooks.take(pending.count - 1) else { return }
        again.append(contentsOf: pending.dropFirst().reversed().map { ($0, false) })
    }
}

extension IECDecoder {
    private mutating func stepIdentification(_ byte: UInt8, _ character: UInt8) {
        switch character {
        case ControlCharacter.cr, ControlCharacter.lf:
            guard let identification = Identification(line: pending) else {
                state = .idle
                return
            }
            if !earlierBlocks.isEmpty { found.append(.noise(.cutOff)) }
            (self.identification, question, earlierBlocks) = (identification, nil, [])
            pending.append(byte)
            state = .lines
            (hasLines, isSkippingEcho) = (false, false)
            (linesStart, lineStart) = (pending.count, pending.count)
        case UInt8(ascii: "/"): begin(.identification, byte)
        case 0x20...0x7E where pending.count < Identification.longestLine: pending.append(byte)
        default: fail(nil, at: byte)
        }
    }

    /// Handles data lines and what may come before the first one: line ends, the echo of an ACK, or the noise of a speed change.
    private mutating func stepLines(_ byte: UInt8, _ character: UInt8) {
        if isSkippingEcho {
            isSkippingEcho = character != ControlCharacter.lf
            return
        }
        let isAtLineStart = lineStart == pending.count
        guard pending.count < Self.longestTelegram, pending.count - lineStart < Self.longestLine else { return fail(.tooLong, at: byte) }
        switch character {
        case ControlCharacter.cr, ControlCharacter.lf: endLine(byte)
        case ControlCharacter.stx where !hasLines:
            isReadout = true
            begin(.block, byte)
        case ControlCharacter.soh where !hasLines: begin(.command, byte)
        case UInt8(ascii: "/") where isAtLineStart:
            if hasLines { fail(.cutOff, at: byte) } else { begin(.identification, byte) }
        case ControlCharacter.ack where isAtLineStart && !hasLines: isSkippingEcho = true
        case 0x20...0x7E: pending.append(byte)
        case _ where isAtLineStart && !hasLines: break
        default: fail(hasLines ? .corruptLine : nil, at: byte)
        }
    }

    private mutating func endLine(_ byte: UInt8) {
        let line = lineStart..<pending.count
        pending.append(byte)
        defer { lineStart = pending.count }
        guard !line.isEmpty else { return }
        hasLines = true
        if isEnd(line) {
            if hasBlankLine { deliverLines() } else { state = .ended }
        } else {
            sets.removeAll(keepingCapacity: true)
            if !DataSet.parse(pending, line, into: &sets) { fail(.corruptLine) }
        }
    }

    /// Whether the line ends with `!`, which may directly follow the last data set.
    private func isEnd(_ line: Range<Int>) -> Bool {
        guard let last = line.last, pending[last] & 0x7F == UInt8(ascii: "!") else { return false }
        return line.count == 1 || pending[last - 1] & 0x7F == UInt8(ascii: ")")
    }

    /// Whether the identification is followed by an empty line, as in mode D. If a tty has mapped CR to LF, that is four LFs.
    private var hasBlankLine: Bool {
        // The `!` comes after these line ends, so the indices are valid.
        func isEnd(_ first: UInt8, _ second: UInt8) -> Bool {
            pending[linesStart - 1] & 0x7F == first && pending[linesStart] & 0x7F == second && pending[linesStart + 1] & 0x7F == first
                && pending[linesStart + 2] & 0x7F == second
        }
        return isEnd(ControlCharacter.cr, ControlCharacter.lf) || isEnd(ControlCharacter.lf, ControlCharacter.lf)
    }

    private mutating func stepEnded(_ byte: UInt8, _ character: UInt8) {
        switch character {
        case ControlCharacter.cr, ControlCharacter.lf: break
        case ControlCharacter.etx: fail(.withoutStart, at: byte)
        default:
            again.append((byte, true))
            deliverLines()
        }
    }

    private mutating func deliverLines() {
        // In 7E1 characters that were read as 8N1, bit 7 is the parity of every character; otherwise it is set in none.
        guard pending.allSatisfy({ $0 < 0x80 }) || pending.allSatisfy({ $0.nonzeroBitCount % 2 == 0 }) else { return fail(.wrongParity) }
        let text = pending.map { $0 & 0x7F }
        let contents = DataBlock.parse(text: text, in: linesStart..<text.count, strict: true)
        guard contents.badLines == 0 else { return fail(.corruptLine) }
        if contents.registers.isEmpty {
            found.append(.noise(.withoutRegisters))
        } else {
            var readout = readout(contents.registers, isWhole: true)
            readout.source = hasBlankLine ? .d0Push : .iec62056
            readout.isChecked = false
            readout.hasParity = pending.contains { $0 >= 0x80 }
            readout.shapes = contents.shapes
            found.append(.readout(readout))
        }
        state = .idle
    }

    private mutating func deliver(_ registers: [Register], badLines: Int = 0, isWhole: Bool) {
        if registers.isEmpty { return found.append(.noise(.withoutRegisters)) }
        found.append(.readout(readout(registers, isWhole: isWhole)))
        if badLines > 0 { found.append(.noise(.unreadableLines(badLines))) }
    }

    private func readout(_ registers: [Register], isWhole: Bool) -> Readout {
        Readout(registers, manufacturer: identification?.manufacturer, model: identification?.model, isWhole: isWhole, at: now)
    }
}

extension IECDecoder {
    private mutating func stepBlock(_ byte: UInt8, _ character: UInt8) {
        guard pending.count < Self.longestTelegram, pending.count - lineStart < Self.longestLine else { return fail(.tooLong, at: byte) }
        switch character {
        case ControlCharacter.etx, ControlCharacter.eot: state = .blockCheck
        case ControlCharacter.cr, ControlCharacter.lf: lineStart = pending.count + 1
        // An STX within a block is more likely a flipped bit than a new start. It must not start a block: the rest of this one may pass the
        // check by chance, with its address truncated.
        case ControlCharacter.stx: return fail(.cutOff, at: byte, mayStart: false)
        case ControlCharacter.soh: return fail(.cutOff, at: byte)
        case UInt8(ascii: "/") where lineStart == pending.count: return fail(.cutOff, at: byte)
        case 0x20...0x7E: break
        default: return fail(.wrongCheck, at: byte)
        }
        pending.append(byte)
    }

    private mutating func stepCommand(_ byte: UInt8, _ character: UInt8) {
        guard pending.count < Self.longestLine else { return fail(.tooLong, at: byte) }
        let isPlausible: Bool =
            switch pending.count {
            case 1: "BEPRW".utf8.contains(character)
            case 2: (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character)
            case 3: character == ControlCharacter.stx
            default: (0x20...0x7E).contains(character)
            }
        if isPlausible {
            pending.append(byte)
        } else if pending.count > 2, character == ControlCharacter.etx {
            pending.append(byte)
            state = .commandCheck
        } else {
            fail(nil, at: byte)
        }
    }

    private mutating func stepCheck(_ byte: UInt8) {
        let content = pending.dropFirst().map { $0 & 0x7F }
        let (expected, check) = (BlockCheck.of(content), byte & 0x7F)
        guard expected == check || state == .blockCheck && passesWithReturns(content, check) else {
            return fail(.wrongCheck, at: byte)
        }
        if state == .blockCheck { deliverBlock(content) } else { obey(content) }
        state = .idle
    }

    /// A tty that maps CR to LF turns every line end into `LF LF`, and a block check that is CR into LF.
    private func passesWithReturns(_ content: [UInt8], _ check: UInt8) -> Bool {
        guard !content.contains(ControlCharacter.cr) else { return false }
        var restored = content
        var hasPairs = false
        var index = 0
        while index + 1 < restored.count {
            if restored[index] == ControlCharacter.lf, restored[index + 1] == ControlCharacter.lf {
                restored[index] = ControlCharacter.cr
                hasPairs = true
                index += 1
            }
            index += 1
        }
        let expected = BlockCheck.of(restored)
        return hasPairs && (expected == check || expected == ControlCharacter.cr && check == ControlCharacter.lf)
    }

    /// `content` is what follows the STX, including its ETX or EOT.
    private mutating func deliverBlock(_ content: [UInt8]) {
        guard content.last == ControlCharacter.etx else {
            earlierBlocks += content.dropLast()
            return earlierBlocks.count <= Self.longestTelegram ? () : fail(.tooLong)
        }
        let isPartial = !earlierBlocks.isEmpty
        let whole = isPartial ? earlierBlocks + content : content
        earlierBlocks = []
        let end = whole.dropLast().lastIndex { $0 != ControlCharacter.cr && $0 != ControlCharacter.lf }
        let hasEndMark = end.map { whole[$0] == UInt8(ascii: "!") } ?? false
        guard !hasEndMark && !isPartial else {
            let contents = DataBlock.parse(text: whole, in: 0..<(whole.count - 1), strict: false)
            return deliver(contents.registers, badLines: contents.badLines, isWhole: hasEndMark)
        }
        // A readout without its `!`: the ETX was a corrupted byte, and the check matched by chance.
        guard !isReadout else { return found.append(.noise(.cutOff)) }
        deliverAnswer(whole)
    }

    private mutating func deliverAnswer(_ text: [UInt8]) {
        // If the question is not known, an answer that names its own register is accepted as well.
        let named = DataBlock.parse(text, strict: true)
        let asked = question ?? (named.badLines == 0 && named.registers.count == 1 ? named.registers[0].code : nil)
        question = nil
        guard let asked else { return found.append(.noise(.withoutQuestion)) }
        switch DataBlock.answer(text, to: asked) {
        case .register(let register): deliver([register], isWhole: false)
        case .refused(let words): found.append(.noise(.refused(words)))
        case .unreadable: found.append(.noise(.withoutQuestion))
        }
    }

    /// Remembers which register a read command asks for, until the answer; any other command clears the remembered one.
    private mutating func obey(_ command: [UInt8]) {
        (question, earlierBlocks) = (nil, [])
        guard command.count > 4, command[0] == UInt8(ascii: "R"), command[2] == ControlCharacter.stx else { return }
        var sets: [DataSet] = []
        if DataSet.parse(command, 3..<(command.count - 1), into: &sets) { question = sets[0].code(in: command) }
    }
}
