extension Configuration {
    package struct State: Sendable, Equatable {
        package var directory = "/var/lib/jouled"
        package var saveEvery = Duration.seconds(60)
        package init() {}
    }
}

extension Configuration.State {
    static let keys = ConfigurationKeys(heading: "[state]", path: "state", names: fields.map(\.name))

    static var fields: [ConfigurationField<Self>] {
        [
            ConfigurationField("directory", .path(Self().directory)) { $0.directory = $1 },
            ConfigurationField("save_every", .duration(.seconds(1) ... .seconds(3600))) { $0.saveEvery = $1 },
        ]
    }

    var summary: [String] { ["state in \(directory), saved every \(saveEvery.configurationText)"] }
}
