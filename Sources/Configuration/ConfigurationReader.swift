import MeterProtocols
import Metering
import Publishing

/// Makes a valid configuration of what a file says, or says everything that is wrong with it.
package struct ConfigurationReader {
    let file: String
    let environment: ConfigurationEnvironment
    var errors: [ConfigurationError] = []
    private var names: [String: TOMLPosition] = [:]
    private var ports: [String: String] = [:]
    private var lines: [Configuration.Pulse.Line: String] = [:]
    var meterNames: [String] = []
    private var lights: [String: String] = [:]
    var secretFiles: [String] = []
    /// Of Domoticz's devices, by topic and number.
    var indexes: [String: String] = [:]

    private init(file: String, environment: ConfigurationEnvironment) {
        self.file = file
        self.environment = environment
    }

    package static func read(
        _ tree: TOMLTable, file: String, environment: ConfigurationEnvironment
    ) -> Result<Configuration, ConfigurationErrors> {
        var reader = ConfigurationReader(file: file, environment: environment)
        let configuration = reader.configuration(tree)
        guard reader.errors.isEmpty else {
            let start = TOMLPosition(1, 1)
            return .failure(ConfigurationErrors(reader.errors.sorted { ($0.position ?? start) < ($1.position ?? start) }))
        }
        return .success(configuration)
    }

    private mutating func configuration(_ tree: TOMLTable) -> Configuration {
        var configuration = Configuration()
        var top = ConfigurationSection(.top, tree, at: TOMLPosition(1, 1), file: file)
        if let section = top.section("mqtt", .mqtt) { configuration.mqtt = mqtt(section) }
        let (meters, pulses) = (top.sections("meter", .meter, upTo: 32), top.sections("pulse", .pulse, upTo: 64))
        configuration.meters = meters.compactMap { meter($0) }
        meterNames = configuration.meters.map(\.name)
        configuration.pulses = pulses.compactMap { pulse($0) }
        configuration.outputs = top.sections("output", .output, upTo: 16).compactMap { output($0, configuration) }
        if let section = top.section("state", .state) { configuration.state = state(section) }
        configuration.secretFiles = secretFiles
        errors += top.errors
        if meters.isEmpty, pulses.isEmpty, !top.errors.contains(where: { $0.key == "meter" || $0.key == "pulse" }) {
            let advice = "nothing to read: there is neither a [[meter]] nor a [[pulse]] in it"
            errors.append(ConfigurationError(file: file, at: TOMLPosition(1, 1), advice))
        }
        return configuration
    }

    private mutating func meter(_ section: ConfigurationSection) -> Configuration.Meter? {
        var section = section
        defer { errors += section.errors }
        let name = name(&section)
        let port = section.required("port", .serialPort, "see which heads there are with: ls /dev/serial/by-id/")
        var meter = Configuration.Meter(name: name ?? "", title: title(&section, name), port: port ?? "")
        if let port {
            if let other = ports[port] {
                section.refuse("port", "\(quoted(port)) is the port of \(quoted(other)) already; one head reads one meter")
            }
            ports[port] = name ?? ports[port]
        }
        meter.meterProtocol = section.read("protocol", .meterProtocol) ?? nil
        meter.address = section.read("address", .meterAddress) ?? ""
        meter.wakesUp = section.read("wake_up", .truth) ?? false
        meter.direction = section.read("direction", .choice()) ?? meter.direction
        meter.read = section.read("read", .choice()) ?? meter.read
        if let list = section.read("registers", .registers) {
            meter.registers = list.map(\.code)
            meter.named = list.filter { !$0.name.isEmpty }
            // Its topic would be that of the command.
            if let name, BridgeCommand(rawValue: name) != nil, meter.named.contains(where: { $0.name == "set" }) {
                section.refuse("registers", "a meter called \(quoted(name)) can't have a register called \"set\"; expected another name")
            }
        }
        meter.every = section.read("every", .duration(.zero ... .seconds(3600))) ?? meter.every
        meter.maxPower = section.read("max_power", .power) ?? meter.maxPower
        meter.publishEvery = section.read("publish_every", .duration(.zero ... .seconds(3600))) ?? meter.publishEvery
        return name != nil && port != nil ? meter : nil
    }

    private mutating func pulse(_ section: ConfigurationSection) -> Configuration.Pulse? {
        var section = section
        defer { errors += section.errors }
        let name = name(&section)
        let line = line(&section)
        var pulse = Configuration.Pulse(name: name ?? "", title: title(&section, name), line: line ?? .name(""))
        if let line {
            let key = section.has("line") ? "line" : "offset"
            if let other = lines[line] { section.refuse(key, "\(line) is the line of \(quoted(other)) already") }
            lines[line] = name ?? lines[line]
        }
        pulse.activeEdge = section.read("edge", .choice([("falling", .falling), ("rising", .rising)])) ?? pulse.activeEdge
        pulse.bias = section.read("bias", .choice()) ?? pulse.bias
        pulse.pulsesPerUnit = section.read("pulses_per_unit", .pulsesPerUnit) ?? pulse.pulsesPerUnit
        (pulse.unit, pulse.medium) = unitAndMedium(&section, default: pulse)
        pulse.minPulse = section.read("min_pulse", .duration(.milliseconds(1) ... .seconds(10))) ?? pulse.minPulse
        pulse.publishEvery = section.read("publish_every", .duration(.zero ... .seconds(3600))) ?? pulse.publishEvery
        pulse.of = light(&section, pulse)
        return name != nil && line != nil ? pulse : nil
    }

    private mutating func light(_ section: inout ConfigurationSection, _ pulse: Configuration.Pulse) -> String? {
        guard let meter = section.read("of", .name) else { return nil }
        if !meterNames.contains(meter) {
            section.refuse("of", "no [[meter]] is called \(quoted(meter)); expected the name of the one whose light this is")
        }
        if pulse.medium != .electricity { section.refuse("of", "a meter's light blinks for electricity; expected unit = \"kWh\" with it") }
        if let other = lights[meter] { section.refuse("of", "\(quoted(other)) is the light of \(quoted(meter)) already") }
        lights[meter] = pulse.name
        return meter
    }

    private func line(_ section: inout ConfigurationSection) -> Configuration.Pulse.Line? {
        if section.has("line") {
            for key in ["chip", "offset"] where section.has(key) {
                section.refuse(key, "either pulse.line, or pulse.chip with pulse.offset, not both")
            }
            if case .integer(let number)? = section.table["line"]?.value.content {
                section.refuse("line", "\(number.prefix(40)) is a number; did you mean \"GPIO\(number.prefix(40))\"?")
                return nil
            }
            return section.read("line", .line("GPIO17", upTo: 32)).map { .name($0) }
        }
        guard section.has("chip") || section.has("offset") else {
            section.refuse("line", "missing; expected e.g. \"GPIO17\", or chip = \"/dev/gpiochip0\" with offset = 17")
            return nil
        }
        let chip = section.required("chip", .path("/dev/gpiochip0"), "expected e.g. \"/dev/gpiochip0\" beside offset")
        let offset = section.required("offset", .integer(0...1023), "expected e.g. 17 beside chip")
        guard let chip, let offset else { return nil }
        return .offset(offset, chip: chip)
    }

    private func unitAndMedium(_ section: inout ConfigurationSection, default pulse: Configuration.Pulse) -> (Unit, Medium) {
        let units: [Unit] = [.kilowattHours, .cubicMetres, .litres]
        let unit = section.read("unit", .choice(units.map { ($0.rawValue, $0) }))
        let medium: Medium? = section.read("medium", .choice())
        guard unit != nil || !section.has("unit"), medium != nil || !section.has("medium") else { return (pulse.unit, pulse.medium) }
        switch (unit ?? pulse.unit, medium) {
        case (.kilowattHours, nil): return (.kilowattHours, pulse.medium)
        case (.kilowattHours, .electricity?), (.kilowattHours, .heat?): break
        case (.kilowattHours, .some(let medium)):
            section.refuse("medium", "\"\(medium.rawValue)\" is not counted in kWh; expected unit = \"m³\" or unit = \"L\" with it")
        case (let unit, nil):
            section.refuse(
                "medium", at: section.position(of: "unit"),
                "missing; what are these \(unit.rawValue)? expected medium = \"gas\" or \"water\"")
        case (let unit, .gas?), (let unit, .water?):
            // A thousand per kWh is common; of a volume there is no common number.
            if !section.has("pulses_per_unit") {
                section.refuse("pulses_per_unit", "missing; how many pulses are one \(unit.rawValue)? it is printed on the meter, e.g. 100")
            }
        case (let unit, .some(let medium)):
            section.refuse("medium", "\"\(medium.rawValue)\" is not counted in \(unit.rawValue); expected unit = \"kWh\" with it")
        }
        return (unit ?? pulse.unit, medium ?? pulse.medium)
    }

    private mutating func state(_ section: ConfigurationSection) -> Configuration.State {
        var section = section
        var state = Configuration.State()
        state.directory = section.read("directory", .path(state.directory)) ?? state.directory
        state.saveEvery = section.read("save_every", .duration(.seconds(1) ... .seconds(3600))) ?? state.saveEvery
        errors += section.errors
        return state
    }

    private mutating func name(_ section: inout ConfigurationSection) -> String? {
        guard let name = section.required("name", .name, "expected a short one for topics, e.g. \"grid\"") else { return nil }
        if let other = names[name] {
            section.refuse("name", "\(quoted(name)) is a name already, in line \(other.line); every meter and pulse needs its own")
        }
        names[name] = names[name] ?? section.position(of: "name")
        return name
    }

    /// `heat_pump` → `Heat pump`
    private func title(_ section: inout ConfigurationSection, _ name: String?) -> String {
        if let title = section.read("title", .line("Grid meter")) { return title }
        let words = (name ?? "").split { $0 == "_" || $0 == "-" }.joined(separator: " ")
        return words.isEmpty ? name ?? "" : words.prefix(1).uppercased() + words.dropFirst()
    }
}

extension Configuration.Pulse.Line: CustomStringConvertible {
    package var description: String {
        switch self {
        case .name(let name): name
        case .offset(let offset, let chip): "\(chip) \(offset)"
        }
    }
}
