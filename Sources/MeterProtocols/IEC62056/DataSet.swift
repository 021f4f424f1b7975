import Metering

/// One `[address](value[*unit])` of a data line, as ranges in the telegram's characters, so that nothing is copied.
package struct DataSet: Hashable, Sendable {
    /// Empty for a second or later group of the same line: `1.6.1(09.48*kW)(16-03-14,18:45)`.
    package var address: Range<Int>
    package var value: Range<Int>
    /// `nil` if there is no `*`; may be empty: `(013925.5*)`.
    package var unit: Range<Int>?

    /// From the first character of the address to the closing bracket.
    var range: Range<Int> { address.lowerBound..<((unit ?? value).upperBound + 1) }

    /// Appends the data sets of one line, with or without parity bits; returns `false` if the line is malformed. The length limits are
    /// higher than the standard's (16, 128, 16), because meters exceed them.
    package static func parse(
        _ text: [UInt8], _ line: Range<Int>, longestContent: Int = 160, into sets: inout [DataSet]
    ) -> Bool {
        var index = line.lowerBound
        while index < line.upperBound {
            let address = index
            while index < line.upperBound, isAddress(text[index] & 0x7F) { index += 1 }
            let open = index
            guard open < line.upperBound, text[open] & 0x7F == UInt8(ascii: "("), open - address <= 32 else { return false }
            index += 1
            var star: Int?
            while index < line.upperBound, case let character = text[index] & 0x7F, isContent(character) {
                if star == nil, character == UInt8(ascii: "*") { star = index }
                index += 1
            }
            let close = index
            guard close < line.upperBound, text[close] & 0x7F == UInt8(ascii: ")"), close - open <= longestContent + 1 else { return false }
            index += 1
            sets.append(
                DataSet(address: address..<open, value: (open + 1)..<(star ?? close), unit: star.map { ($0 + 1)..<close }))
        }
        return true
    }

    /// The register that the address names; the MT171 writes F.F as `FF`.
    package func code(in text: [UInt8]) -> OBISCode? {
        let isShort =
            address.count == 2 && text[address.lowerBound] == UInt8(ascii: "F") && text[address.lowerBound + 1] == UInt8(ascii: "F")
        return isShort ? OBISCode(97, 97, 0) : OBISCode(text, address)
    }

    /// Value and unit as they were sent between the brackets.
    package func content(in text: [UInt8]) -> String {
        text.string(text.trimmed(value)) + (unit.map { "*" + text.string(text.trimmed($0)) } ?? "")
    }

    /// Whether the value is empty, or an error instead of a value.
    func isRefusal(in text: [UInt8]) -> Bool {
        let value = text[text.trimmed(value)].prefix(2)
        return value.isEmpty && unit == nil || value.elementsEqual("ER".utf8) || value.elementsEqual("er".utf8)
    }

    private static func isAddress(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "(") && byte != UInt8(ascii: ")") && byte != UInt8(ascii: "/")
            && byte != UInt8(ascii: "!")
    }

    private static func isContent(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "(") && byte != UInt8(ascii: ")")
    }
}

extension [UInt8] {
    /// The next non-empty line from `position` on.
    func nextLine(_ position: inout Int, before end: Int) -> Range<Int>? {
        while position < end, isLineEnd(self[position]) { position += 1 }
        let start = position
        while position < end, !isLineEnd(self[position]) { position += 1 }
        return start < position ? start..<position : nil
    }

    private func isLineEnd(_ byte: UInt8) -> Bool { byte == ControlCharacter.cr || byte == ControlCharacter.lf }

    /// The range without leading and trailing blanks.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, self[start] == UInt8(ascii: " ") { start += 1 }
        while start < end, self[end - 1] == UInt8(ascii: " ") { end -= 1 }
        return start..<end
    }

    /// A hash of the characters, FNV-1a, in which all digits of values are the same, also hexadecimal ones. Lines of the same shape have the
    /// same codes, lengths, units, signs, and digits before and after the point.
    func shape(of range: Range<Int>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        var isInValue = false
        for index in range {
            var character = self[index]
            switch character {
            case UInt8(ascii: "("): isInValue = true
            case UInt8(ascii: "*"), UInt8(ascii: ")"): isInValue = false
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "a")...UInt8(ascii: "f"):
                if isInValue { character = UInt8(ascii: "0") }
            default: break
            }
            hash = (hash ^ UInt64(character)) &* 0x100_0000_01B3
        }
        return hash
    }

    func string(_ range: Range<Int>) -> String { String(decoding: self[range], as: UTF8.self) }
}

