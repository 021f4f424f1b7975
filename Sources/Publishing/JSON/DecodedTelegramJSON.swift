import Metering

extension JSON {
    /// One line of `decode --json`: exact decimals in the unit that the meter sent, codes in the long form.
    package static func decoded(_ readout: Readout) -> JSON {
        var members: [(String, JSON)] = [("protocol", .string(readout.source.rawValue))]
        if let manufacturer = readout.manufacturer { members.append(("manufacturer", .string(manufacturer))) }
        if let serial = readout.number { members.append(("serial", .string(serial))) }
        members.append(("registers", .array(readout.registers.map(decoded))))
        return .object(members)
    }

    private static func decoded(_ register: Register) -> JSON {
        let code = ("obis", JSON.string(register.code.description))
        switch register.value {
        case .number(let number, let unit?):
            return .object([code, ("value", .number(number.description)), ("unit", .string(unit.rawValue))])
        case .number(let number, nil): return .object([code, ("value", .number(number.description))])
        case .text(let text): return .object([code, ("text", .string(text))])
        }
    }
}
