/// What was announced to Home Assistant for one device, and the topics of its values: enough to remove all of it again.
package struct Announcement: Sendable, Equatable {
    /// An entity. The key of a value's entity is the last level of the value's topic.
    package struct Part: Sendable, Hashable {
        package var platform: String
        package var key: String

        package init(platform: String, key: String) {
            self.platform = platform
            self.key = key
        }
    }

    /// `nil` for the daemon itself.
    package var meter: String?
    package var form: DiscoveryForm
    package var topics: Topics
    /// The prefix of each entity's `unique_id`.
    package var identifier: String
    package var parts: [Part]

    package init(meter: String?, form: DiscoveryForm, topics: Topics, identifier: String, parts: [Part]) {
        self.meter = meter
        self.form = form
        self.topics = topics
        self.identifier = identifier
        self.parts = parts
    }

    package var configTopics: [String] {
        switch form {
        case .off: []
        case .device: [topics.deviceConfig(meter)]
        case .components: parts.map(configTopic)
        }
    }

    func configTopic(of part: Part) -> String { topics.entityConfig(meter, platform: part.platform, key: part.key) }

    package var valueTopics: [String] {
        guard let meter else { return [topics.status] }
        let values = parts.filter { $0.platform == "sensor" && $0.key != "problem" }.map { topics.value(meter, $0.key) }
        return [topics.availability(meter), topics.problem(meter)] + values
    }

    // MARK: Removal

    /// The messages that make room for `new`: they delete the removed entities and move the remaining ones, in an order in which Home
    /// Assistant neither logs a warning nor loses entities.
    func takenBack(for new: DiscoveredDevice?) -> [MQTTMessage] {
        let kept = Set(new?.announcement.valueTopics ?? [])
        return configsTakenBack(for: new) + valueTopics.filter { !kept.contains($0) }.map(Self.empty)
    }

    var configsTakenBack: [MQTTMessage] { configTopics.map(Self.empty) }

    private func configsTakenBack(for new: DiscoveredDevice?) -> [MQTTMessage] {
        // A different identity means a different device.
        guard let new, new.announcement.identifier == identifier, new.announcement.form != .off else { return configsTakenBack }
        let kept = Set(new.announcement.parts)
        let staying = Set(new.announcement.configTopics)
        switch form {
        case .off: return []
        case .components:
            return parts.flatMap { part -> [MQTTMessage] in
                let topic = configTopic(of: part)
                if staying.contains(topic) { return [] }
                return kept.contains(part) ? Self.moved(from: topic) : [Self.empty(topic)]
            }
        case .device:
            let topic = topics.deviceConfig(meter)
            let gone = parts.filter { !kept.contains($0) }
            // Home Assistant would keep a part forever if it were merely omitted.
            let removal = gone.isEmpty ? [] : [new.deviceConfig(at: topic, only: Set(parts), removing: gone)]
            if staying.contains(topic) { return removal }
            // Home Assistant logs a warning about an empty message if there is nothing left for it to remove. So one entity that has no
            // history is left for it to remove, and is afterwards created again under the same name.
            var moved = Self.moved(from: topic)
            if let spare = parts.first(where: { $0.key == (meter == nil ? "status" : "problem") && kept.contains($0) }) {
                moved.insert(new.deviceConfig(at: topic, only: [spare]), at: 1)
            }
            return removal + moved
        }
    }

    private static func empty(_ topic: String) -> MQTTMessage { MQTTMessage(topic, "", qos: 1, retain: true) }

    /// If the first message were omitted, Home Assistant would delete the entities before it receives their new topic.
    private static func moved(from topic: String) -> [MQTTMessage] {
        [MQTTMessage(topic, #"{"migrate_discovery":true}"#, qos: 1, retain: true), empty(topic)]
    }
}
