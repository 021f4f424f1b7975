import MeterProtocols
import Metering
import Publishing

extension DomoticzGateway: OutputSettings {
    static let type = "domoticz"
    static let keys = [ConfigurationKeys(heading: "[[output]]", path: "output", names: fields.map(\.name)), deviceKeys]
    static let deviceKeys = ConfigurationKeys(
        heading: "[[output.device]]", path: "output.device", names: ["idx", "meter", "type", "quantity", "tariffs", "export"])

    static var fields: [ConfigurationField<Self>] {
        [
            ConfigurationField("type"),
            ConfigurationField("topic", .topic(Self().topic)) { $0.topic = $1 },
            ConfigurationField("every", .duration(.seconds(1) ... .seconds(3600))) { $0.every = $1 },
            ConfigurationField("device"),
        ]
    }

    static func read(
        _ section: inout ConfigurationSection, _ reader: inout ConfigurationReader, _ configuration: Configuration
    ) -> DomoticzGateway? {
        reader.gateway(&section, configuration)
    }

    var mqttOutput: (any MQTTOutput)? { DomoticzPublication(self) }

    var summary: [String] {
        ["output domoticz: to \(topic), at most every \(every.configurationText)"]
            + devices.map { "output domoticz: idx \($0.idx) shows \($0.shown) of \($0.meter) as \($0.kind.rawValue)" }
    }
}

extension ConfigurationReader {
    fileprivate mutating func gateway(_ section: inout ConfigurationSection, _ configuration: Configuration) -> DomoticzGateway {
        requireBroker(&section, configuration)
        var gateway = DomoticzGateway()
        section.read(DomoticzGateway.fields, into: &gateway)
        checkTopic(gateway.topic, &section, configuration)
        let devices = section.sections("device", DomoticzGateway.deviceKeys, upTo: 256)
        if devices.isEmpty, section.errors.isEmpty {
            section.refuse(
                "device", at: section.position, "missing; expected an [[output.device]] below it for each virtual sensor in Domoticz")
        }
        gateway.devices = devices.compactMap { device($0, configuration, topic: gateway.topic) }
        return gateway
    }

    private mutating func device(_ section: ConfigurationSection, _ configuration: Configuration, topic: String) -> DomoticzDevice? {
        var section = section
        defer { errors += section.errors }
        let idx = section.required("idx", .integer(1...2_147_483_647), "the number of the virtual sensor: see Setup, Devices in Domoticz")
        let meter = section.required("meter", .name, "expected the name of a [[meter]] or a [[pulse]]")
        let kind: DomoticzDevice.Kind? = section.required(
            "type", .choice(), "expected \(listed(DomoticzDevice.Kind.allCases.map(\.rawValue)))")
        guard let idx, let meter, let kind else { return nil }
        if let other = indexes["\(idx) \(topic)"] {
            section.refuse("idx", "\(idx) already shows \(quoted(other)); every device needs its own")
        }
        indexes["\(idx) \(topic)"] = meter
        var device = DomoticzDevice(idx: idx, meter: meter, kind: kind)
        device.quantity = quantity(of: kind, &section)
        for key in ["tariffs", "export"] where section.has(key) && kind != .p1 { section.refuse(key, "only for type = \"p1\"") }
        device.hasTariffs = section.read("tariffs", .boolean) ?? device.hasTariffs
        device.hasExport = section.read("export", .boolean) ?? device.hasExport
        checkMeter(of: device, &section, configuration)
        return device
    }

    private func quantity(of kind: DomoticzDevice.Kind, _ section: inout ConfigurationSection) -> Measurand? {
        let allowed = kind.quantities
        guard !allowed.isEmpty else {
            if section.has("quantity") { section.refuse("quantity", "type = \(quoted(kind.rawValue)) has a fixed quantity; remove it") }
            return nil
        }
        if kind == .custom, !section.has("quantity") { section.refuse("quantity", "missing; expected a quantity, e.g. \"frequency\"") }
        return section.read("quantity", .choice(allowed.map { ($0.rawValue, $0) }))
    }

    /// Checks that the meter can send the quantities that the device shows.
    private func checkMeter(of device: DomoticzDevice, _ section: inout ConfigurationSection, _ configuration: Configuration) {
        if let pulse = configuration.pulses.first(where: { $0.name == device.meter }) {
            if let meter = pulse.of {
                section.refuse("meter", "\(quoted(device.meter)) is the light of \(quoted(meter)); expected \(quoted(meter))")
            } else if let refusal = device.refusal(of: pulse) {
                section.refuse("type", refusal)
            }
        } else if let meter = configuration.meters.first(where: { $0.name == device.meter }) {
            if device.kind == .p1Gas {
                section.refuse(
                    "type", "an electricity meter has no gas; a gas meter behind its P1 port is named \(quoted("\(meter.name)_gas"))")
            }
            checkTariffs(of: device, meter, &section)
        } else if !meterNames.contains(where: { device.isBehind($0) }) {
            section.refuse("meter", strange(device.meter, configuration))
        }
    }

