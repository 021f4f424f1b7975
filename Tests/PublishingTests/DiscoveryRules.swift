import JSONReading
import Testing

/// What Home Assistant rejects, warns of, or silently ignores in a discovery message; each broken rule in words.
struct DiscoveryRules {
    private(set) var broken: [String] = []

    private static let deviceKeys: Set = [
        "identifiers", "connections", "manufacturer", "model", "model_id", "name", "hw_version", "sw_version", "serial_number",
        "via_device", "suggested_area", "configuration_url",
    ]
    private static let sharedKeys: Set = [
        "device", "origin", "components", "availability", "availability_mode", "payload_available", "payload_not_available",
        "state_topic", "command_topic", "qos", "encoding",
    ]
    /// Class: its units and its state classes.
    private static let sensorClasses: [String: (units: Set<String?>, states: Set<String?>)] = [
        "energy": (["Wh", "kWh", "MWh"], ["total", "total_increasing"]),
        "power": (["W", "kW"], ["measurement"]),
        "voltage": (["V"], ["measurement"]),
        "current": (["A"], ["measurement"]),
        "frequency": (["Hz"], ["measurement"]),
        "power_factor": ([nil, "%"], ["measurement"]),
        "reactive_power": (["var", "kvar"], ["measurement"]),
        "apparent_power": (["VA"], ["measurement"]),
        "gas": (["m³", "L"], ["total", "total_increasing"]),
        "water": (["m³", "L"], ["total", "total_increasing"]),
        "volume": (["m³", "L"], ["total", "total_increasing"]),
        "volume_flow_rate": (["m³/h", "L/h"], ["measurement"]),
        "timestamp": ([nil], [nil]),
    ]

    init(device topic: String, _ payload: String) { checkDevice(topic, payload) }

    init(entity topic: String, _ payload: String) { checkEntity(topic, payload) }

    private mutating func checkDevice(_ topic: String, _ payload: String) {
        guard let config = JSONText(payload), case .object(let members) = config else { return broken.append("no JSON object") }
        check(topic: topic)
        for key in members.keys where !Self.sharedKeys.contains(key) { broken.append("\(key) is not allowed at the top") }
        checkShared(config)
        guard case .object(let components)? = config["components"], !components.isEmpty else { return broken.append("no components") }
        var seen: Set<String> = []
        for (key, component) in components {
            let platform = component["platform"]?.string
            check(component, of: config, platform: platform ?? "", key)
            if let id = component["unique_id"]?.string, !seen.insert("\(platform ?? "") \(id)").inserted {
                broken.append("\(key): \(id) is not unique")
            }
        }
    }

    private mutating func checkEntity(_ topic: String, _ payload: String) {
        guard let config = JSONText(payload), case .object = config else { return broken.append("no JSON object") }
        check(topic: topic)
        checkShared(config)
        let levels = topic.split(separator: "/")
        check(config, of: config, platform: String(levels[1]), String(levels[3]))
    }

    private mutating func check(topic: String) {
        let levels = topic.split(separator: "/", omittingEmptySubsequences: false)
        guard levels.last == "config", (4...5).contains(levels.count) else { return broken.append("\(topic) is no discovery topic") }
        let allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
        for level in levels.dropLast() where level.isEmpty || !level.allSatisfy({ allowed.contains($0) }) {
            broken.append("\(topic) has characters that are not allowed")
        }
    }

    private mutating func checkShared(_ config: JSONText) {
        guard let device = config["device"], case .object(let members) = device else { return broken.append("no device") }
        for key in members.keys where !Self.deviceKeys.contains(key) { broken.append("\(key) is not allowed in device") }
        if device["identifiers"]?.elements.isEmpty ?? true { broken.append("no identifiers") }
        if (config["origin"]?["name"]?.string ?? "").isEmpty { broken.append("no origin") }
        checkAvailability(config, "the device")
        if config["availability_mode"] != .string("all") { broken.append("availability_mode is not all") }
    }

    private mutating func checkAvailability(_ config: JSONText, _ whose: String) {
        let topics = config["availability"]?.elements ?? []
        if topics.isEmpty || topics.contains(where: { ($0["topic"]?.string ?? "").isEmpty }) { broken.append("\(whose): no availability") }
        if config["availability_topic"] != nil { broken.append("\(whose): availability_topic excludes availability") }
    }

    private mutating func check(_ component: JSONText, of config: JSONText, platform: String, _ key: String) {
        if !["sensor", "binary_sensor", "number"].contains(platform) { broken.append("\(key): unknown platform \(platform)") }
        if (component["unique_id"]?.string ?? "").isEmpty { broken.append("\(key): no unique_id") }
        if (component["state_topic"]?.string ?? "").isEmpty { broken.append("\(key): no state_topic") }
        if component["object_id"] != nil { broken.append("\(key): object_id is gone") }
        if component["availability"] != nil { checkAvailability(component, key) }
        if let name = component["name"]?.string, let device = config["device"]?["name"]?.string, name.hasPrefix(device) {
            broken.append("\(key): the name begins with the device's")
        }
        let category = component["entity_category"]?.string
        switch platform {
        case "sensor":
            if category == "config" { broken.append("\(key): a sensor is no config") }
            checkSensor(component, key)
        case "number":
            if (component["command_topic"]?.string ?? "").isEmpty { broken.append("\(key): no command_topic") }
            if component["max"] == nil { broken.append("\(key): ends at 100") }
        default: break
        }
    }

    private mutating func checkSensor(_ component: JSONText, _ key: String) {
        let (unit, state) = (component["unit_of_measurement"]?.string, component["state_class"]?.string)
        if component["last_reset_value_template"] != nil && state != "total" { broken.append("\(key): last_reset") }
        guard let deviceClass = component["device_class"]?.string else { return }
        guard let rule = Self.sensorClasses[deviceClass] else { return broken.append("\(key): unknown class \(deviceClass)") }
        if !rule.units.contains(unit) { broken.append("\(key): \(unit ?? "no unit") is not for \(deviceClass)") }
        if !rule.states.contains(state) { broken.append("\(key): \(state ?? "no state class") is not for \(deviceClass)") }
    }
}
