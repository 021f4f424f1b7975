/// A quantity that is published under its own name: `<base>/<meter>/<quantity>`. The names are public API.
package enum Measurand: String, Sendable, Hashable, CaseIterable {
    case energyImport = "energy_import", energyExport = "energy_export"
    case energyImportT1 = "energy_import_t1", energyImportT2 = "energy_import_t2"
    case energyImportT3 = "energy_import_t3", energyImportT4 = "energy_import_t4"
    case energyExportT1 = "energy_export_t1", energyExportT2 = "energy_export_t2"
    case energyExportT3 = "energy_export_t3", energyExportT4 = "energy_export_t4"
    /// An estimated `power` and its maximum error. The order matters: power is published first.
    case power, powerError = "power_error"
    case powerImport = "power_import", powerExport = "power_export"
    case powerL1 = "power_l1", powerL2 = "power_l2", powerL3 = "power_l3"
    case voltageL1 = "voltage_l1", voltageL2 = "voltage_l2", voltageL3 = "voltage_l3"
    case currentL1 = "current_l1", currentL2 = "current_l2", currentL3 = "current_l3", currentN = "current_n"
    case frequency
    case powerFactor = "power_factor", powerFactorL1 = "power_factor_l1", powerFactorL2 = "power_factor_l2"
    case powerFactorL3 = "power_factor_l3"
    case reactiveEnergyImport = "reactive_energy_import", reactiveEnergyExport = "reactive_energy_export"
    case reactivePowerImport = "reactive_power_import", reactivePowerExport = "reactive_power_export"
    case apparentEnergyImport = "apparent_energy_import", apparentEnergyExport = "apparent_energy_export"
    case apparentPower = "apparent_power"
    case energy, volume, flow
    case pulses, pulsesLost = "pulses_lost", pulsesRecovered = "pulses_recovered"
    case drift, driftPulses = "drift_pulses", driftPercent = "drift_percent"
    case serial, firmware, meterError = "meter_error"
    /// How far the meter's clock is ahead of ours.
    case meterClockOffset = "meter_clock_offset"
    case telegrams, errors, lastReading = "last_reading"

    /// How a value behaves over time.
    package enum Kind: Sendable {
        /// Only ever rises; a tariff is part of a total.
        case total, tariff
        case momentary
        /// Only ever rises, and is a plain number.
        case count
        case text, time
    }

    /// The properties of a quantity.
    package struct Facts: Sendable {
        /// The name shown to users; it does not include the device's name.
        package var title: String
        package var kind: Kind
        /// The unit it is published in; `nil` for texts, time stamps, factors and plain counts. Volume and flow may also be in litres.
        package var unit: Unit?
        /// The register that it is read from.
        package var code: OBISCode?
        /// Describes the meter and its readings, not what flows through it.
        package var isDiagnostic = false
        /// Disabled by default in Home Assistant: of interest to few.
        package var isHidden = false
        /// Changes with every reading, and is published less often.
        package var isSlow = false
        /// May be lost (QoS 0), because the next value comes soon.
        package var mayBeLost = false
        /// A counter that only ever rises.
        package var isTotal: Bool { kind == .total || kind == .tariff }
        /// A factor is at most 1; anything beyond was misread.
        package var isFactor = false
        /// The unit name of a plain count, for display.
        package var counted: String?

        init(_ title: String, _ kind: Kind, _ unit: Unit? = nil, _ code: OBISCode? = nil) {
            self.title = title
            self.kind = kind
            self.unit = unit
            self.code = code
            mayBeLost = kind == .momentary
        }

        static func total(_ title: String, _ unit: Unit, _ c: UInt8, tariff: UInt8 = 0) -> Facts {
            Facts(title, tariff == 0 ? .total : .tariff, unit, OBISCode(c, 8, tariff))
        }

        static func momentary(_ title: String, _ unit: Unit, _ c: UInt8) -> Facts { Facts(title, .momentary, unit, OBISCode(c, 7, 0)) }

        static func factor(_ title: String, _ c: UInt8) -> Facts {
            var facts = Facts(title, .momentary, nil, OBISCode(c, 7, 0))
            facts.isFactor = true
            return facts
        }

        static func diagnostic(
            _ title: String, _ kind: Kind, _ unit: Unit? = nil, _ code: OBISCode? = nil, counted: String? = nil, isHidden: Bool = false,
            isSlow: Bool = false, mayBeLost: Bool = false
        ) -> Facts {
            var facts = Facts(title, kind, unit, code)
            facts.isDiagnostic = true
            (facts.counted, facts.isHidden, facts.isSlow, facts.mayBeLost) = (counted, isHidden, isSlow, mayBeLost)
            return facts
        }

        var hidden: Facts {
            var facts = self
            facts.isHidden = true
            return facts
        }
    }

    /// One row per quantity.
    package var facts: Facts {
        switch self {
        case .energyImport: .total("Energy import", .kilowattHours, 1)
        case .energyExport: .total("Energy export", .kilowattHours, 2)
        case .energyImportT1: .total("Energy import T1", .kilowattHours, 1, tariff: 1)
        case .energyImportT2: .total("Energy import T2", .kilowattHours, 1, tariff: 2)
        case .energyImportT3: .total("Energy import T3", .kilowattHours, 1, tariff: 3)
        case .energyImportT4: .total("Energy import T4", .kilowattHours, 1, tariff: 4)
        case .energyExportT1: .total("Energy export T1", .kilowattHours, 2, tariff: 1)
        case .energyExportT2: .total("Energy export T2", .kilowattHours, 2, tariff: 2)
        case .energyExportT3: .total("Energy export T3", .kilowattHours, 2, tariff: 3)
        case .energyExportT4: .total("Energy export T4", .kilowattHours, 2, tariff: 4)
        case .power: .momentary("Power", .watts, 16)
        case .powerError: Facts("Power error", .momentary, .watts)
        case .powerImport: .momentary("Power import", .watts, 1)
        case .powerExport: .momentary("Power export", .watts, 2)
        case .powerL1: .momentary("Power L1", .watts, 36)
        case .powerL2: .momentary("Power L2", .watts, 56)
        case .powerL3: .momentary("Power L3", .watts, 76)
        case .voltageL1: .momentary("Voltage L1", .volts, 32)
        case .voltageL2: .momentary("Voltage L2", .volts, 52)
        case .voltageL3: .momentary("Voltage L3", .volts, 72)
        case .currentL1: .momentary("Current L1", .amperes, 31)
        case .currentL2: .momentary("Current L2", .amperes, 51)
        case .currentL3: .momentary("Current L3", .amperes, 71)
        case .currentN: .momentary("Current N", .amperes, 91)
        case .frequency: .momentary("Frequency", .hertz, 14)
        case .powerFactor: .factor("Power factor", 13)
        case .powerFactorL1: .factor("Power factor L1", 33)
        case .powerFactorL2: .factor("Power factor L2", 53)
        case .powerFactorL3: .factor("Power factor L3", 73)
        case .reactiveEnergyImport: .total("Reactive energy import", .kilovarHours, 3).hidden
        case .reactiveEnergyExport: .total("Reactive energy export", .kilovarHours, 4).hidden
        case .reactivePowerImport: .momentary("Reactive power import", .vars, 3).hidden
        case .reactivePowerExport: .momentary("Reactive power export", .vars, 4).hidden
        case .apparentEnergyImport: .total("Apparent energy import", .kilovoltAmpereHours, 9)
        case .apparentEnergyExport: .total("Apparent energy export", .kilovoltAmpereHours, 10)
        case .apparentPower: .momentary("Apparent power", .voltAmperes, 9)
        case .energy: Facts("Energy", .total, .kilowattHours)
        case .volume: Facts("Volume", .total, .cubicMetres)
        case .flow: Facts("Flow", .momentary, .cubicMetresPerHour)
        case .pulses: .diagnostic("Pulses", .count, counted: "imp", isHidden: true)
        case .pulsesLost: .diagnostic("Lost pulses", .count, counted: "imp", isHidden: true)
        case .pulsesRecovered: .diagnostic("Recovered pulses", .count, counted: "imp", isHidden: true)
        case .drift: .diagnostic("Drift", .text)
        case .driftPulses: .diagnostic("Drift in pulses", .momentary, counted: "imp")
        case .driftPercent: .diagnostic("Drift in percent", .momentary, .percent)
        case .serial: .diagnostic("Serial number", .text, nil, OBISCode(96, 1, 0))
        case .firmware: .diagnostic("Firmware", .text, nil, OBISCode(0, 2, 0))
        case .meterError: .diagnostic("Error code", .text, nil, OBISCode(97, 97, 0))
        case .meterClockOffset: .diagnostic("Clock offset", .momentary, .seconds, isHidden: true, isSlow: true)
        case .telegrams: .diagnostic("Telegrams", .count, isHidden: true, isSlow: true, mayBeLost: true)
        case .errors: .diagnostic("Errors", .count, isHidden: true, isSlow: true, mayBeLost: true)
        case .lastReading: .diagnostic("Last reading", .time, isSlow: true, mayBeLost: true)
        }
    }

    package var unit: Unit? { facts.unit }

    package var isTotal: Bool { facts.isTotal }

    package var isDiagnostic: Bool { facts.isDiagnostic }

    /// The largest possible magnitude; anything beyond was misread. `nil` if there is no limit.
    func bound(maxPower: Int64) -> Quantity? { facts.isFactor ? Quantity(1) : unit?.bound(maxPower: maxPower) }
}

package enum MeasuredValue: Hashable, Sendable {
    case number(Quantity)
    case text(String)
    case time(WallTime)

    /// The payload published to the value's topic.
    package var text: String {
        switch self {
        case .number(let quantity): quantity.description
        case .text(let text): text
        case .time(let time): time.rfc3339
        }
    }
}
