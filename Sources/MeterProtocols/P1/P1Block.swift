import Metering

/// The data lines of a P1 telegram. They differ from those of IEC 62056-21 in their length, in time stamps before values, and in groups
/// that name the register of another group.
enum P1Block {
    /// The longest content is a message to the customer: 1024 characters, sent in hex.
    private static let longestContent = 2048

    /// Parses the lines between the identification and the `!`. The parity bits must have been removed; `badLines` is as in `DataBlock`.
    static func parse(_ text: [UInt8], in range: Range<Int>, strict: Bool) -> DataLineContents {
        var contents = DataLineContents()
        contents.registers.reserveCapacity(range.count / 25)
        /// The register and the unit that a `24.3.0` line announced for the line after it.
        var announced: (code: OBISCode, unit: Range<Int>)?
        var sets: [DataSet] = []
        var position = range.lowerBound
        while let line = text.nextLine(&position, before: range.upperBound) {
            sets.removeAll(keepingCapacity: true)
            guard DataSet.parse(text, line, longestContent: longestContent, into: &sets), case let first = sets[0],
                sets.dropFirst().allSatisfy({ $0.address.isEmpty })
            else {
                contents.badLines += 1
                continue
            }
            var isGood = false
            let before = announced
            announced = nil
            if first.address.isEmpty {
                if let before, sets.count == 1 {
                    let set = DataSet(address: first.address, value: first.value, unit: before.unit)
                    isGood = add(set, text, as: before.code, strict, &contents.registers)
                }
            } else if let code = first.code(in: text) {
                if code.c == 24, code.d == 3, sets.count >= 6, let named = OBISCode(text, sets[4].value) {
                    // Some meters send the value on the same line.
                    if sets.count == 7 {
                        let set = DataSet(address: first.address, value: sets[6].value, unit: sets[5].value)
                        isGood = add(set, text, as: named, strict, &contents.registers)
                    } else {
                        announced = (named, sets[5].value)
                        isGood = sets.count == 6
                    }
                } else {
                    isGood = add(sets, text, of: code, strict, &contents.registers)
                }
            }
            if !isGood { contents.badLines += 1 }
            // Each line adds one register at most.
            if strict, contents.registers.count > contents.shapes.count { contents.shapes.append(text.shape(of: line)) }
        }
        return contents
    }

    private static func add(
        _ sets: [DataSet], _ text: [UInt8], of code: OBISCode, _ strict: Bool, _ registers: inout [Register]
    ) -> Bool {
        // A list of power failures or demands: all groups are kept as text.
        if sets.count > 1, code.c == 98 || code.c == 99 {
            registers.append(Register(code, .text(sets.map { "(" + $0.content(in: text) + ")" }.joined())))
            return true
        }
        // `24.2.1(200512134558S)(00112.384*m3)`
        let value = sets.count > 1 && isTimestamp(sets[0], text) ? sets[1] : sets[0]
        return add(value, text, as: code, strict, &registers)
    }

    private static func add(
        _ set: DataSet, _ text: [UInt8], as code: OBISCode, _ strict: Bool, _ registers: inout [Register]
    ) -> Bool {
        switch set.reading(of: code, in: text, strict: strict) {
        case .value(let value):
            registers.append(Register(code, value))
            return true
        case .empty: return true
        case .corrupt: return false
        }
    }

    /// `YYMMDDhhmmss` followed by S (summer) or W (winter).
    private static func isTimestamp(_ set: DataSet, _ text: [UInt8]) -> Bool {
        guard set.unit == nil, set.value.count == 13 else { return false }
        let season = text[set.value.upperBound - 1]
        return text[set.value].dropLast().allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
            && (season == UInt8(ascii: "S") || season == UInt8(ascii: "W"))
    }

    /// Whether the telegram contains a version: DSMR 4 and later and e-MUCS send one, and always have a CRC.
    static func hasVersion(_ registers: [Register]) -> Bool {
        registers.contains { $0.code == OBISCode(1, 3, 0, 2, 8, 255) || $0.code == OBISCode(0, 0, 96, 1, 4, 255) }
    }

    /// Whether there is a register that no other protocol has: the current tariff, or a meter on the M-Bus.
    static func isUnmistakable(_ registers: [Register]) -> Bool {
        registers.contains { $0.code == OBISCode(0, 0, 96, 14, 0, 255) || $0.code.a == 0 && $0.code.c == 24 }
    }

    static func serial(_ registers: [Register]) -> String? {
        let register = registers.first { $0.code == OBISCode(0, 0, 96, 1, 1, 255) }
        if case .text(let hex)? = register?.value { return charactersOfHex(hex) }
        return nil
    }
}
