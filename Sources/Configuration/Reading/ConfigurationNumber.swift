import Metering
import Publishing

extension ConfigurationFormat where Value == Duration {
    static func duration(_ range: ClosedRange<Duration>) -> Self {
        .text("5s") { text in
            guard let duration = Duration(configuration: text) else {
                return .failure(Refusal("\(quoted(text)) is not a duration; expected e.g. \"500ms\", \"5s\", \"1.5s\", \"1min\" or \"1h\""))
            }
            guard range.contains(duration) else {
                let (low, high) = (range.lowerBound.configurationText, range.upperBound.configurationText)
                return .failure(Refusal("\(quoted(text)) is out of range; expected \"\(low)\" to \"\(high)\""))
            }
            return .success(duration)
        }
    }
}

extension Duration {
    /// Parses `500ms`, `1.5s`, `1min` or `1h`; no sign, no space, nothing finer than nanoseconds.
    init?(configuration text: String) {
        guard let (number, unit) = numberAndUnit(text) else { return nil }
        let seconds: Int64
        switch unit {
        case "ms", "s": seconds = 1
        case "min": seconds = 60
        case "h": seconds = 3600
        default: return nil
        }
        guard let nanoseconds = number.scaled(by: unit == "ms" ? -3 : 0).units(of: -9) else { return nil }
        let (product, overflow) = nanoseconds.multipliedReportingOverflow(by: seconds)
        guard !overflow else { return nil }
        self = .nanoseconds(product)
    }

    /// The duration as written in the file.
    var configurationText: String {
        let parts = components
        let nanoseconds = parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000
        if nanoseconds > 0, nanoseconds % 3_600_000_000_000 == 0 { return "\(nanoseconds / 3_600_000_000_000)h" }
        if nanoseconds % 1_000_000_000 == 0 { return "\(parts.seconds)s" }
        let inMilliseconds = nanoseconds < 1_000_000_000
        var (digits, exponent) = (nanoseconds, inMilliseconds ? -6 : -9)
        while digits % 10 == 0 { (digits, exponent) = (digits / 10, exponent + 1) }
        return Quantity(digits, exponent: exponent).description + (inMilliseconds ? "ms" : "s")
    }
}

extension ConfigurationFormat where Value == Int64 {
    /// A power in watts.
    static var power: Self {
        .text("25kW") { text in
            guard let (number, unit) = numberAndUnit(text), unit == "W" || unit == "kW" else {
                return .failure(Refusal("\(quoted(text)) is not a power; expected e.g. \"25kW\" or \"25000W\""))
            }
            guard let watts = number.scaled(by: unit == "kW" ? 3 : 0).units(of: 0), (1...100_000_000).contains(watts) else {
                return .failure(Refusal("\(quoted(text)) is out of range; expected whole watts, \"1W\" to \"100000kW\""))
            }
            return .success(watts)
        }
    }
}

extension ConfigurationFormat where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> Self {
        Self { value in
            let expected = "expected a whole number, \(range.lowerBound) to \(range.upperBound), without quotes"
            guard case .integer(let text) = value.content else { return .failure(Refusal("\(value.summary), but \(expected)")) }
            guard let number = Int(text), range.contains(number) else {
                return .failure(Refusal("\(text.prefix(40)) is out of range; \(expected)"))
            }
            return .success(number)
        }
    }
}

extension ConfigurationFormat where Value == Quantity {
    static var pulsesPerUnit: Self {
        Self { value in
            let expected = "expected a number without quotes, e.g. 1000: more than 0, at most 1000000000, at most 6 decimals"
            switch value.content {
            case .integer(let text), .float(let text):
                guard let number = Quantity(text), number > Quantity(0), number <= Quantity(1_000_000_000), number.exponent >= -6 else {
                    return .failure(Refusal("\(text.prefix(40)) is out of range; \(expected)"))
                }
                return .success(number)
            default: return .failure(Refusal("\(value.summary), but \(expected)"))
            }
        }
    }
}

extension ConfigurationFormat where Value == [NamedRegister] {
    /// A list of registers, `"1.8.0"` or `"96.7.21=power_failures"`; the name is empty if none is given.
    static var registers: Self {
        Self { list in
            let expected = "expected a list of 1 to 32 registers, e.g. [\"1.8.0\", \"2.8.0\"]"
            guard case .array(let items) = list.content else { return .failure(Refusal("\(list.summary), but \(expected)")) }
            guard (1...32).contains(items.count) else { return .failure(Refusal("a list of \(items.count); \(expected)")) }
            var registers: [NamedRegister] = []
            for item in items {
                guard case .string(let text) = item.content else {
                    return .failure(Refusal("\(item.summary), but expected a string in quotes, e.g. \"1.8.0\"", at: item.position))
                }
                switch register(text, after: registers) {
                case .success(let register): registers.append(register)
                case .failure(let refusal): return .failure(Refusal(refusal.message, at: item.position))
                }
            }
            return .success(registers)
        }
    }
}

private func register(_ text: String, after others: [NamedRegister]) -> Result<NamedRegister, Refusal> {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts[0].utf8.count <= 32, let code = OBISCode(parts[0]) else {
        return .failure(Refusal("\(quoted(text)) is not an OBIS code; expected e.g. \"1.8.0\""))
    }
    guard !others.contains(where: { $0.code == code }) else { return .failure(Refusal("\(quoted(text)) is in the list twice")) }
    guard parts.count > 1 else { return .success(NamedRegister(code, name: "")) }
    if let measurand = Measurand(code) {
        return .failure(Refusal("\(code.short) is published as \(measurand.rawValue); expected \(quoted(parts[0])) without a name"))
    }
    return ConfigurationFormat.name.read(TOMLValue(.string(parts[1]), at: TOMLPosition(0, 0))).flatMap { name in
        if Topics.isTaken(name) {
            return .failure(Refusal("\(quoted(name)) is a reserved name; expected another, e.g. \(quoted("my_" + name))"))
        }
        if let other = others.first(where: { $0.name == name }) {
            return .failure(Refusal("\(quoted(name)) is already the name of \(other.code.short); every register needs its own"))
        }
        return .success(NamedRegister(code, name: name))
    }
}

/// Splits `1.5s` into 1.5 and `s`.
private func numberAndUnit(_ text: String) -> (Quantity, String)? {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard number.first?.isNumber == true, number.last?.isNumber == true, text.utf8.count <= 32, let quantity = Quantity(String(number))
    else {
        return nil
    }
    return (quantity, String(text.dropFirst(number.count)))
}
