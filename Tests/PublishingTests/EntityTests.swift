import Metering
import Testing

@testable import Publishing

/// The announcement of each kind of value: its classes, its unit and the displayed decimals.
@Suite struct EntityTests {
    private struct Expected: Sendable, CustomTestStringConvertible {
        var measurands: [Measurand]
        var deviceClass: String?
        var stateClass: String?
        var unit: String?
        var precision: Int?
        var isDiagnostic = false
        var isEnabled = true

        var testDescription: String { measurands.map(\.rawValue).joined(separator: " ") }
    }

    private static let expected: [Expected] = [
        Expected(
            measurands: [
                .energyImport, .energyExport, .energyImportT1, .energyImportT2, .energyImportT3, .energyImportT4, .energyExportT1,
                .energyExportT2, .energyExportT3, .energyExportT4, .energy,
            ], deviceClass: "energy", stateClass: "total_increasing", unit: "kWh", precision: 3),
        Expected(
            measurands: [.reactiveEnergyImport, .reactiveEnergyExport], stateClass: "total_increasing", unit: "kvarh", precision: 3,
            isEnabled: false),
        Expected(measurands: [.apparentEnergyImport, .apparentEnergyExport], stateClass: "total_increasing", unit: "kVAh", precision: 3),
        Expected(
            measurands: [.power, .powerImport, .powerExport, .powerL1, .powerL2, .powerL3], deviceClass: "power",
            stateClass: "measurement", unit: "W", precision: 0),
        Expected(
            measurands: [.powerError], deviceClass: "power", stateClass: "measurement", unit: "W", precision: 0, isDiagnostic: true),
        Expected(
            measurands: [.voltageL1, .voltageL2, .voltageL3], deviceClass: "voltage", stateClass: "measurement", unit: "V", precision: 1),
        Expected(
            measurands: [.currentL1, .currentL2, .currentL3, .currentN], deviceClass: "current", stateClass: "measurement", unit: "A",
            precision: 2),
        Expected(measurands: [.frequency], deviceClass: "frequency", stateClass: "measurement", unit: "Hz", precision: 2),
        Expected(
            measurands: [.powerFactor, .powerFactorL1, .powerFactorL2, .powerFactorL3], deviceClass: "power_factor",
            stateClass: "measurement", precision: 2),
        Expected(
            measurands: [.reactivePowerImport, .reactivePowerExport], deviceClass: "reactive_power", stateClass: "measurement",
            unit: "var", precision: 0, isEnabled: false),
        Expected(measurands: [.apparentPower], deviceClass: "apparent_power", stateClass: "measurement", unit: "VA", precision: 0),
        Expected(
            measurands: [.pulses, .pulsesLost, .pulsesRecovered], stateClass: "total_increasing", unit: "imp", isDiagnostic: true,
            isEnabled: false),
        Expected(measurands: [.driftPulses], stateClass: "measurement", unit: "imp", isDiagnostic: true),
        Expected(measurands: [.driftPercent], stateClass: "measurement", unit: "%", isDiagnostic: true),
        Expected(measurands: [.drift, .serial, .firmware, .meterError], isDiagnostic: true),
        Expected(
            measurands: [.meterClockOffset], deviceClass: "duration", stateClass: "measurement", unit: "s", precision: 0,
            isDiagnostic: true, isEnabled: false),
        Expected(measurands: [.telegrams, .errors], stateClass: "total_increasing", isDiagnostic: true, isEnabled: false),
        Expected(measurands: [.lastReading], deviceClass: "timestamp", isDiagnostic: true),
    ]

