import Metering

/// What Home Assistant must know of a value to show it, keep statistics of it and offer it to the Energy dashboard.
struct Entity: Sendable, Equatable {
    var name: String
    var deviceClass: String?
    var stateClass: String?
    var unit: String?
    /// The decimals that are shown; the value keeps all of them.
    var precision: Int?
    var isDiagnostic = false
    var isEnabled = true

    /// The class and the unit of a volume depend on what flows.
    init(_ measurand: Measurand, medium: Medium = .electricity, volumeUnit: Unit? = nil) {
        name = measurand.title
        unit = measurand.unit?.rawValue
        isDiagnostic = measurand.isDiagnostic
        if measurand.isTotal {
            // Home Assistant has no class for reactive and apparent energy in all the versions that are in use.
            self.become(
                measurand.unit == .kilovarHours || measurand.unit == .kilovoltAmpereHours ? nil : "energy", "total_increasing", precision: 3
            )
            if measurand.unit == .kilovarHours { isEnabled = false }
        } else if let unit = measurand.unit {
            self.measure(unit)
        }
        switch measurand {
        case .volume:
            deviceClass = medium == .gas ? "gas" : medium == .water ? "water" : "volume"
            unit = (volumeUnit ?? .cubicMetres).rawValue
            precision = volumeUnit == .litres ? 0 : 3
        case .flow:
            unit = (volumeUnit == .litres ? Unit.litresPerHour : .cubicMetresPerHour).rawValue
            precision = volumeUnit == .litres ? 0 : 3
        case .pulses, .pulsesLost, .pulsesRecovered:
            become(nil, "total_increasing", precision: nil)
            unit = "imp"
            isEnabled = false
        case .driftPulses:
            become(nil, "measurement", precision: nil)
            unit = "imp"
        case .telegrams, .errors:
            become(nil, "total_increasing", precision: nil)
            isEnabled = false
        case .powerFactor, .powerFactorL1, .powerFactorL2, .powerFactorL3: become("power_factor", "measurement", precision: 2)
        case .powerError: isDiagnostic = true
        case .meterClockOffset: isEnabled = false
        case .lastReading: deviceClass = "timestamp"
        default: break
        }
    }

    /// A number has the class that its unit has; a text is shown as it is.
    init(_ register: NamedRegister) {
        let words = register.name.split { $0 == "_" || $0 == "-" }.joined(separator: " ")
        name = words.isEmpty ? register.name : words.prefix(1).uppercased() + words.dropFirst()
        guard case .number(_, let unit)? = register.value else { return }
        self.unit = unit?.rawValue
        stateClass = "measurement"
        if let unit { measure(unit) }
        if register.code.isCounter {
            deviceClass = unit == .wattHours || unit == .kilowattHours ? "energy" : nil
            stateClass = register.code.isRisingCounter ? "total_increasing" : "total"
        }
        precision = nil
        isEnabled = true
    }

    private mutating func measure(_ unit: Unit) {
        switch unit {
        case .watts, .kilowatts: become("power", "measurement", precision: 0)
        case .volts: become("voltage", "measurement", precision: 1)
        case .amperes: become("current", "measurement", precision: 2)
        case .vars:
            become("reactive_power", "measurement", precision: 0)
            isEnabled = false
        case .voltAmperes: become("apparent_power", "measurement", precision: 0)
        case .hertz: become("frequency", "measurement", precision: 2)
        case .seconds, .minutes, .hours: become("duration", "measurement", precision: 0)
        case .cubicMetresPerHour: become("volume_flow_rate", "measurement", precision: 3)
        default: become(nil, "measurement", precision: nil)
        }
    }

    private mutating func become(_ deviceClass: String?, _ stateClass: String, precision: Int?) {
        self.deviceClass = deviceClass
        self.stateClass = stateClass
        self.precision = precision
    }
}

extension Measurand {
    /// For people: never with the name of the device, which Home Assistant puts in front.
    var title: String {
        switch self {
        case .energyImport: "Energy import"
        case .energyExport: "Energy export"
        case .energyImportT1: "Energy import T1"
        case .energyImportT2: "Energy import T2"
        case .energyImportT3: "Energy import T3"
        case .energyImportT4: "Energy import T4"
        case .energyExportT1: "Energy export T1"
        case .energyExportT2: "Energy export T2"
        case .energyExportT3: "Energy export T3"
        case .energyExportT4: "Energy export T4"
        case .power: "Power"
        case .powerError: "Power error"
        case .powerImport: "Power import"
        case .powerExport: "Power export"
        case .powerL1: "Power L1"
        case .powerL2: "Power L2"
        case .powerL3: "Power L3"
        case .voltageL1: "Voltage L1"
        case .voltageL2: "Voltage L2"
        case .voltageL3: "Voltage L3"
        case .currentL1: "Current L1"
        case .currentL2: "Current L2"
        case .currentL3: "Current L3"
        case .currentN: "Current N"
        case .frequency: "Frequency"
        case .powerFactor: "Power factor"
        case .powerFactorL1: "Power factor L1"
        case .powerFactorL2: "Power factor L2"
        case .powerFactorL3: "Power factor L3"
        case .reactiveEnergyImport: "Reactive energy import"
        case .reactiveEnergyExport: "Reactive energy export"
        case .reactivePowerImport: "Reactive power import"
        case .reactivePowerExport: "Reactive power export"
        case .apparentEnergyImport: "Apparent energy import"
        case .apparentEnergyExport: "Apparent energy export"
        case .apparentPower: "Apparent power"
        case .energy: "Energy"
        case .volume: "Volume"
        case .flow: "Flow"
        case .pulses: "Pulses"
        case .pulsesLost: "Lost pulses"
        case .pulsesRecovered: "Recovered pulses"
        case .drift: "Drift"
        case .driftPulses: "Drift in pulses"
        case .driftPercent: "Drift in percent"
        case .serial: "Serial number"
        case .firmware: "Firmware"
        case .meterError: "Error code"
        case .meterClockOffset: "Clock offset"
        case .telegrams: "Telegrams"
        case .errors: "Errors"
        case .lastReading: "Last reading"
        }
    }

    /// A part of a total that many meters send as 0 for ever.
    var isTariff: Bool {
        switch self {
        case .energyImportT1, .energyImportT2, .energyImportT3, .energyImportT4, .energyExportT1, .energyExportT2, .energyExportT3,
            .energyExportT4:
            true
        default: false
        }
    }

    /// What may not be lost is acknowledged; the next momentary value comes soon.
    var qos: Int {
        switch self {
        case .pulses, .pulsesLost, .pulsesRecovered, .drift, .driftPulses, .driftPercent, .serial, .firmware, .meterError,
            .meterClockOffset:
            1
        default: isTotal ? 1 : 0
        }
    }
}
