import Metering

/// How the meters are announced to Home Assistant: with one message per device, with one per entity (for Domoticz and old versions), or not
/// at all.
package enum DiscoveryForm: String, Sendable, CaseIterable { case device, components, off }

/// What a discovery message contains about the meter itself, not about its values.
package struct MeterIdentity: Sendable, Equatable {
    var name: String
    var title: String
    var kind: MeterKind
    var volumeUnit: Unit?
    var manufacturer: String?
    var model: String?
    var serial: String?
    var firmware: String?
    /// Whether another meter of this daemon would have the same identity.
    var sharesIdentity = false

    package init(_ meter: MeterSnapshot) {
        name = meter.name
        title = meter.title
        kind = meter.kind
        volumeUnit = meter.volumeUnit
        manufacturer = meter.manufacturer
        model = meter.model
        serial = meter.serial
        firmware = Self.firmware(of: meter)
    }

    /// Whether this is still the identity of `meter`. Everything but the name and the kind may change while the meter is read.
    func isOf(_ meter: MeterSnapshot) -> Bool {
        serial == meter.serial && model == meter.model && manufacturer == meter.manufacturer && title == meter.title
            && firmware == Self.firmware(of: meter)
    }

    private static func firmware(of meter: MeterSnapshot) -> String? {
        if case .text(let text)? = meter.values[.firmware] { text } else { nil }
    }
}