    @Test(arguments: expected) private func ofAMeasurand(_ expected: Expected) {
        for measurand in expected.measurands {
            let entity = Entity(measurand)
            #expect(
                entity.deviceClass == expected.deviceClass && entity.stateClass == expected.stateClass && entity.unit == expected.unit
                    && entity.precision == expected.precision && entity.isDiagnostic == expected.isDiagnostic
                    && entity.isEnabled == expected.isEnabled, "\(measurand): \(entity)")
        }
    }

    @Test func noMeasurandIsForgotten() {
        let known = Self.expected.flatMap(\.measurands)
        #expect(Set(known).union([.volume, .flow]) == Set(Measurand.allCases) && Set(known).count == known.count)
        #expect(Set(Measurand.allCases.map(\.facts.title)).count == Measurand.allCases.count, "two would look alike")
    }

    private struct Volume: Sendable {
        var medium: Medium
        var unit: Unit?
        var deviceClass: String
        var units: [String]
        var precision: Int
    }

    private static let volumes: [Volume] = [
        Volume(medium: .gas, unit: .cubicMetres, deviceClass: "gas", units: ["m³", "m³/h"], precision: 3),
        Volume(medium: .water, unit: .litres, deviceClass: "water", units: ["L", "L/h"], precision: 0),
        Volume(medium: .water, unit: .cubicMetres, deviceClass: "water", units: ["m³", "m³/h"], precision: 3),
        Volume(medium: .heat, unit: .litres, deviceClass: "volume", units: ["L", "L/h"], precision: 0),
        Volume(medium: .heat, unit: nil, deviceClass: "volume", units: ["m³", "m³/h"], precision: 3),
    ]

    @Test(arguments: volumes) private func ofAVolume(_ expected: Volume) {
        let (volume, flow) = (
            Entity(.volume, medium: expected.medium, volumeUnit: expected.unit),
            Entity(.flow, medium: expected.medium, volumeUnit: expected.unit)
        )
        #expect(volume.deviceClass == expected.deviceClass && volume.stateClass == "total_increasing")
        #expect(flow.deviceClass == "volume_flow_rate" && flow.stateClass == "measurement")
        #expect(
            [volume.unit, flow.unit] == expected.units && [volume.precision, flow.precision] == [expected.precision, expected.precision])
        #expect(volume.isEnabled && flow.isEnabled && !volume.isDiagnostic && !flow.isDiagnostic)
    }

    // MARK: Registers named in the configuration

    private func entity(_ unit: Unit?, _ code: OBISCode = OBISCode(96, 7, 0), name: String = "x") -> Entity {
        var register = NamedRegister(code, name: name)
        register.value = .number(Quantity(1), unit)
        return Entity(register)
    }

    private static let classes: [(Unit?, String?)] = [
        (.watts, "power"), (.kilowatts, "power"), (.volts, "voltage"), (.amperes, "current"), (.vars, "reactive_power"),
        (.voltAmperes, "apparent_power"), (.hertz, "frequency"), (.seconds, "duration"), (.minutes, "duration"), (.hours, "duration"),
        (.cubicMetresPerHour, "volume_flow_rate"), (.degrees, nil), (.percent, nil), (.gigajoules, nil), (.celsius, nil), (nil, nil),
    ]

    /// All digits that the meter sends are displayed, and named registers are not hidden.
    @Test(arguments: classes) func ofANamedRegister(_ unit: Unit?, _ deviceClass: String?) {
        let entity = entity(unit)
        #expect(entity.deviceClass == deviceClass && entity.stateClass == "measurement" && entity.unit == unit?.rawValue)
        #expect(entity.precision == nil && entity.isEnabled && !entity.isDiagnostic)
    }

    /// The balance of both directions may decrease; reactive energy has no class.
    @Test func ofANamedCounter() {
        for unit in [Unit.wattHours, .kilowattHours] {
            #expect(entity(unit, OBISCode(15, 8, 0)).deviceClass == "energy")
            #expect(entity(unit, OBISCode(15, 8, 0)).stateClass == "total_increasing")
            #expect(entity(unit, OBISCode(16, 8, 0)).deviceClass == "energy" && entity(unit, OBISCode(16, 8, 0)).stateClass == "total")
        }
        for unit in [Unit.varHours, .kilovarHours, .voltAmpereHours] {
            #expect(entity(unit, OBISCode(5, 8, 0)).deviceClass == nil)
            #expect(entity(unit, OBISCode(5, 8, 0)).stateClass == "total_increasing")
        }
    }

    private static let names: [(String, String)] = [
        ("peak", "Peak"), ("peak_of_month", "Peak of month"), ("peak-of_Month", "Peak of Month"), ("_peak__1_", "Peak 1"), ("_-", "_-"),
    ]

    @Test(arguments: names) func isCalledAsItsOwnerSays(_ name: String, _ shown: String) {
        #expect(entity(nil, name: name).name == shown)
    }

    @Test func aTextHasNoClass() {
        var register = NamedRegister(OBISCode(1, 8, 0), name: "x")
        register.value = .text("12:00")
        let entity = Entity(register)
        #expect(entity.deviceClass == nil && entity.stateClass == nil && entity.unit == nil && entity.isEnabled)
    }

    // MARK: Quality of service

    /// Totals and rarely changing values must not be lost, so they are acknowledged.
    @Test func qualityOfService() {
        let momentary: Set<Measurand> = [
            .power, .powerError, .powerImport, .powerExport, .powerL1, .powerL2, .powerL3, .voltageL1, .voltageL2, .voltageL3, .currentL1,
            .currentL2, .currentL3, .currentN, .frequency, .powerFactor, .powerFactorL1, .powerFactorL2, .powerFactorL3,
            .reactivePowerImport, .reactivePowerExport, .apparentPower, .flow, .telegrams, .errors, .lastReading,
        ]
        for measurand in Measurand.allCases { #expect(measurand.qos == (momentary.contains(measurand) ? 0 : 1), "\(measurand)") }
        let tariffs = Measurand.allCases.filter(\.isTariff)
        #expect(
            tariffs == [
                .energyImportT1, .energyImportT2, .energyImportT3, .energyImportT4, .energyExportT1, .energyExportT2, .energyExportT3,
                .energyExportT4,
            ])
    }
}
