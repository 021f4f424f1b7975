/// Maps registers to published quantities (the current value of an electricity meter, any channel).
extension Measurand {
    package init?(_ code: OBISCode) {
        guard code.a == 1, code.f == 255 else { return nil }
        switch (code.c, code.d) {
        // The utility's property number, if the meter sends no other number.
        case (0, 0) where code.e == 0: self = .serial
        // Meters number their error registers differently.
        case (97, 97): self = .meterError
        default:
            guard let measurand = Self.byCode[Self.key(code)] else { return nil }
            self = measurand
        }
    }

    private static let byCode = Dictionary(
        uniqueKeysWithValues: allCases.compactMap { measurand in measurand.facts.code.map { (key($0), measurand) } })

    private static func key(_ code: OBISCode) -> Int { Int(code.c) << 16 | Int(code.d) << 8 | Int(code.e) }
}

extension Unit {
    /// The power of ten from `self` to `other`; `nil` where they measure different things.
    package func exponent(to other: Unit) -> Int? {
        if self == other { return 0 }
        switch (self, other) {
        case (.wattHours, .kilowattHours), (.watts, .kilowatts), (.varHours, .kilovarHours), (.vars, .kilovars),
            (.voltAmpereHours, .kilovoltAmpereHours), (.voltAmperes, .kilovoltAmperes), (.litres, .cubicMetres):
            return -3
        case (.kilowattHours, .wattHours), (.kilowatts, .watts), (.kilovarHours, .varHours), (.kilovars, .vars),
            (.kilovoltAmpereHours, .voltAmpereHours), (.kilovoltAmperes, .voltAmperes), (.cubicMetres, .litres):
            return 3
        default: return nil
        }
    }
}
