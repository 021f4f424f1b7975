/// The names that a table of the file may hold. They are public API.
struct ConfigurationKeys {
    /// As the file writes it: `[[meter]]`.
    var heading: String
    var path: String
    var names: [String]
    /// Names of the contract that this version doesn't know yet.
    var later: [String] = []

    static let top = ConfigurationKeys(heading: "", path: "", names: ["mqtt", "meter", "pulse", "output", "state"], later: ["http"])
    static let mqtt = ConfigurationKeys(
        heading: "[mqtt]", path: "mqtt",
        names: [
            "url", "username", "password", "password_file", "topic", "client_id", "ca_file", "cert_file", "key_file", "protocol",
            "homeassistant",
        ])
    static let homeassistant = ConfigurationKeys(
        heading: "[mqtt.homeassistant]", path: "mqtt.homeassistant", names: ["discovery", "prefix"])
    static let meter = ConfigurationKeys(
        heading: "[[meter]]", path: "meter",
        names: [
            "name", "title", "port", "protocol", "address", "wake_up", "direction", "read", "registers", "every", "max_power",
            "publish_every",
        ])
    static let pulse = ConfigurationKeys(
        heading: "[[pulse]]", path: "pulse",
        names: [
            "name", "title", "line", "chip", "offset", "edge", "bias", "pulses_per_unit", "unit", "medium", "min_pulse", "publish_every",
            "of",
        ])
    /// Of whatever type.
    static let output = ConfigurationKeys(
        heading: "[[output]]", path: "output", names: ["type", "topic", "every", "device", "meter", "device_id", "export"])
    static let domoticz = ConfigurationKeys(heading: "[[output]]", path: "output", names: ["type", "topic", "every", "device"])
    static let form = ConfigurationKeys(
        heading: "[[output]]", path: "output", names: ["type", "topic", "meter", "device_id", "export"])
    static let device = ConfigurationKeys(
        heading: "[[output.device]]", path: "output.device", names: ["idx", "meter", "type", "quantity", "tariffs", "export"])
    static let state = ConfigurationKeys(heading: "[state]", path: "state", names: ["directory", "save_every"])

    static let all = [top, mqtt, homeassistant, meter, pulse, output, device, state]

    func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// What to say about a name that is not one of ours.
    func advice(on key: String) -> String {
        if later.contains(key) { return "not in this version of jouled; remove it" }
        if let home = Self.all.first(where: { !$0.path.isEmpty && $0.path != path && $0.names.contains(key) }) {
            return "unknown key here; it belongs below \(home.heading): is there still a # before that line?"
        }
        if let close = closest(to: key, among: names) { return "unknown key; did you mean \(close)?" }
        return "unknown key; allowed are \(names.joined(separator: ", "))"
    }
}
