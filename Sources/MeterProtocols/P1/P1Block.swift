import Metering

/// The data lines of a P1 telegram. They are those of IEC 62056-21 but for their length, for time stamps in front of values, and for
/// groups that name the register of another one.
enum P1Block {
    /// A message to the customer has 1024 characters in hex.
    private static let longestContent = 2048

    /// The lines between the identification and the `!`, with `badLines` as in `DataBlock`.
    static func parse(_ text: some Collection<UInt8>, strict: Bool) -> (registers: [Register], badLines: Int) {
        var registers: [Register] = []
        var badLines = 0
        /// The register and the unit that a `24.3.0` line announced for the line after it.
        var announced: (code: OBISCode, unit: ArraySlice<UInt8>)?
        for line in Array(text).split(whereSeparator: { $0 == ControlCharacter.cr || $0 == ControlCharacter.lf }) {
            guard let sets = DataSet.parse(line: line, longestContent: longestContent), let first = sets.first,
                sets.dropFirst().allSatisfy({ $0.address.isEmpty })
            else {
                badLines += 1
                continue
            }
            var isGood = false
            if first.address.isEmpty {
                if let code = announced?.code, let unit = announced?.unit, sets.count == 1 {
                    isGood = add(DataSet(address: [], value: first.value, unit: unit), as: code, strict, &registers)
                }
                announced = nil
            } else if let code = first.code {
                if code.c == 24, code.d == 3, sets.count >= 6, let named = OBISCode(sets[4].value) {
                    announced = (named, sets[5].value)
                    // Some have the value on the same line.
                    isGood = sets.count == 6
                    if sets.count == 7 {
                        announced = nil
                        isGood = add(DataSet(address: [], value: sets[6].value, unit: sets[5].value), as: named, strict, &registers)
                    }
                } else {
                    announced = nil
                    isGood = add(sets, of: code, strict, &registers)
                }
            }
            if !isGood { badLines += 1 }
        }
        return (registers, badLines)
    }

    private static func add(_ sets: [DataSet], of code: OBISCode, _ strict: Bool, _ registers: inout [Register]) -> Bool {
        // Lists of power failures and of demands: all of their groups, as they are.
        if sets.count > 1, code.c == 98 || code.c == 99 {
            registers.append(Register(code, .text(sets.map { "(" + $0.text + ")" }.joined())))
            return true
        }
        // `24.2.1(200512134558S)(00112.384*m3)`
        let value = sets.count > 1 && isTimestamp(sets[0]) ? sets[1] : sets[0]
        return add(value, as: code, strict, &registers)
    }

    private static func add(_ set: DataSet, as code: OBISCode, _ strict: Bool, _ registers: inout [Register]) -> Bool {
        switch set.reading(of: code, strict: strict) {
        case .value(let value):
            registers.append(Register(code, value))
            return true
        case .empty: return true
        case .corrupt: return false
        }
    }

    /// `YYMMDDhhmmss` and S or W.
    private static func isTimestamp(_ set: DataSet) -> Bool {
        set.unit == nil && set.value.count == 13 && set.value.dropLast().allSatisfy { (0x30...0x39).contains($0) }
            && (set.value.last == UInt8(ascii: "S") || set.value.last == UInt8(ascii: "W"))
    }

    /// DSMR 4 and later and e-MUCS say their version, and have a CRC.
    static func hasVersion(_ registers: [Register]) -> Bool {
        registers.contains { $0.code == OBISCode(1, 3, 0, 2, 8, 255) || $0.code == OBISCode(0, 0, 96, 1, 4, 255) }
    }

    /// No other protocol has these: the tariff of now, a meter on the M-Bus.
    static func isUnmistakable(_ registers: [Register]) -> Bool {
        registers.contains { $0.code == OBISCode(0, 0, 96, 14, 0, 255) || $0.code.a == 0 && $0.code.c == 24 }
    }

    static func serial(_ registers: [Register]) -> String? {
        let register = registers.first { $0.code == OBISCode(0, 0, 96, 1, 1, 255) }
        if case .text(let hex)? = register?.value { return charactersOfHex(hex) }
        return nil
    }
}
