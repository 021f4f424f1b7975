/// Turns the contents of a file into a valid configuration, or reports everything that is wrong with it.
package struct ConfigurationReader {
    let file: String
    let environment: ConfigurationEnvironment
    var errors: [ConfigurationError] = []
    var names: [String: TOMLPosition] = [:]
    var ports: [String: String] = [:]
    var lines: [Configuration.Pulse.Line: String] = [:]
    var meterNames: [String] = []
    var lights: [String: String] = [:]
    var secretFiles: [String] = []
    /// Which Domoticz devices are already in use, by topic and index.
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
        if let section = top.section("mqtt", Configuration.MQTT.keys) { configuration.mqtt = mqtt(section) }
        let (meters, pulses) = (
            top.sections("meter", Configuration.Meter.keys, upTo: 32), top.sections("pulse", Configuration.Pulse.keys, upTo: 64)
        )
        configuration.meters = meters.compactMap { meter($0) }
        meterNames = configuration.meters.map(\.name)
        configuration.pulses = pulses.compactMap { pulse($0) }
        configuration.outputs = top.sections("output", Configuration.Output.allTypes, upTo: 16).compactMap { output($0, configuration) }
        if let section = top.section("state", Configuration.State.keys) { configuration.state = state(section) }
        configuration.secretFiles = secretFiles
        errors += top.errors
        if meters.isEmpty, pulses.isEmpty, !top.errors.contains(where: { $0.key == "meter" || $0.key == "pulse" }) {
            let advice = "nothing to read: there is neither a [[meter]] nor a [[pulse]]"
            errors.append(ConfigurationError(file: file, at: TOMLPosition(1, 1), advice))
        }
        return configuration
    }

    private mutating func state(_ section: ConfigurationSection) -> Configuration.State {
        var section = section
        var state = Configuration.State()
        section.read(Configuration.State.fields, into: &state)
        errors += section.errors
        return state
    }

    mutating func name(_ section: inout ConfigurationSection) -> String? {
        guard let name = section.required("name", .name, "expected a short name for topics, e.g. \"grid\"") else { return nil }
        if let other = names[name] {
            section.refuse("name", "\(quoted(name)) is already the name in line \(other.line); every meter and pulse needs its own")
        }
        names[name] = names[name] ?? section.position(of: "name")
        return name
    }

    /// The configured title, or one derived from the name: `heat_pump` → `Heat pump`.
    func title(_ section: inout ConfigurationSection, _ name: String?) -> String {
        if let title = section.read("title", .line("Grid meter")) { return title }
        let words = (name ?? "").split { $0 == "_" || $0 == "-" }.joined(separator: " ")
        return words.isEmpty ? name ?? "" : words.prefix(1).uppercased() + words.dropFirst()
    }
}
