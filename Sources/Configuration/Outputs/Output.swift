import Publishing

extension Configuration {
    /// An `[[output]]` table: another program that receives the values.
    package struct Output: Sendable, Equatable {
        /// The possible values of `type`, one per line.
        static let types: [any OutputSettings.Type] = [
            DomoticzGateway.self,
            FormOutput.self,
        ]
        /// Types reserved in the documented format that this version does not support.
        private static let laterTypes = ["influxdb", "http", "volkszaehler"]

        let settings: any OutputSettings

        /// `nil` for an output that does not use the broker.
        var mqttOutput: (any MQTTOutput)? { settings.mqttOutput }

        package static func == (a: Output, b: Output) -> Bool { a.settings.equals(b.settings) }
    }
}

/// The settings of one type of output. The type owns its keys, its line in `jouled check` and what it publishes.
protocol OutputSettings: Sendable, Equatable {
    static var type: String { get }
    /// The keys of the table itself, including `type`, and those of its sub-tables.
    static var keys: [ConfigurationKeys] { get }
    /// `nil` if something required is missing or wrong.
    static func read(
        _ section: inout ConfigurationSection, _ reader: inout ConfigurationReader, _ configuration: Configuration
    ) -> Self?
    var summary: [String] { get }
    var mqttOutput: (any MQTTOutput)? { get }
}

extension OutputSettings {
    fileprivate func equals(_ other: any OutputSettings) -> Bool { other as? Self == self }
}

extension Configuration.Output {
    /// The keys to accept until the type is known.
    static let allTypes = ConfigurationKeys(
        heading: "[[output]]", path: "output",
        names: types.flatMap { $0.keys[0].names }.reduce(into: []) { if !$0.contains($1) { $0.append($1) } })

    static let keys = [allTypes] + types.flatMap { $0.keys.dropFirst() }

    fileprivate static var choice: ConfigurationFormat<any OutputSettings.Type> {
        .choice(types.map { ($0.type, $0) }, later: laterTypes)
    }
}

extension ConfigurationReader {
    mutating func output(_ section: ConfigurationSection, _ configuration: Configuration) -> Configuration.Output? {
        // The allowed keys depend on the type.
        var any = section
        let names = Configuration.Output.types.map { quoted($0.type) }.joined(separator: " or ")
        guard let type = any.required("type", Configuration.Output.choice, "expected \(names)") else {
            errors += any.errors
            return nil
        }
        var section = ConfigurationSection(type.keys[0], section.table, at: section.position, file: file)
        defer { errors += section.errors }
        return type.read(&section, &self, configuration).map { Configuration.Output(settings: $0) }
    }

    func requireBroker(_ section: inout ConfigurationSection, _ configuration: Configuration) {
        if configuration.mqtt == nil { section.refuse("type", "needs [mqtt]: it publishes to the same broker") }
    }

    /// Rejects topics on which jouled receives commands: its own output must not come back as a command.
    func checkTopic(_ topic: String, _ section: inout ConfigurationSection, _ configuration: Configuration) {
        guard let mqtt = configuration.mqtt else { return }
        let topics = Topics(base: mqtt.topic, prefix: mqtt.discoveryPrefix)
        let heard = [topics.homeAssistantStatus] + BridgeCommand.allCases.map(topics.command)
        guard heard.contains(topic) || topics.meter(ofTotalSet: topic) != nil else { return }
        section.refuse("topic", "\(quoted(topic)) is a topic on which jouled receives commands; expected another one")
    }
}