package struct Discovery: Sendable {
    private typealias Component = DiscoveredDevice.Component

    let form: DiscoveryForm
    let topics: Topics
    let version: String
    /// Distinguishes this daemon from others at the same broker.
    let clientID: String

    package init(form: DiscoveryForm, topics: Topics, version: String, clientID: String) {
        self.form = form
        self.topics = topics
        self.version = version
        self.clientID = clientID
    }

    // MARK: A meter

    /// The meter's device with `values`; entities for the `idle` ones are created but disabled.
    package func device(
        _ meter: MeterIdentity, values: [Measurand], named: [NamedRegister] = [], idle: Set<Measurand>, every: Duration
    ) -> DiscoveredDevice {
        var facts = [
            ("manufacturer", meter.manufacturer), ("model", meter.model ?? (meter.isPulse ? "S0 pulse counter" : nil)),
            ("serial_number", meter.serial), ("sw_version", meter.firmware),
        ]
        facts.append(("via_device", bridgeIdentifier))
        return DiscoveredDevice(
            meter: meter.name, discovery: self, identifier: identifier(of: meter), title: meter.title, facts: facts,
            // The status comes last, because Domoticz uses only the last topic.
            availability: [topics.availability(meter.name), topics.status], components: components(of: meter, values, named, idle, every))
    }

    /// The identity of the entities, derived from the meter and not from the cable that it is read through. Meters that would share an
    /// identity get their names appended, after a character that no identifier made from a serial number contains.
    func identifier(of meter: MeterIdentity) -> String {
        let plain = plainIdentifier(of: meter)
        return meter.sharesIdentity && !meter.isNamedByTopic ? "\(plain).\(meter.name)" : plain
    }

    /// The identity if no other meter shared it.
    func plainIdentifier(of meter: MeterIdentity) -> String {
        guard !meter.isNamedByTopic, let serial = meter.serial else { return topics.objectID(meter.name) }
        return "jouled_" + Topics.identifier(serial)
    }

    /// Extracts the plain identifier from one that was announced before.
    static func plainIdentifier(_ identifier: String) -> String { String(identifier.prefix { $0 != "." }) }

    private func components(
        of meter: MeterIdentity, _ values: [Measurand], _ named: [NamedRegister], _ idle: Set<Measurand>, _ every: Duration
    ) -> [Component] {
        var components = values.map { measurand in
            var entity = Entity(measurand, medium: meter.medium, volumeUnit: meter.volumeUnit)
            if idle.contains(measurand) { entity.isEnabled = false }
            return sensor(measurand.rawValue, entity, of: meter, Freshness(of: measurand.unit, every: every))
        }
        components += named.map { sensor($0.name, Entity($0), of: meter, Freshness(of: $0.unit, every: every)) }
        if values.contains(.meterError) { components.append(fault(of: meter)) }
        if meter.isPulse { components.append(reading(of: meter)) }
        // The entities that show whether a meter is being read, and why not, must stay available while it is not being read.
        let always: [(String, JSON)] = [
            ("entity_category", .string("diagnostic")), ("availability", DiscoveredDevice.availability([topics.status])),
        ]
        let link = head(of: meter, "link", "Link", topics.availability(meter.name)) + Self.onlineOrOffline + always
        components.append(Component("binary_sensor", "link", link))
        components.append(Component("sensor", "problem", head(of: meter, "problem", "Problem", topics.problem(meter.name)) + always))
        return components
    }

    private static let onlineOrOffline: [(String, JSON)] = [
        ("device_class", .string("connectivity")), ("payload_on", .string("online")), ("payload_off", .string("offline")),
    ]

    private func head(of meter: MeterIdentity, _ key: String, _ name: String, _ topic: String) -> [(String, JSON)] {
        [
            ("unique_id", .string(identifier(of: meter) + "_" + key)), ("name", entityName(name, of: meter)),
            ("state_topic", .string(topic)),
        ]
    }

    /// Home Assistant prepends the device's name, and logs a warning if the entity's name already begins with it.
    private func entityName(_ name: String, of meter: MeterIdentity) -> JSON {
        if name == meter.title { return .null }
        return .string(name.hasPrefix(meter.title + " ") ? String(name.dropFirst(meter.title.count + 1)) : name)
    }

    private func sensor(_ key: String, _ entity: Entity, of meter: MeterIdentity, _ freshness: Freshness?) -> Component {
        var members = head(of: meter, key, entity.name, topics.value(meter.name, key))
        let facts = [
            ("device_class", entity.deviceClass), ("state_class", entity.stateClass), ("unit_of_measurement", entity.unit),
            ("entity_category", entity.isDiagnostic ? "diagnostic" : nil),
        ]
        for case (let key, let text?) in facts { members.append((key, .string(text))) }
        if let precision = entity.precision { members.append(("suggested_display_precision", .number(String(precision)))) }
        if let freshness { members.append(("expire_after", .number(String(freshness.expiresAfter)))) }
        if !entity.isEnabled { members.append(("enabled_by_default", .bool(false))) }
        return Component("sensor", key, members)
    }

    /// The meaning of F.F's bits depends on the manufacturer; all zeros means no error for every manufacturer.
    private func fault(of meter: MeterIdentity) -> Component {
        let members = head(of: meter, "meter_fault", "Fault", topics.value(meter.name, Measurand.meterError.rawValue))
        let template = "{{ 'OFF' if value.strip('0 ') == '' else 'ON' }}"
        return Component(
            "binary_sensor", "meter_fault",
            members + [
                ("value_template", .string(template)), ("device_class", .string("problem")), ("entity_category", .string("diagnostic")),
            ])
    }

    /// The entity that sets a pulse meter's total. It is announced even before a total is known, because a lost total is repaired by
    /// setting it.
    private func reading(of meter: MeterIdentity) -> Component {
        let measurand = meter.volumeUnit == nil ? Measurand.energy : .volume
        let unit = Entity(measurand, medium: meter.medium, volumeUnit: meter.volumeUnit).unit
        var members = head(of: meter, "total", "Counter reading", topics.value(meter.name, measurand.rawValue))
        members += [
            ("command_topic", .string(topics.totalSet(meter.name))), ("mode", .string("box")), ("min", .number("0")),
            ("max", .number("9999999")), ("step", .number("0.001")), ("entity_category", .string("config")),
        ]
        if let unit { members.append(("unit_of_measurement", .string(unit))) }
        return Component("number", "total", members)
    }

    // MARK: The daemon

    private var bridgeIdentifier: String { "jouled_" + Topics.identifier(clientID) }

    /// The daemon itself, as the device that the meters are connected through (`via_device`).
    func bridge(_ commands: [BridgeCommand]) -> DiscoveredDevice {
        let status: [(String, JSON)] = [
            ("unique_id", .string(bridgeIdentifier + "_status")), ("name", .string("Status")), ("state_topic", .string(topics.status)),
            ("entity_category", .string("diagnostic")),
        ]
        return DiscoveredDevice(
            meter: nil, discovery: self, identifier: bridgeIdentifier, title: "jouled", facts: [("sw_version", version)],
            availability: [], components: [Component("binary_sensor", "status", status + Self.onlineOrOffline)] + commands.map(button))
    }

    private func button(_ command: BridgeCommand) -> Component {
        var members: [(String, JSON)] = [
            ("unique_id", .string(bridgeIdentifier + "_" + command.rawValue)),
            ("name", .string(command == .restart ? "Restart" : "Read again")), ("command_topic", .string(topics.command(command))),
            ("payload_press", .string(BridgeCommand.press)),
        ]
        if command == .restart { members.append(("device_class", .string("restart"))) }
        members += [
            ("entity_category", .string("config")), ("availability", DiscoveredDevice.availability([topics.status])),
        ]
        return Component("button", command.rawValue, members)
    }
}

extension MeterIdentity {
    var isNamedByTopic: Bool { isPulse || serial == nil }
    var isPulse: Bool { if case .pulse = kind { true } else { false } }
    var medium: Medium {
        switch kind {
        case .optical: .electricity
        case .pulse(let medium), .sub(let medium): medium
        }
    }
}
