/// Which register is published as which quantity (the current value of an electricity meter, any channel).
extension Measurand {
    package init?(_ code: OBISCode) {
        guard code.a == 1, code.f == 255 else { return nil }
        let group = (code.c, code.d)
        switch group {
        case (1, 8), (2, 8):
            let imports: [Measurand] = [.energyImport, .energyImportT1, .energyImportT2, .energyImportT3, .energyImportT4]
            let exports: [Measurand] = [.energyExport, .energyExportT1, .energyExportT2, .energyExportT3, .energyExportT4]
            guard code.e <= 4 else { return nil }
            self = (code.c == 1 ? imports : exports)[Int(code.e)]
        case (3, 8) where code.e == 0: self = .reactiveEnergyImport
        case (4, 8) where code.e == 0: self = .reactiveEnergyExport
        case (9, 8) where code.e == 0: self = .apparentEnergyImport
        case (10, 8) where code.e == 0: self = .apparentEnergyExport
        case (96, 1) where code.e == 0, (0, 0) where code.e == 0: self = .serial
        case (0, 2) where code.e == 0: self = .firmware
        case (97, 97): self = .meterError
        case (_, 7) where code.e == 0:
            guard let momentary = Self.momentary[code.c] else { return nil }
            self = momentary
        default: return nil
        }
    }

    private static let momentary: [UInt8: Measurand] = [
        1: .powerImport, 2: .powerExport, 16: .power, 36: .powerL1, 56: .powerL2, 76: .powerL3,
        32: .voltageL1, 52: .voltageL2, 72: .voltageL3, 31: .currentL1, 51: .currentL2, 71: .currentL3, 91: .currentN,
        14: .frequency, 13: .powerFactor, 33: .powerFactorL1, 53: .powerFactorL2, 73: .powerFactorL3, 3: .reactivePowerImport,
        4: .reactivePowerExport, 9: .apparentPower,
    ]
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
