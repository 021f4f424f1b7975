import Metering

/// What Home Assistant needs to display a value, keep statistics on it and offer it to the Energy dashboard.
struct Entity: Sendable, Equatable {
    var name: String
    var deviceClass: String?
    var stateClass: String?
    var unit: String?
    /// The number of decimals displayed; the value keeps all of them.
    var precision: Int?
    var isDiagnostic = false
    var isEnabled = true

    /// The medium and `volumeUnit` determine the class and the unit of a volume.
    init(_ measurand: Measurand, medium: Medium = .electricity, volumeUnit: Unit? = nil) {
        let facts = measurand.facts
        name = facts.title
        unit = facts.counted ?? facts.unit?.rawValue
        switch facts.kind {
        case .total, .tariff:
            // Some Home Assistant versions in use have no class for reactive and apparent energy.
            become(facts.unit == .kilowattHours ? "energy" : nil, "total_increasing", precision: 3)
        case .momentary where facts.isFactor: become("power_factor", "measurement", precision: 2)
        case .momentary: measure(facts.unit)
        case .count: become(nil, "total_increasing", precision: nil)
        case .time: deviceClass = "timestamp"
        case .text: break
        }
        isDiagnostic = facts.isDiagnostic || measurand == .powerError
        isEnabled = !facts.isHidden
        let isInLitres = volumeUnit == .litres
        if measurand == .volume {
            become(medium == .gas ? "gas" : medium == .water ? "water" : "volume", "total_increasing", precision: isInLitres ? 0 : 3)
            unit = (volumeUnit ?? .cubicMetres).rawValue
        } else if measurand == .flow, isInLitres {
            unit = Unit.litresPerHour.rawValue
            precision = 0
        }
    }

    /// The entity of a register named by the user: a number gets the class of its unit, a text is shown as it is.
    init(_ register: NamedRegister) {
        let words = register.name.split { $0 == "_" || $0 == "-" }.joined(separator: " ")
        name = words.isEmpty ? register.name : words.prefix(1).uppercased() + words.dropFirst()
        guard case .number(_, let unit)? = register.value else { return }
        self.unit = unit?.rawValue
        measure(unit)
        if register.code.isCounter {
            deviceClass = unit == .wattHours || unit == .kilowattHours ? "energy" : nil
            stateClass = register.code.isRisingCounter ? "total_increasing" : "total"
        }
        precision = nil
    }

    private mutating func measure(_ unit: Unit?) {
        switch unit {
        case .watts, .kilowatts: become("power", "measurement", precision: 0)
        case .volts: become("voltage", "measurement", precision: 1)
        case .amperes: become("current", "measurement", precision: 2)
        case .vars: become("reactive_power", "measurement", precision: 0)
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
    /// Whether this is a tariff register; many meters always send 0 in some of them.
    var isTariff: Bool { facts.kind == .tariff }

    /// Values that must not be lost are acknowledged; a lost momentary value is soon followed by the next one.
    var qos: Int { facts.mayBeLost ? 0 : 1 }
}
