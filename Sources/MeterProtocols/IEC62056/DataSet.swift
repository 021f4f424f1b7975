import Metering

/// One `[address](value[*unit])` of a data line, in the characters that were sent.
package struct DataSet: Hashable, Sendable {
    /// Empty in a later group of the same line: `1.6.1(09.48*kW)(16-03-14,18:45)`.
    package var address: ArraySlice<UInt8>
    package var value: ArraySlice<UInt8>
    /// `nil` where there is no `*`; may be empty: `(013925.5*)`.
    package var unit: ArraySlice<UInt8>?

    /// The data sets of one line, `nil` where it breaks the grammar. The limits are wider than those of the standard (16, 128, 16),
    /// because meters are.
    package static func parse(line: ArraySlice<UInt8>, longestContent: Int = 160) -> [DataSet]? {
        var sets: [DataSet] = []
        var rest = line
        while !rest.isEmpty {
            guard let open = rest.firstIndex(of: UInt8(ascii: "(")) else { return nil }
            let address = rest[..<open]
            rest = rest[(open + 1)...]
            guard let close = rest.firstIndex(of: UInt8(ascii: ")")) else { return nil }
            let content = rest[..<close]
            rest = rest[(close + 1)...]
            guard address.count <= 32, address.allSatisfy({ isAddress($0) }), content.count <= longestContent,
                content.allSatisfy({ isContent($0) })
            else { return nil }
            let star = content.firstIndex(of: UInt8(ascii: "*"))
            sets.append(
                DataSet(address: address, value: content[..<(star ?? content.endIndex)], unit: star.map { content[($0 + 1)...] }))
        }
        return sets
    }

    /// The register that the address names; `FF` is how the MT171 writes F.F.
    package var code: OBISCode? { address.elementsEqual("FF".utf8) ? OBISCode(97, 97, 0) : OBISCode(address) }

    /// Value and unit as they stood between the brackets.
    package var text: String {
        String(decoding: value.trimmed, as: UTF8.self) + (unit.map { "*" + String(decoding: $0.trimmed, as: UTF8.self) } ?? "")
    }

    /// Nothing, or an error in place of a value.
    var isRefusal: Bool {
        let value = value.trimmed
        return value.isEmpty && unit == nil || value.prefix(2).elementsEqual("ER".utf8) || value.prefix(2).elementsEqual("er".utf8)
    }

    private static func isAddress(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && byte != UInt8(ascii: ")") && byte != UInt8(ascii: "/") && byte != UInt8(ascii: "!")
    }

    private static func isContent(_ byte: UInt8) -> Bool { (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "(") }
}

extension ArraySlice<UInt8> {
    /// Without the blanks around it.
    var trimmed: ArraySlice<UInt8> {
        var slice = self
        while slice.first == UInt8(ascii: " ") { slice.removeFirst() }
        while slice.last == UInt8(ascii: " ") { slice.removeLast() }
        return slice
    }
}

extension DataSet {
    enum Reading: Equatable {
        case value(RegisterValue)
        /// `()`, or nothing but blanks: there is no value.
        case empty
        case corrupt
    }

    /// What the set says about `code`. What is a number and what is text follows from the code, never from how it looks: `96.5.0(80)`
    /// is hex. `strict` is for telegrams without a block check: what could be a turned bit is corrupt.
    func reading(of code: OBISCode, strict: Bool) -> Reading {
        let value = value.trimmed
        guard !value.isEmpty else { return .empty }
        if let unit, !unit.trimmed.isEmpty {
            let known = Unit(spelled: unit.trimmed)
            if let known, let number = Quantity(value) { return .value(.number(number, known)) }
            if code.isMeasured && (strict || known != nil) { return .corrupt }
            return .value(.text(text))
        }
        guard code.isMeasured else { return .value(.text(String(decoding: value, as: UTF8.self))) }
        if let number = Quantity(value) { return .value(.number(number, nil)) }
        // `024562 kWh` (MT171), `01936.631kWh`: the unit without its `*`.
        if let start = value.firstIndex(where: { $0 >= UInt8(ascii: "A") }), let number = Quantity(value[..<start].trimmed),
            let known = Unit(spelled: value[start...])
        {
            return .value(.number(number, known))
        }
        return strict ? .corrupt : .value(.text(String(decoding: value, as: UTF8.self)))
    }
}

extension OBISCode {
    /// A quantity, not a text, a state, a date or a hex word: A says a medium and C a measurand of it. 96.7.x counts power failures.
    var isMeasured: Bool { a != 0 && (1...95).contains(c) || c == 96 && d == 7 }

    /// The unit of an electricity register that is sent without: energy comes in kilo (Hager, Elster, Apator). Power does not say.
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
    /// As meters write it, large or small: `kWh`, `KWH`, `kVArh`, `m3`.
    init?(spelled text: ArraySlice<UInt8>) {
        guard text.count <= 16 else { return nil }
        switch String(decoding: text, as: UTF8.self).lowercased() {
        case "wh": self = .wattHours
        case "kwh": self = .kilowattHours
        case "w": self = .watts
        case "kw": self = .kilowatts
        case "var": self = .vars
        case "kvar": self = .kilovars
        case "varh": self = .varHours
        case "kvarh": self = .kilovarHours
        case "va": self = .voltAmperes
        case "kva": self = .kilovoltAmperes
        case "vah": self = .voltAmpereHours
        case "kvah": self = .kilovoltAmpereHours
        case "v": self = .volts
        case "a": self = .amperes
        case "hz": self = .hertz
        case "deg": self = .degrees
        case "%": self = .percent
        case "gj": self = .gigajoules
        case "m3": self = .cubicMetres
        case "m3/h", "m3h", "m3ph": self = .cubicMetresPerHour
        case "l": self = .litres
        case "l/h", "lph": self = .litresPerHour
        case "h": self = .hours
        case "min": self = .minutes
        case "s": self = .seconds
        case "c": self = .celsius
        default: return nil
        }
    }
}
