import JSONReading

/// Processes discovery messages and values like Home Assistant, and records what it would complain about or lose.
package struct HomeAssistantModel {
    package struct Entity {
        package var topic: String
        package var config: DiscoveredEntity
    }

    /// Its warnings, and what would be left behind.
    package private(set) var complaints: [String] = []
    /// By platform and `unique_id`: `sensor jouled_4711_power`.
    package private(set) var entities: [String: Entity] = [:]
    /// Deleted entities, whose user settings are lost.
    package private(set) var deleted: [String] = []
    /// Every retained message, as received by a Home Assistant that starts.
    package private(set) var retained: [String: String] = [:]
    /// Topics of removed devices and entities.
    private var topicsToCleanUp: Set<String> = []
    private let prefix: String

    package init(prefix: String = "homeassistant") { self.prefix = prefix }

    package mutating func receive(_ topic: String, _ payload: String, isRetained: Bool) {
        if isRetained { retained[topic] = payload.isEmpty ? nil : payload }
        guard topic.hasPrefix(prefix + "/"), topic.hasSuffix("/config") else { return receiveValue(topic, payload) }
        if !isRetained { complaints.append("\(topic) is not retained") }
        if payload.isEmpty {
            let there = entities.filter { $0.value.topic == topic }.map(\.key)
            if there.isEmpty && topic.hasPrefix(prefix + "/device/") { complaints.append("\(topic): nothing to clean up") }
            if !there.isEmpty { topicsToCleanUp.insert(topic) }
            remove(there, isMigration: false)
        } else if payload == #"{"migrate_discovery":true}"# {
            let there = entities.filter { $0.value.topic == topic }.map(\.key)
            if there.isEmpty { complaints.append("\(topic): nothing to migrate") }
            remove(there, isMigration: true)
        } else {
            discover(topic, payload)
        }
    }

    /// Some time after a removal, 2024.12 itself clears the topic, and then processes that message as if it came from elsewhere.
    package mutating func cleanUp() {
        for topic in topicsToCleanUp.sorted() where retained[topic] != nil {
            complaints.append("\(topic): what came there meanwhile is gone")
            receive(topic, "", isRetained: true)
        }
        topicsToCleanUp = []
    }

    private mutating func remove(_ names: [String], isMigration: Bool) {
        for name in names.sorted() {
            entities[name] = nil
            if !isMigration { deleted.append(name) }
        }
    }

    private mutating func discover(_ topic: String, _ payload: String) {
        let rules = DiscoveryRules(topic: topic, payload, prefix: prefix)
        complaints += rules.broken.map { "\(topic): \($0)" }
        let there = entities.filter { $0.value.topic == topic }
        for part in rules.removed {
            remove(there.filter { "\($0.value.config.platform) \($0.value.config.key)" == part }.map(\.key), isMigration: false)
        }
        for entity in rules.entities {
            let name = "\(entity.platform) \(entity.uniqueID)"
            if let other = entities[name], other.topic != topic || other.config.key != entity.key {
                complaints.append("\(topic): \(name) conflicts with \(other.topic)")
                continue
            }
            let before = there.first { $0.value.config.key == entity.key && $0.value.config.platform == entity.platform }
            if let before, before.key != name, entities[before.key] != nil {
                complaints.append("\(topic): \(name) instead of \(before.key) is ignored")
                continue
            }
            entities[name] = Entity(topic: topic, config: entity)
        }
        let announced = Set(rules.entities.map { "\($0.platform) \($0.uniqueID)" })
        for name in there.keys.sorted() where entities[name] != nil && !announced.contains(name) {
            complaints.append("\(topic): \(name) is left out, and stays for ever")
        }
    }

    private mutating func receiveValue(_ topic: String, _ payload: String) {
        for entity in entities.values where entity.config.stateTopic == topic {
            if entity.config.isNumeric, !payload.isEmpty, Double(payload)?.isFinite != true {
                complaints.append("\(topic): \(payload) is no number")
            }
            if entity.config.own["device_class"] == .string("timestamp"), !payload.isEmpty, !payload.hasSuffix("Z") {
                complaints.append("\(topic): \(payload) is no time")
            }
        }
    }

    // MARK: What the user sees

    /// `nil` if there is no such entity; otherwise `unavailable`, or its state, which is `unknown` without a value.
    package func state(_ name: String) -> String? {
        guard let entity = entities[name]?.config else { return nil }
        guard entity.availability.allSatisfy({ retained[$0] == "online" }) else { return "unavailable" }
        return entity.stateTopic.map { retained[$0] ?? "unknown" } ?? "unknown"
    }

    /// A Home Assistant that starts with all retained messages, in arbitrary order.
    package func restarted() -> HomeAssistantModel {
        var new = HomeAssistantModel(prefix: prefix)
        for (topic, payload) in retained.sorted(by: { $0.key < $1.key }) { new.receive(topic, payload, isRetained: true) }
        return new
    }
}