extension DataSet {
    enum Reading: Equatable {
        case value(RegisterValue)
        /// `()`, or only blanks.
        case empty
        case corrupt
    }

    /// The value of the register `code`. The code decides whether it is a number or text, never the characters: `96.5.0(80)` is hex.
    /// `strict` is for telegrams without a block check: a value that may have a flipped bit is corrupt.
    func reading(of code: OBISCode, in text: [UInt8], strict: Bool) -> Reading {
        let value = text.trimmed(value)
        guard !value.isEmpty else { return .empty }
        // `,001705` is `-001705` with a flipped bit.
        if strict, code.isMeasured, text[value.lowerBound] == UInt8(ascii: ",") { return .corrupt }
        if let unit, case let unit = text.trimmed(unit), !unit.isEmpty {
            let known = Unit(spelled: text, unit)
            if let known, let number = Quantity(text, value) { return .value(.number(number, known)) }
            if code.isMeasured && (strict || known != nil) { return .corrupt }
            return .value(.text(content(in: text)))
        }
        guard code.isMeasured else { return .value(.text(text.string(value))) }
        if let number = Quantity(text, value) { return .value(.number(number, nil)) }
        // `024562 kWh` (MT171), `01936.631kWh`: the unit without its `*`.
        if let start = value.first(where: { text[$0] >= UInt8(ascii: "A") }),
            let number = Quantity(text, text.trimmed(value.lowerBound..<start)), let known = Unit(spelled: text, start..<value.upperBound)
        {
            return .value(.number(number, known))
        }
        return strict ? .corrupt : .value(.text(text.string(value)))
    }
}

extension OBISCode {
    /// Whether the value is a quantity, and not text, a state, a date or a hex word: A is a medium, and C is one of its measurands. 96.7.x
    /// counts power failures.
    var isMeasured: Bool { a != 0 && (1...95).contains(c) || c == 96 && d == 7 }

    /// The unit of an electricity register that is sent without a unit: kWh or kvarh for energy (Hager, Elster, Apator). For power the unit
    /// is unknown.
    var customaryUnit: Unit? {
        guard a == 1, d == 8, c <= 80 else { return nil }
        switch c % 20 {  // 21…40 are L1, 41…60 L2, 61…80 L3
        case 1, 2, 15, 16: return .kilowattHours
        case 3...8: return .kilovarHours
        case 9, 10: return .kilovoltAmpereHours
        default: return nil
        }
    }
}

extension Unit {
    /// Parses a unit as meters write it, in upper or lower case: `kWh`, `KWH`, `kVArh`, `m3`.
    init?(spelled text: [UInt8], _ range: Range<Int>) {
        guard range.count <= 8 else { return nil }
        var key: UInt64 = 0
        for index in range { key = key << 8 | UInt64(lowercased(text[index])) }
        guard let unit = Self.spellings.first(where: { $0.key == key })?.unit else { return nil }
        self = unit
    }

    /// The units in lower case; each key holds the characters as the bytes of a number.
    private static let spellings: [(key: UInt64, unit: Unit)] = [
        ("kwh", .kilowattHours), ("v", .volts), ("a", .amperes), ("kw", .kilowatts), ("w", .watts), ("wh", .wattHours),
        ("kvarh", .kilovarHours), ("var", .vars), ("kvar", .kilovars), ("varh", .varHours), ("va", .voltAmperes),
        ("kva", .kilovoltAmperes), ("vah", .voltAmpereHours), ("kvah", .kilovoltAmpereHours), ("hz", .hertz), ("deg", .degrees),
        ("%", .percent), ("gj", .gigajoules), ("m3", .cubicMetres), ("m3/h", .cubicMetresPerHour), ("m3h", .cubicMetresPerHour),
        ("m3ph", .cubicMetresPerHour), ("l", .litres), ("l/h", .litresPerHour), ("lph", .litresPerHour), ("h", .hours),
        ("min", .minutes), ("s", .seconds), ("c", .celsius),
    ].map { (name: String, unit: Unit) in (name.utf8.reduce(0) { $0 << 8 | UInt64($1) }, unit) }
}

private func lowercased(_ byte: UInt8) -> UInt8 { byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte }
