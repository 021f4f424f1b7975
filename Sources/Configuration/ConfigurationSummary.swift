import MeterProtocols
import Metering
import Publishing

extension Configuration {
    /// One line for each thing that the daemon will do, for `jouled check`.
    package var summary: [String] {
        meters.map(\.summary) + pulses.map(\.summary) + [
            mqtt?.summary ?? "no broker: there is no [mqtt] in it"
        ] + outputs.flatMap(\.summary) + [
            "state in \(state.directory), saved every \(state.saveEvery.configurationText)"
        ]
    }
}

extension Configuration.Meter {
    package var summary: String {
        let whose = "meter \(name) \(quoted(title)): \(port)"
        let names = named.map { "\($0.code.short) as \($0.name), " }.joined()
        let limits = "\(names)\(publishing(publishEvery)), at most \(maxPower) W"
        switch meterProtocol {
        case .d0Push: return "\(whose), listens for IEC 62056-21 mode D, \(limits)"
        case .sml: return "\(whose), listens for SML, \(limits)"
        case .p1: return "\(whose), listens for P1, \(limits)"
        case nil, .iec62056: break
        }
        let language = meterProtocol == nil ? "asks by IEC 62056-21 or listens" : "IEC 62056-21"
        let registers = registers.map(\.short).joined(separator: " ")
        let what = read == .readout ? "the readout" : read == .auto ? "\(registers), or the readout" : registers
        let pace = every == .zero ? "back to back" : "every \(every.configurationText)"
        return "\(whose), \(language), reads \(what) \(pace), \(limits)"
    }
}

extension Configuration.Pulse {
    package var summary: String {
        let input =
            "\(line), \(activeEdge == .falling ? "falling" : "rising") edge, bias \(bias.rawValue), from \(minPulse.configurationText)"
        if let of { return "pulse \(name): the light of \(of), \(input), \(pulsesPerUnit) per \(unit.rawValue)" }
        return
            "pulse \(name) \(quoted(title)): \(input), \(pulsesPerUnit) per \(unit.rawValue) of \(medium.rawValue), \(publishing(publishEvery))"
    }
}

extension Configuration.MQTT {
    package var summary: String {
        let address = "\(usesTLS ? "mqtts" : "mqtt")://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        let user = username.map { " as \(quoted($0)) with\(password == nil ? "out a" : " its") password" } ?? ""
        let protocolName = version == .auto ? "" : ", MQTT \(version.rawValue)"
        let homeAssistant = discovery == .off ? "no discovery" : "discovery \(discovery.rawValue) under \(discoveryPrefix)"
        return "broker \(address)\(user)\(protocolName), client \(clientID), topics under \(topic), \(homeAssistant)"
    }
}

extension Configuration.Output {
    package var summary: [String] {
        switch self {
        case .domoticz(let gateway):
            let pace = "at most every \(gateway.every.configurationText)"
            return ["output domoticz: to \(gateway.topic), \(pace)"]
                + gateway.devices.map { "output domoticz: idx \($0.idx) shows \($0.shown) of \($0.meter) as \($0.kind.rawValue)" }
        case .form(let form):
            return ["output mqtt-form: \(form.meter) to \(form.topic) as \(quoted(form.deviceID))" + (form.hasExport ? "" : ", no export")]
        }
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

private func publishing(_ interval: Duration) -> String {
    interval == .zero ? "publishes every reading" : "publishes every \(interval.configurationText)"
}
