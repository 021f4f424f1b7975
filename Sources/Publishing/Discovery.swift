import Metering

/// How Home Assistant is told of the meters: one message per device, one per entity (for Domoticz and old versions), or not at all.
package enum DiscoveryForm: String, Sendable, CaseIterable { case device, components, off }

/// What a discovery message says of a meter, apart from its values.
package struct MeterIdentity: Sendable, Equatable {
    var name: String
    var title: String
    var kind: MeterKind
    var volumeUnit: Unit?
    var manufacturer: String?
    var model: String?
    var serial: String?
    var firmware: String?

    package init(_ meter: MeterSnapshot) {
        name = meter.name
        title = meter.title
        kind = meter.kind
        volumeUnit = meter.volumeUnit
        manufacturer = meter.manufacturer
        model = meter.model
        serial = meter.serial
        if case .text(let text)? = meter.values[.firmware] { firmware = text }
    }
}

package struct Discovery: Sendable {
    private typealias Component = (platform: String, key: String, members: [(String, JSON)])

    let form: DiscoveryForm
    let topics: Topics
    let version: String

    package init(form: DiscoveryForm, topics: Topics, version: String) {
        self.form = form
        self.topics = topics
        self.version = version
    }

    /// The announcement of a meter with the values that were seen; `idle` ones are offered but not shown.
    package func messages(for meter: MeterIdentity, values: [Measurand], idle: Set<Measurand>, every: Duration) -> [MQTTMessage] {
        let components = components(of: meter, values, idle, every)
        let shared: [(String, JSON)] = [
            ("device", device(meter)),
            ("origin", .object([("name", .string("jouled")), ("sw_version", .string(version))])),
            // The status comes last: Domoticz keeps only the last topic.
            ("availability", availability([topics.availability(meter.name), topics.status])),
            ("availability_mode", .string("all")),
            ("qos", .number("1")),
        ]
        switch form {
        case .off: return []
        case .device:
            let list = components.map { ($0.key, JSON.object([("platform", .string($0.platform))] + $0.members)) }
            let config = JSON.object(shared + [("components", .object(list))])
            return [MQTTMessage(topics.deviceConfig(meter.name), config.description, qos: 1, retain: true)]
        case .components:
            return components.map { component in
                // What an entity says itself stands in place of what all share.
                let own = Set(component.members.map(\.0))
                let config = JSON.object(shared.filter { !own.contains($0.0) } + component.members)
                let topic = topics.entityConfig(meter.name, platform: component.platform, key: component.key)
                return MQTTMessage(topic, config.description, qos: 1, retain: true)
            }
        }
    }

    /// The identity that entities hang on: of the meter, not of the cable that it is read by.
    func identifier(of meter: MeterIdentity) -> String {
        guard !meter.isPulse, let serial = meter.serial else { return topics.objectID(meter.name) }
        return "jouled_" + Topics.identifier(serial)
    }

    private func device(_ meter: MeterIdentity) -> JSON {
        var members: [(String, JSON)] = [
            ("identifiers", .array([.string(identifier(of: meter))])), ("name", .string(meter.title)),
        ]
        let facts = [
            ("manufacturer", meter.manufacturer), ("model", meter.model ?? (meter.isPulse ? "S0 pulse counter" : nil)),
            ("serial_number", meter.serial), ("sw_version", meter.firmware),
        ]
        for case (let key, let text?) in facts { members.append((key, .string(text))) }
        return .object(members)
    }

    private func availability(_ list: [String]) -> JSON { .array(list.map { .object([("topic", .string($0))]) }) }

    private func components(of meter: MeterIdentity, _ values: [Measurand], _ idle: Set<Measurand>, _ every: Duration) -> [Component] {
        var components = values.map { sensor($0, of: meter, isIdle: idle.contains($0), Freshness(of: $0, every: every)) }
        if meter.isPulse { components.append(reading(of: meter)) }
        // Whether a meter is read, and why not, is seen while it is not.
        let always: [(String, JSON)] = [
            ("entity_category", .string("diagnostic")), ("availability", availability([topics.status])),
        ]
        components.append(
            (
                "binary_sensor", "link",
                head(of: meter, "link", "Meter link", topics.availability(meter.name)) + [
                    ("device_class", .string("connectivity")), ("payload_on", .string("online")), ("payload_off", .string("offline")),
                ] + always
            ))
        components.append(("sensor", "problem", head(of: meter, "problem", "Problem", topics.problem(meter.name)) + always))
        return components
    }

    private func head(of meter: MeterIdentity, _ key: String, _ name: String, _ topic: String) -> [(String, JSON)] {
        [
            ("unique_id", .string(identifier(of: meter) + "_" + key)), ("name", entityName(name, of: meter)),
            ("state_topic", .string(topic)),
        ]
    }

    /// Home Assistant puts the device's name in front and complains when it is there already.
    private func entityName(_ name: String, of meter: MeterIdentity) -> JSON {
        if name == meter.title { return .null }
        return .string(name.hasPrefix(meter.title + " ") ? String(name.dropFirst(meter.title.count + 1)) : name)
    }

    private func sensor(_ measurand: Measurand, of meter: MeterIdentity, isIdle: Bool, _ freshness: Freshness?) -> Component {
        let entity = Entity(measurand, medium: meter.medium, volumeUnit: meter.volumeUnit)
        let key = measurand.rawValue
        var members = head(of: meter, key, entity.name, topics.value(meter.name, key))
        let facts = [
            ("device_class", entity.deviceClass), ("state_class", entity.stateClass), ("unit_of_measurement", entity.unit),
            ("entity_category", entity.isDiagnostic ? "diagnostic" : nil),
        ]
        for case (let key, let text?) in facts { members.append((key, .string(text))) }
        if let precision = entity.precision { members.append(("suggested_display_precision", .number(String(precision)))) }
        if let freshness { members.append(("expire_after", .number(String(freshness.expiresAfter)))) }
        if isIdle || !entity.isEnabled { members.append(("enabled_by_default", .bool(false))) }
        return ("sensor", key, members)
    }

    /// Sets the total of a pulse meter. It is offered before a total is known: setting it is the cure for one that was lost.
    private func reading(of meter: MeterIdentity) -> Component {
        let measurand = meter.volumeUnit == nil ? Measurand.energy : .volume
        let unit = Entity(measurand, medium: meter.medium, volumeUnit: meter.volumeUnit).unit
        var members = head(of: meter, "total", "Counter reading", topics.value(meter.name, measurand.rawValue))
        members += [
            ("command_topic", .string(topics.totalSet(meter.name))), ("mode", .string("box")), ("min", .number("0")),
            ("max", .number("9999999")), ("step", .number("0.001")), ("entity_category", .string("config")),
        ]
        if let unit { members.append(("unit_of_measurement", .string(unit))) }
        return ("number", "total", members)
    }
}

extension MeterIdentity {
    var isPulse: Bool { if case .pulse = kind { true } else { false } }
    var medium: Medium {
        switch kind {
        case .optical: .electricity
        case .pulse(let medium), .sub(let medium): medium
        }
    }
}
