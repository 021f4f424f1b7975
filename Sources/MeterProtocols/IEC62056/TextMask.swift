import Metering

/// The mask for a text telegram: IEC 62056-21 in any mode, or P1.
struct TextMask: TelegramMask {
    /// A longer number in an identification is not the meter's type but its serial number, which some meters send there.
    private static let longestTypeNumber = 4

    private let bytes: [UInt8]
    private let isP1: Bool
    /// The telegram without parity bits.
    private let characters: [UInt8]
    private var names: [Range<Int>] = []
    private var numbersInIdentification: [Range<Int>] = []
    private var measured: [Range<Int>] = []
    /// From STX or SOH to ETX or EOT; the check character follows.
    private var blocks: [Range<Int>] = []

    init(_ bytes: [UInt8], isP1: Bool) {
        self.bytes = bytes
        self.isP1 = isP1
        characters = bytes.map { $0 & 0x7F }
        scan()
    }

    private mutating func scan() {
        var index = 0
        if characters.first == UInt8(ascii: "/") { index = scanIdentification() }
        var lineStart = index
        var blockStart: Int?
        /// The code of the last address. It also applies to later groups of a line and to answers, which have no address.
        var code: OBISCode?
        while index < characters.count {
            switch characters[index] {
            case ControlCharacter.cr, ControlCharacter.lf: lineStart = index + 1
            case ControlCharacter.soh, ControlCharacter.stx:
                blockStart = blockStart ?? index
                lineStart = index + 1
            case ControlCharacter.etx, ControlCharacter.eot:
                if let start = blockStart { blocks.append(start..<(index + 1)) }
                blockStart = nil
                index += 1
                lineStart = index + 1
            case UInt8(ascii: "("):
                let end = characters[index...].firstIndex(of: UInt8(ascii: ")")) ?? characters.endIndex
                if lineStart < index { code = DataSet(address: lineStart..<index, value: index..<index).code(in: characters) }
                note((index + 1)..<end, code)
                index = end
                lineStart = end + 1
            default: break
            }
            index += 1
        }
    }

    private mutating func scanIdentification() -> Int {
        let end = characters.firstIndex { $0 == ControlCharacter.cr || $0 == ControlCharacter.lf } ?? characters.endIndex
        var start: Int?
        for index in 0...end {
            let isDigit = index < end && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(characters[index])
            if isDigit {
                start = start ?? index
            } else if let first = start {
                if index - first > Self.longestTypeNumber { numbersInIdentification.append(first..<index) }
                start = nil
            }
        }
        return end
    }

    /// Content without a known address is masked too, because it is not a measured value.
    private mutating func note(_ content: Range<Int>, _ code: OBISCode?) {
        guard let code, !code.isName else { return names.append(content) }
        if code.isMeasured { measured.append(content) }
    }

    func learn(_ pseudonyms: inout Pseudonyms) {
        for range in names + numbersInIdentification where !range.isEmpty {
            pseudonyms.learn(characters[range])
            if isP1 { pseudonyms.keepSecret(Array(charactersOfHex(String(decoding: characters[range], as: UTF8.self)).utf8)) }
        }
    }

    func masked(by pseudonyms: Pseudonyms) -> [UInt8]? {
        var text = characters
        for range in names { text.replaceSubrange(range, with: isP1 ? maskHex(range, pseudonyms) : pseudonyms.mask(text: text[range])) }
        for range in numbersInIdentification { text.replaceSubrange(range, with: pseudonyms.mask(text: text[range])) }
        var isMeasured = [Bool](repeating: false, count: text.count)
        for index in measured.joined() { isMeasured[index] = true }
        for secret in pseudonyms.secrets {
            for place in text.places(of: secret) where !isMeasured[place].contains(true) {
                text.replaceSubrange(place, with: pseudonyms.mask(text: secret))
            }
        }
        for block in blocks where block.upperBound < text.count {
            // The check is an exclusive or of the characters, so it changes by the exclusive or of all their changes.
            text[block.upperBound] ^= block.reduce(0) { $0 ^ characters[$1] ^ text[$1] }
        }
        var masked = zip(bytes, text).map { $0 & 0x7F == $1 ? $0 : withParity($1) }
        return isP1 && !repairCRC(&masked) ? nil : masked
    }

    /// Masks an equipment identifier, which is hex-encoded or plain.
    private func maskHex(_ range: Range<Int>, _ pseudonyms: Pseudonyms) -> [UInt8] {
        let plain = Array(characters[range])
        let decoded = Array(charactersOfHex(String(decoding: plain, as: UTF8.self)).utf8)
        guard decoded.count * 2 == plain.count else { return pseudonyms.mask(text: plain) }
        return pseudonyms.mask(text: decoded, as: plain).flatMap { String($0, radix: 16, uppercase: true).utf8 }
    }

    private func withParity(_ character: UInt8) -> UInt8 {
        bytes.contains { $0 >= 0x80 } && character.nonzeroBitCount % 2 == 1 ? character | 0x80 : character
    }

    /// Corrects the CRC; returns `false` if the original CRC does not match the original bytes, because a tty has changed them.
    private func repairCRC(_ masked: inout [UInt8]) -> Bool {
        guard let mark = characters.lastIndex(of: UInt8(ascii: "!")) else { return false }
        let digits = characters[(mark + 1)...].prefix { hexDigit($0) != nil }
        guard !digits.isEmpty else { return true }
        guard UInt16(String(decoding: digits, as: UTF8.self), radix: 16) == CRC16.arc(bytes[...mark]) else { return false }
        let isLower = digits.contains { $0 >= UInt8(ascii: "a") }
        var new = Array(String(CRC16.arc(masked[...mark]), radix: 16, uppercase: !isLower).utf8)
        if digits.count == 4 { new = [UInt8](repeating: UInt8(ascii: "0"), count: 4 - new.count) + new }
        masked.replaceSubrange(digits.indices, with: new.map(withParity))
        return true
    }
}