    /// If a meter is only polled for its total, the tariffs from its first readout would be shown forever.
    private func checkTariffs(of device: DomoticzDevice, _ meter: Configuration.Meter, _ section: inout ConfigurationSection) {
        guard device.kind == .p1, device.hasTariffs, meter.meterProtocol.map(Language.named)?.isAsked != false, meter.read != .readout
        else { return }
        let codes = [OBISCode(1, 8, 1), OBISCode(1, 8, 2)] + (device.hasExport ? [OBISCode(2, 8, 1), OBISCode(2, 8, 2)] : [])
        guard !codes.allSatisfy(meter.registers.contains) else { return }
        let registers = codes.map { "\"\($0.short)\"" }.joined(separator: ", ")
        section.refuse(
            "tariffs",
            "\(quoted(meter.name)) does not read them; expected registers = [\(registers)] there, or its protocol if it sends by itself"
        )
    }

    private func strange(_ name: String, _ configuration: Configuration) -> String {
        let names = configuration.meters.map(\.name) + configuration.pulses.filter { $0.of == nil }.map(\.name)
        let hint = closest(to: name, among: names).map { "did you mean \(quoted($0))? " } ?? ""
        return "no meter named \(quoted(name)); \(hint)allowed: \(listed(names))"
    }
}

extension DomoticzDevice.Kind {
    /// The allowed values of `quantity`; empty if there is no choice.
    fileprivate var quantities: [Measurand] {
        switch self {
        case .p1, .p1Gas, .current3: []
        case .kwh: [.energy, .energyImport, .energyExport]
        case .counter: Measurand.allCases.filter { $0.isTotal && ($0.unit == .kilowattHours || $0 == .volume) }
        case .usage: Measurand.allCases.filter { $0.unit == .watts }
        case .voltage: Measurand.allCases.filter { $0.unit == .volts }
        case .current: Measurand.allCases.filter { $0.unit == .amperes }
        case .custom: Measurand.allCases.filter { $0.facts.kind != .text && $0.facts.kind != .time }
        }
    }
}

extension DomoticzDevice {
    /// Whether the device's meter may be behind the P1 port of meter `name`: gas, water and heat meters are only discovered while the port
    /// is read.
    fileprivate func isBehind(_ name: String) -> Bool {
        let mediums: [Medium] = kind == .p1Gas ? [.gas] : kind == .counter || kind == .custom ? [.gas, .water, .heat] : []
        return mediums.contains { meter == "\(name)_\($0.rawValue)" || meter.hasPrefix("\(name)_\($0.rawValue)_") }
    }

    fileprivate func refusal(of pulse: Configuration.Pulse) -> String? {
        let isEnergy = pulse.unit == .kilowattHours
        let own: [Measurand] = (isEnergy ? [.energy, .power, .powerError] : [.volume, .flow]) + [.pulses, .pulsesLost, .pulsesRecovered]
        let fits =
            switch kind {
            case .p1, .voltage, .current, .current3: false
            case .p1Gas: pulse.medium == .gas
            case .kwh, .usage: isEnergy
            case .counter, .custom: true
            }
        let expected =
            isEnergy
            ? ["kwh", "usage", "counter", "custom"] : pulse.medium == .gas ? ["p1-gas", "counter", "custom"] : ["counter", "custom"]
        if !fits { return "the pulse meter \(quoted(pulse.name)) has no such values; allowed: \(listed(expected))" }
        guard let quantity, !own.contains(quantity) else { return nil }
        return "the pulse meter \(quoted(pulse.name)) has no \(quantity.rawValue)"
    }
}

extension DomoticzDevice {
    fileprivate var shown: String {
        if let quantity { return quantity.rawValue }
        switch kind {
        case .p1: return (hasTariffs ? "the tariffs" : "energy") + (hasExport ? " both ways and power" : " from the grid and power")
        case .p1Gas: return "the volume"
        case .kwh: return "energy and power"
        case .usage: return "power"
        case .counter: return "the total"
        case .voltage: return Measurand.voltageL1.rawValue
        case .current: return Measurand.currentL1.rawValue
        case .current3: return "the three currents"
        case .custom: return "nothing"
        }
    }
}

extension Configuration.Output {
    package init(_ gateway: DomoticzGateway) { self.init(settings: gateway) }
}
