/// The keys that a table of the file may contain. They are public API.
struct ConfigurationKeys {
    /// The heading as written in the file: `[[meter]]`.
    var heading: String
    var path: String
    var names: [String]
    /// Reserved names that this version does not support yet.
    var later: [String] = []

    static let top = ConfigurationKeys(heading: "", path: "", names: ["mqtt", "meter", "pulse", "output", "state"], later: ["http"])
    static let all =
        [top, Configuration.MQTT.keys, Configuration.MQTT.homeAssistantKeys, Configuration.Meter.keys, Configuration.Pulse.keys]
        + Configuration.Output.keys + [Configuration.State.keys]

    func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The message for an unknown key.
    func advice(on key: String) -> String {
        if later.contains(key) { return "not supported by this version of jouled; remove it" }
        if let home = Self.all.first(where: { !$0.path.isEmpty && $0.path != path && $0.names.contains(key) }) {
            return "unknown key here; it belongs below \(home.heading): is there still a # before that line?"
        }
        if let close = closest(to: key, among: names) { return "unknown key; did you mean \(close)?" }
        return "unknown key; allowed keys: \(names.joined(separator: ", "))"
    }
}
