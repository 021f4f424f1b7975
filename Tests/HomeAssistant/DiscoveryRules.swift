import JSONReading

/// Checks a discovery message for everything that Home Assistant rejects, warns about, or silently ignores.
package struct DiscoveryRules {
    package private(set) var broken: [String] = []
    /// The announced entities, with their own settings and the device's.
    package private(set) var entities: [DiscoveredEntity] = []
    /// The entities that the message removes, as `platform key`.
    package private(set) var removed: [String] = []

    private static let deviceKeys: Set = [
        "identifiers", "connections", "manufacturer", "model", "model_id", "name", "hw_version", "sw_version", "serial_number",
        "via_device", "suggested_area", "configuration_url",
    ]
    /// Allowed keys of a device's message; any other causes the whole message to be rejected.
    private static let topKeys: Set = [
        "device", "origin", "components", "availability", "availability_mode", "payload_available", "payload_not_available",
        "state_topic", "command_topic", "qos", "encoding",
    ]

    /// A message to `<prefix>/…/config` that is neither empty nor a migration request.
    package init(topic: String, _ payload: String, prefix: String = "homeassistant") {
        guard let config = JSONText(payload), case .object(let members) = config, topic.hasPrefix(prefix + "/") else {
            broken = ["no JSON object below \(prefix)"]
            return
        }
        let levels = topic.dropFirst(prefix.count + 1).split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        checkTopic(levels)
        checkDevice(config)
        guard broken.isEmpty else { return }
        if levels[0] == "device" {
            for key in members.keys where !Self.topKeys.contains(key) { broken.append("\(key) is not allowed at the top") }
            checkComponents(config)
        } else {
            let platform = levels[0]
            check(DiscoveredEntity(platform: platform, key: levels[levels.count - 2], own: config, shared: config, isAlone: true))
        }
    }

    private mutating func checkTopic(_ levels: [String]) {
        guard levels.last == "config", (3...4).contains(levels.count) else { return broken.append("\(levels) is no discovery topic") }
        let allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
        for level in levels.dropLast() where level.isEmpty || !level.allSatisfy({ allowed.contains($0) }) {
            broken.append("\(level) has characters that are not allowed in a discovery topic")
        }
    }

    private mutating func checkDevice(_ config: JSONText) {
        guard let device = config["device"], case .object(let members) = device else { return broken.append("no device") }
        for (key, value) in members {
            if !Self.deviceKeys.contains(key) { broken.append("\(key) is not allowed in device") }
            if key != "identifiers" && key != "connections", (value.string ?? "").isEmpty { broken.append("device: \(key) is no text") }
        }
        let identifiers = device["identifiers"]?.elements.compactMap(\.string) ?? []
        if identifiers.isEmpty || identifiers.contains("") { broken.append("no identifiers") }
        if let via = device["via_device"]?.string, identifiers.contains(via) { broken.append("the device is behind itself") }
        if let url = device["configuration_url"]?.string, !["http://", "https://", "homeassistant://"].contains(where: url.hasPrefix) {
            broken.append("\(url) is no URL")
        }
        guard let origin = config["origin"], case .object(let facts) = origin, !(origin["name"]?.string ?? "").isEmpty else {
            return broken.append("no origin")
        }
        for key in facts.keys where !["name", "sw_version", "support_url"].contains(key) { broken.append("\(key) is not for origin") }
    }

    private mutating func checkComponents(_ config: JSONText) {
        guard case .object(let components)? = config["components"], !components.isEmpty else { return broken.append("no components") }
        var seen: Set<String> = []
        for (key, component) in components.sorted(by: { $0.key < $1.key }) {
            guard case .object(let members) = component, let platform = component["platform"]?.string,
                EntityRules.keys[platform] != nil
            else {
                broken.append("\(key): no platform that is known")
                continue
            }
            if members.count == 1 {
                removed.append("\(platform) \(key)")
                continue
            }
            check(DiscoveredEntity(platform: platform, key: key, own: component, shared: config, isAlone: false))
            if !seen.insert("\(platform) \(component["unique_id"]?.string ?? "")").inserted { broken.append("\(key): not unique") }
        }
        let names = entities.map { $0.own["name"] }
        for (index, name) in names.enumerated() where names[..<index].contains(name) {
            broken.append("\(entities[index].key): \(name?.string ?? "the device's name") is taken")
        }
    }

    private mutating func check(_ entity: DiscoveredEntity) {
        broken += EntityRules(entity).broken
        entities.append(entity)
    }
}
