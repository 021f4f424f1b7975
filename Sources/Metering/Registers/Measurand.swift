/// What is published under a name of its own: `<base>/<meter>/<quantity>`. The names are public API.
package enum Measurand: String, Sendable, Hashable, CaseIterable {
    case energyImport = "energy_import", energyExport = "energy_export"
    case energyImportT1 = "energy_import_t1", energyImportT2 = "energy_import_t2"
    case energyImportT3 = "energy_import_t3", energyImportT4 = "energy_import_t4"
    case energyExportT1 = "energy_export_t1", energyExportT2 = "energy_export_t2"
    case energyExportT3 = "energy_export_t3", energyExportT4 = "energy_export_t4"
    /// `power` and by how much it may be wrong, where it is estimated; the one before the other.
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
    /// How far its clock is ahead of ours.
    case meterClockOffset = "meter_clock_offset"
    case telegrams, errors, lastReading = "last_reading"

    /// The unit it is published in; `nil` for texts, time stamps, factors and plain counts. Volume and flow may also be in litres.
    package var unit: Unit? {
        switch self {
        case .energyImport, .energyExport, .energyImportT1, .energyImportT2, .energyImportT3, .energyImportT4, .energyExportT1,
            .energyExportT2, .energyExportT3, .energyExportT4, .energy:
            .kilowattHours
        case .power, .powerError, .powerImport, .powerExport, .powerL1, .powerL2, .powerL3: .watts
        case .voltageL1, .voltageL2, .voltageL3: .volts
        case .currentL1, .currentL2, .currentL3, .currentN: .amperes
        case .frequency: .hertz
        case .reactiveEnergyImport, .reactiveEnergyExport: .kilovarHours
        case .reactivePowerImport, .reactivePowerExport: .vars
        case .apparentEnergyImport, .apparentEnergyExport: .kilovoltAmpereHours
        case .apparentPower: .voltAmperes
        case .powerFactor, .powerFactorL1, .powerFactorL2, .powerFactorL3: nil
        case .volume: .cubicMetres
        case .flow: .cubicMetresPerHour
        case .driftPercent: .percent
        case .meterClockOffset: .seconds
        case .pulses, .pulsesLost, .pulsesRecovered, .drift, .driftPulses, .serial, .firmware, .meterError, .telegrams, .errors,
            .lastReading:
            nil
        }
    }

    /// A counter that only ever rises.
    package var isTotal: Bool {
        switch self {
        case .energyImport, .energyExport, .energyImportT1, .energyImportT2, .energyImportT3, .energyImportT4, .energyExportT1,
            .energyExportT2, .energyExportT3, .energyExportT4, .energy, .volume, .reactiveEnergyImport, .reactiveEnergyExport,
            .apparentEnergyImport, .apparentEnergyExport:
            true
        default: false
        }
    }

    /// What is beyond it was misread, in either direction. `nil` where nothing is impossible.
    func bound(maxPower: Int64) -> Quantity? {
        switch self {
        case .powerFactor, .powerFactorL1, .powerFactorL2, .powerFactorL3: Quantity(1)
        default: unit?.bound(maxPower: maxPower)
        }
    }

    /// About the meter and its reading, not about what flows through it.
    package var isDiagnostic: Bool {
        switch self {
        case .pulses, .pulsesLost, .pulsesRecovered, .drift, .driftPulses, .driftPercent, .serial, .firmware, .meterError,
            .meterClockOffset, .telegrams, .errors, .lastReading:
            true
        default: false
        }
    }
}

package enum MeasuredValue: Hashable, Sendable {
    case number(Quantity)
    case text(String)
    case time(WallTime)

    /// The payload of its topic.
    package var text: String {
        switch self {
        case .number(let quantity): quantity.description
        case .text(let text): text
        case .time(let time): time.rfc3339
        }
    }
}
