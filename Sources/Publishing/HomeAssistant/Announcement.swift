/// What Home Assistant was told of one device, and which topics hold its values: enough to take all of it back.
package struct Announcement: Sendable, Equatable {
    /// An entity. That of a value is named as the value's topic is.
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
    /// What the `unique_id` of each entity begins with.
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

    // MARK: Taking it back

    /// What makes room for `new`: what is gone is removed, what stays moves, in the order in which Home Assistant neither complains nor
    /// forgets.
    func takenBack(for new: DiscoveredDevice?) -> [MQTTMessage] {
        let kept = Set(new?.announcement.valueTopics ?? [])
        return configsTakenBack(for: new) + valueTopics.filter { !kept.contains($0) }.map(Self.empty)
    }

    var configsTakenBack: [MQTTMessage] { configTopics.map(Self.empty) }

    private func configsTakenBack(for new: DiscoveredDevice?) -> [MQTTMessage] {
        // Another identity is another device.
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
            // What is only left out stays for ever.
            let removal = gone.isEmpty ? [] : [new.deviceConfig(at: topic, only: Set(parts), removing: gone)]
            if staying.contains(topic) { return removal }
            // Home Assistant warns of an empty message where it finds nothing to clean up. So one entity without a history stays for it, to
            // come back under its name.
            var moved = Self.moved(from: topic)
            if let spare = parts.first(where: { $0.key == (meter == nil ? "status" : "problem") && kept.contains($0) }) {
                moved.insert(new.deviceConfig(at: topic, only: [spare]), at: 1)
            }
            return removal + moved
        }
    }

    private static func empty(_ topic: String) -> MQTTMessage { MQTTMessage(topic, "", qos: 1, retain: true) }

    /// Without the first one, Home Assistant would delete the entities before it hears of their other place.
    private static func moved(from topic: String) -> [MQTTMessage] {
        [MQTTMessage(topic, #"{"migrate_discovery":true}"#, qos: 1, retain: true), empty(topic)]
    }
}
