/// A device as it is to appear in Home Assistant, with the messages that announce it.
package struct DiscoveredDevice: Sendable {
    struct Component: Sendable {
        let platform: String
        let key: String
        let members: [(String, JSON)]

        init(_ platform: String, _ key: String, _ members: [(String, JSON)]) {
            self.platform = platform
            self.key = key
            self.members = members
        }

        var part: Announcement.Part { Announcement.Part(platform: platform, key: key) }
    }

    package let announcement: Announcement
    private let shared: [(String, JSON)]
    private let components: [Component]

    init(
        meter: String?, discovery: Discovery, identifier: String, title: String, facts: [(String, String?)], availability: [String],
        components: [Component]
    ) {
        var device: [(String, JSON)] = [("identifiers", .array([.string(identifier)])), ("name", .string(title))]
        for case (let key, let text?) in facts { device.append((key, .string(text))) }
        var shared: [(String, JSON)] = [
            ("device", .object(device)),
            ("origin", .object([("name", .string("jouled")), ("sw_version", .string(discovery.version))])),
        ]
        if !availability.isEmpty {
            shared += [("availability", Self.availability(availability)), ("availability_mode", .string("all"))]
        }
        self.shared = shared + [("qos", .number("1"))]
        self.components = components
        announcement = Announcement(
            meter: meter, form: discovery.form, topics: discovery.topics, identifier: identifier, parts: components.map(\.part))
    }

    static func availability(_ topics: [String]) -> JSON { .array(topics.map { .object([("topic", .string($0))]) }) }

    package var messages: [MQTTMessage] {
        switch announcement.form {
        case .off: []
        case .device: [deviceConfig(at: announcement.topics.deviceConfig(announcement.meter))]
        case .components: components.map(entityConfig)
        }
    }

    /// The discovery message in the device form, whatever form is configured. A part is removed by listing only its platform.
    func deviceConfig(
        at topic: String, only wanted: Set<Announcement.Part>? = nil, removing gone: [Announcement.Part] = []
    ) -> MQTTMessage {
        let keys = Set(gone.map(\.key))
        let there = components.filter { !keys.contains($0.key) && wanted?.contains($0.part) ?? true }
        let list =
            there.map { ($0.key, JSON.object([("platform", .string($0.platform))] + $0.members)) }
            + gone.map { ($0.key, JSON.object([("platform", .string($0.platform))])) }
        return MQTTMessage(topic, JSON.object(shared + [("components", .object(list))]).description, qos: 1, retain: true)
    }

    private func entityConfig(_ component: Component) -> MQTTMessage {
        // An entity's own members override the shared ones.
        let own = Set(component.members.map(\.0))
        let config = JSON.object(shared.filter { !own.contains($0.0) } + component.members)
        return MQTTMessage(announcement.configTopic(of: component.part), config.description, qos: 1, retain: true)
    }
}
