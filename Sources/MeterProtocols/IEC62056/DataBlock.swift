import Metering

/// The data lines of a readout, or the one data set that answers a read command.
package enum DataBlock {
    /// Reads what stands between STX (mode D: the blank line) and `!`, ETX or EOT, with or without these, with or without parity.
    /// `strict` is for telegrams without a block check; with `badLines` above 0 such a telegram is to be thrown away.
    package static func parse(_ bytes: some Collection<UInt8>, strict: Bool) -> (registers: [Register], badLines: Int) {
        var entries: [Entry] = []
        var badLines = 0
        for line in lines(of: bytes.map { $0 & 0x7F }) {
            guard let sets = DataSet.parse(line: line) else {
                badLines += 1
                continue
            }
            // A line that begins with a bracket goes on with the line before: load profiles do that.
            var isBad = sets.first?.address.isEmpty == true && (strict || entries.isEmpty)
            for set in sets where !set.address.isEmpty {
                guard let code = set.code else {
                    isBad = true
                    continue
                }
                switch set.reading(of: code, strict: strict) {
                case .value(let value): entries.append(Entry(code: code, value: value))
                case .empty: entries.append(Entry(code: code, value: nil))
                case .corrupt:
                    entries.append(Entry(code: code, value: nil))
                    isBad = true
                }
            }
            if isBad { badLines += 1 }
        }
        return (settle(entries), badLines)
    }

    package enum Answer: Hashable, Sendable {
        case register(Register)
        /// The meter has no such register or does not give it: `(ERROR)`, `(ERR3)`, `(ER01)`, `()`.
        case refused(String)
        /// Not an answer to this question.
        case unreadable
    }

    /// Reads what stands between STX and ETX after `R1 address()`: `(value*unit)`, with or without the address in front.
    package static func answer(_ bytes: some Collection<UInt8>, to code: OBISCode) -> Answer {
        let lines = lines(of: bytes.map { $0 & 0x7F })
        guard lines.count == 1, let line = lines.first, let set = DataSet.parse(line: line)?.first else { return .unreadable }
        if set.isRefusal { return .refused(set.text) }
        if !set.address.isEmpty {
            guard var own = set.code else { return .unreadable }
            if own.f == 0 { own.f = code.f }
            guard own == code else { return .unreadable }
        }
        guard case .value(let value) = set.reading(of: code, strict: false) else { return .unreadable }
        return .register(Register(code, value.withUnit { code.customaryUnit }))
    }

    /// The lines that are not empty, up to the `!` that stands alone or, without a line end, behind the last data set (Apator, Kamstrup).
    private static func lines(of characters: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        let end = characters.firstIndex { $0 == ControlCharacter.etx || $0 == ControlCharacter.eot } ?? characters.endIndex
        for line in characters[..<end].split(whereSeparator: { $0 == ControlCharacter.cr || $0 == ControlCharacter.lf }) {
            guard line.first != UInt8(ascii: "!") else { break }
            guard !line.suffix(2).elementsEqual(")!".utf8) else {
                lines.append(line.dropLast())
                break
            }
            lines.append(line)
        }
        return lines
    }

    private struct Entry {
        var code: OBISCode
        var value: RegisterValue?
    }

    /// Of two sets with one address the first counts, even when it is empty: the ZMD310 repeats `32.7.0` for something else.
    private static func settle(_ entries: [Entry]) -> [Register] {
        var seen = Set<OBISCode>(minimumCapacity: entries.count)
        var registers: [Register] = []
        registers.reserveCapacity(entries.count)
        for entry in entries {
            var code = entry.code
            // `1.8.0*00` is the current value on an Apator, which has no other; elsewhere it is a history slot beside the others.
            if code.f == 0, code.isMeasured, entries.filter({ $0.code.current == code.current }).count == 1 { code = code.current }
            guard seen.insert(code).inserted, let value = entry.value else { continue }
            registers.append(Register(code, value.withUnit { unit(of: code.current, in: entries) ?? code.customaryUnit }))
        }
        return registers
    }

    /// A history value without unit has the unit of its current value.
    private static func unit(of current: OBISCode, in entries: [Entry]) -> Unit? {
        for entry in entries where entry.code == current { if case .number(_, let unit?)? = entry.value { return unit } }
        return nil
    }
}

extension OBISCode {
    fileprivate var current: OBISCode { OBISCode(a, b, c, d, e, 255) }
}

extension RegisterValue {
    /// A number that was sent without its unit gets this one.
    fileprivate func withUnit(_ unit: () -> Unit?) -> RegisterValue {
        if case .number(let number, nil) = self { return .number(number, unit()) }
        return self
    }
}
