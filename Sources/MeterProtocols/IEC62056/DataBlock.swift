import Metering

/// What was found in data lines.
package struct DataLineContents: Sendable {
    package var registers: [Register] = []
    /// The shape of each register's line, if the telegram has no block check.
    package var shapes: [UInt64] = []
    package var badLines = 0
}

/// The data lines of a readout, or the one data set that answers a read command.
package enum DataBlock {
    /// Parses what is between STX (in mode D: the blank line) and `!`, ETX or EOT. The delimiters and the parity bits may be included.
    /// `strict` is for telegrams without a block check: they have to be discarded if `badLines` is above 0.
    package static func parse(_ bytes: [UInt8], strict: Bool) -> DataLineContents {
        let text = bytes.map { $0 & 0x7F }
        return parse(text: text, in: 0..<end(of: text), strict: strict)
    }

    private static func end(of text: [UInt8]) -> Int {
        text.firstIndex { $0 == ControlCharacter.etx || $0 == ControlCharacter.eot } ?? text.count
    }

    /// Parses data lines from which parity bits, ETX and EOT have been removed.
    static func parse(text: [UInt8], in range: Range<Int>, strict: Bool) -> DataLineContents {
        var lines = DataLines(text, in: range)
        var entries: [Entry] = []
        // A line usually has 20 characters or more.
        entries.reserveCapacity(range.count / 20)
        var sets: [DataSet] = []
        var badLines = 0
        while let line = lines.next() {
            sets.removeAll(keepingCapacity: true)
            guard DataSet.parse(text, line, into: &sets) else {
                badLines += 1
                continue
            }
            // A line that begins with a bracket continues the previous line, as in load profiles.
            var isBad = sets[0].address.isEmpty && (strict || entries.isEmpty)
            for set in sets where !set.address.isEmpty {
                guard let code = set.code(in: text) else {
                    isBad = true
                    continue
                }
                switch set.reading(of: code, in: text, strict: strict) {
                case .value(let value):
                    entries.append(Entry(code: code, value: value, shape: strict ? text.shape(of: set.range) : 0))
                case .empty: entries.append(Entry(code: code, value: nil))
                case .corrupt:
                    entries.append(Entry(code: code, value: nil))
                    isBad = true
                }
            }
            if isBad { badLines += 1 }
        }
        var contents = settle(entries)
        contents.badLines = badLines
        return contents
    }

    package enum Answer: Hashable, Sendable {
        case register(Register)
        /// The meter does not have this register or does not return it: `(ERROR)`, `(ERR3)`, `(ER01)`, `()`.
        case refused(String)
        /// The text is not an answer to this question.
        case unreadable
    }

    /// Parses the answer to `R1 address()`, between STX and ETX: `(value*unit)`, with or without the address in front.
    package static func answer(_ bytes: [UInt8], to code: OBISCode) -> Answer {
        let text = bytes.map { $0 & 0x7F }
        var lines = DataLines(text, in: 0..<end(of: text))
        var sets: [DataSet] = []
        guard let line = lines.next(), lines.next() == nil, DataSet.parse(text, line, into: &sets) else { return .unreadable }
        let set = sets[0]
        if set.isRefusal(in: text) { return .refused(set.content(in: text)) }
        if !set.address.isEmpty {
            guard var own = set.code(in: text) else { return .unreadable }
            if own.f == 0 { own.f = code.f }
            guard own == code else { return .unreadable }
        }
        guard case .value(let value) = set.reading(of: code, in: text, strict: false) else { return .unreadable }
        return .register(Register(code, value.withUnit { code.customaryUnit }))
    }

    private struct Entry {
        var code: OBISCode
        var value: RegisterValue?
        var shape: UInt64 = 0
    }

    /// Of two data sets with the same address, the first is used, even if it is empty: the ZMD310 reuses `32.7.0` for something else.
    private static func settle(_ entries: [Entry]) -> DataLineContents {
        let siblings = Siblings(entries)
        var seen = Seen()
        var contents = DataLineContents()
        contents.registers.reserveCapacity(entries.count)
        contents.shapes.reserveCapacity(entries.count)
        for entry in entries {
            var code = entry.code
            // An Apator sends its current value as `1.8.0*00`, without a `1.8.0`. On other meters `1.8.0*00` is a value of the history.
            if code.f == 0, code.isMeasured, siblings.areNone(of: code.current) { code = code.current }
            guard seen.insert(code.key) else { continue }
            guard let value = entry.value else { continue }
            contents.registers.append(Register(code, value.withUnit { siblings.unit(of: code.current) ?? code.customaryUnit }))
            contents.shapes.append(entry.shape)
        }
        return contents
    }

    /// Up to this many entries are searched linearly, which is faster than any table.
    private static let few = 64

    /// The entries with the same code except for F.
    private struct Siblings {
        private let entries: [Entry]
        private var counts: [UInt64: Int] = [:]
        private var units: [UInt64: Unit] = [:]

        init(_ entries: [Entry]) {
            self.entries = entries
            guard entries.count > DataBlock.few else { return }
            for entry in entries {
                let current = entry.code.current
                counts[current.key, default: 0] += 1
                guard entry.code == current, units[current.key] == nil, case .number(_, let unit?)? = entry.value else { continue }
                units[current.key] = unit
            }
        }

        func areNone(of current: OBISCode) -> Bool {
            entries.count > DataBlock.few ? counts[current.key] == 1 : entries.count { $0.code.current == current } == 1
        }

        /// The unit of the current value, which applies to its history values if they were sent without one.
        func unit(of current: OBISCode) -> Unit? {
            guard entries.count <= DataBlock.few else { return units[current.key] }
            for entry in entries where entry.code == current { if case .number(_, let unit?)? = entry.value { return unit } }
            return nil
        }
    }

    private struct Seen {
        private var few: [UInt64] = []
        private var many: Set<UInt64> = []

        /// Inserts a key; returns `false` if it was already in the set.
        mutating func insert(_ key: UInt64) -> Bool {
            guard few.count < DataBlock.few else { return !few.contains(key) && many.insert(key).inserted }
            guard !few.contains(key) else { return false }
            few.append(key)
            return true
        }
    }
}

/// Iterates over the non-empty lines, up to the `!`, which is alone on its line or directly follows the last data set (Apator, Kamstrup).
private struct DataLines {
    private let text: [UInt8]
    private var position: Int
    private var end: Int

    init(_ text: [UInt8], in range: Range<Int>) {
        self.text = text
        position = range.lowerBound
        end = range.upperBound
    }

    mutating func next() -> Range<Int>? {
        guard let line = text.nextLine(&position, before: end), text[line.lowerBound] != UInt8(ascii: "!") else {
            position = end
            return nil
        }
        let last = line.upperBound - 1
        guard text[last] == UInt8(ascii: "!"), line.count > 1, text[last - 1] == UInt8(ascii: ")") else { return line }
        position = end
        return line.lowerBound..<last
    }
}

extension OBISCode {
    fileprivate var current: OBISCode { OBISCode(a, b, c, d, e, 255) }
}

extension RegisterValue {
    /// Adds the unit to a number that was sent without one.
    fileprivate func withUnit(_ unit: () -> Unit?) -> RegisterValue {
        if case .number(let number, nil) = self { return .number(number, unit()) }
        return self
    }
}
