import Metering
import Publishing

extension ConfigurationReader {
    private enum OutputType { case domoticz, form }

    mutating func output(_ section: ConfigurationSection, _ configuration: Configuration) -> Configuration.Output? {
        // Which keys there are is known with the type.
        var any = section
        let type = any.required(
            "type", .choice([("domoticz", OutputType.domoticz), ("mqtt-form", .form)], later: ["influxdb", "http", "volkszaehler"]),
            "expected \"domoticz\" or \"mqtt-form\"")
        guard let type else {
            errors += any.errors
            return nil
        }
        var section = ConfigurationSection(type == .form ? .form : .domoticz, section.table, at: section.position, file: file)
        if configuration.mqtt == nil { section.refuse("type", "needs [mqtt]: it goes to the same broker") }
        defer { errors += section.errors }
        switch type {
        case .domoticz: return .domoticz(gateway(&section, configuration))
        case .form: return form(&section, configuration).map { .form($0) }
        }
    }

    private mutating func gateway(_ section: inout ConfigurationSection, _ configuration: Configuration) -> DomoticzGateway {
        var gateway = DomoticzGateway()
        gateway.topic = section.read("topic", .topic(gateway.topic)) ?? gateway.topic
        checkTopic(gateway.topic, &section, configuration)
        gateway.every = section.read("every", .duration(.seconds(1) ... .seconds(3600))) ?? gateway.every
        let devices = section.sections("device", .device, upTo: 256)
        if devices.isEmpty, section.errors.isEmpty {
            section.refuse(
                "device", at: section.position, "missing; expected a [[output.device]] below it for each virtual sensor of Domoticz")
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
            section.refuse("idx", "\(idx) shows \(quoted(other)) already; every device needs its own")
        }
        indexes["\(idx) \(topic)"] = meter
        var device = DomoticzDevice(idx: idx, meter: meter, kind: kind)
        device.quantity = quantity(of: kind, &section)
        for key in ["tariffs", "export"] where section.has(key) && kind != .p1 { section.refuse(key, "only for type = \"p1\"") }
        device.hasTariffs = section.read("tariffs", .truth) ?? device.hasTariffs
        device.hasExport = section.read("export", .truth) ?? device.hasExport
        checkMeter(of: device, &section, configuration)
        return device
    }

    /// What an output says must not come back as a command.
    private func checkTopic(_ topic: String, _ section: inout ConfigurationSection, _ configuration: Configuration) {
        guard let mqtt = configuration.mqtt else { return }
        let topics = Topics(base: mqtt.topic, prefix: mqtt.discoveryPrefix)
        let heard = [topics.homeAssistantStatus] + BridgeCommand.allCases.map(topics.command)
        guard heard.contains(topic) || topics.meter(ofTotalSet: topic) != nil else { return }
        section.refuse("topic", "\(quoted(topic)) is a topic that jouled takes commands from; expected another one")
    }

    private func quantity(of kind: DomoticzDevice.Kind, _ section: inout ConfigurationSection) -> Measurand? {
        let allowed = kind.quantities
        guard !allowed.isEmpty else {
            if section.has("quantity") { section.refuse("quantity", "type = \(quoted(kind.rawValue)) has its own; remove it") }
            return nil
        }
        if kind == .custom, !section.has("quantity") { section.refuse("quantity", "missing; expected which, e.g. \"frequency\"") }
        return section.read("quantity", .choice(allowed.map { ($0.rawValue, $0) }))
    }

    /// That the meter may have what the device shows.
    private func checkMeter(of device: DomoticzDevice, _ section: inout ConfigurationSection, _ configuration: Configuration) {
        if let pulse = configuration.pulses.first(where: { $0.name == device.meter }) {
            if let meter = pulse.of {
                section.refuse("meter", "\(quoted(device.meter)) is the light of \(quoted(meter)); expected that one")
            } else if let refusal = device.refusal(of: pulse) {
                section.refuse("type", refusal)
            }
        } else if let meter = configuration.meters.first(where: { $0.name == device.meter }) {
            if device.kind == .p1Gas {
                section.refuse(
                    "type", "an electricity meter has no gas; a gas meter behind its P1 port is called \(quoted("\(meter.name)_gas"))")
            }
            checkTariffs(of: device, meter, &section)
        } else if !meterNames.contains(where: { device.isBehind($0) }) {
            section.refuse("meter", strange(device.meter, configuration))
        }
    }

    /// A meter that is asked for the total alone would show the tariffs of its first readout for ever.
    private func checkTariffs(of device: DomoticzDevice, _ meter: Configuration.Meter, _ section: inout ConfigurationSection) {
        guard device.kind == .p1, device.hasTariffs, meter.meterProtocol == nil || meter.meterProtocol == .iec62056, meter.read != .readout
        else { return }
        let codes = [OBISCode(1, 8, 1), OBISCode(1, 8, 2)] + (device.hasExport ? [OBISCode(2, 8, 1), OBISCode(2, 8, 2)] : [])
        guard !codes.allSatisfy(meter.registers.contains) else { return }
        let registers = codes.map { "\"\($0.short)\"" }.joined(separator: ", ")
        section.refuse(
            "tariffs",
            "\(quoted(meter.name)) does not read them; expected registers = [\(registers)] there, or its protocol where it speaks by itself"
        )
    }

    private func strange(_ name: String, _ configuration: Configuration) -> String {
        let names = configuration.meters.map(\.name) + configuration.pulses.filter { $0.of == nil }.map(\.name)
        let hint = closest(to: name, among: names).map { "did you mean \(quoted($0))? " } ?? ""
        return "no meter is called \(quoted(name)); \(hint)allowed: \(listed(names))"
    }

    private func form(_ section: inout ConfigurationSection, _ configuration: Configuration) -> FormOutput? {
        let topic = section.required("topic", .topic("myhome/infra/power/xwwwform"), "what PE32ME162_TOPIC was before")
        let meter = section.required("meter", .name, "expected the name of a [[meter]]")
        let id = section.required("device_id", .line("EUI48:11:22:33:44:55:66"), "what PE32ME162_GUID was before")
        let hasExport = section.read("export", .truth)
        if let meter, !meterNames.contains(meter) {
            let names = listed(meterNames)
            section.refuse("meter", "no [[meter]] is called \(quoted(meter))" + (names.isEmpty ? "" : "; allowed: \(names)"))
        }
        if let topic { checkTopic(topic, &section, configuration) }
        guard let topic, let meter, let id else { return nil }
        var form = FormOutput(meter: meter, topic: topic, deviceID: id)
        form.hasExport = hasExport ?? form.hasExport
        return form
    }
}

extension DomoticzDevice.Kind {
    /// What `quantity` may be; none where there is no choice.
    fileprivate var quantities: [Measurand] {
        switch self {
        case .p1, .p1Gas, .current3: []
        case .kwh: [.energy, .energyImport, .energyExport]
        case .counter: Measurand.allCases.filter { $0.isTotal && ($0.unit == .kilowattHours || $0 == .volume) }
        case .usage: Measurand.allCases.filter { $0.unit == .watts }
        case .voltage: Measurand.allCases.filter { $0.unit == .volts }
        case .current: Measurand.allCases.filter { $0.unit == .amperes }
        case .custom: Measurand.allCases.filter { $0.isNumber }
        }
    }
}

extension Measurand {
    fileprivate var isNumber: Bool {
        switch self {
        case .serial, .firmware, .meterError, .lastReading, .drift: false
        default: true
        }
    }
}

extension DomoticzDevice {
    /// A gas, water or heat meter behind a P1 port is found while it is read.
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
