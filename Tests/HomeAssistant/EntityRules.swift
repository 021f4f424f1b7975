import JSONReading

package struct DiscoveredEntity {
    package let platform: String
    package let key: String
    /// The entity's own settings, and those of its device for all entities.
    package let own: JSONText
    package let shared: JSONText
    /// Whether it has its own message.
    package let isAlone: Bool

    package var uniqueID: String { own["unique_id"]?.string ?? "" }
    package var stateTopic: String? { (own["state_topic"] ?? shared["state_topic"])?.string }
    package var availability: [String] {
        (own["availability"] ?? shared["availability"])?.elements.compactMap { $0["topic"]?.string } ?? []
    }
    package var isNumeric: Bool {
        platform == "number" || own["state_class"] != nil || own["unit_of_measurement"] != nil
            || own["suggested_display_precision"] != nil
    }
}

/// Home Assistant's requirements for one entity.
struct EntityRules {
    private(set) var broken: [String] = []
    private let entity: DiscoveredEntity
    private let own: JSONText

    private static let common: Set = [
        "platform", "unique_id", "name", "device_class", "entity_category", "enabled_by_default", "availability", "availability_mode",
        "payload_available", "payload_not_available", "qos", "icon",
    ]
    private static let alone: Set = ["device", "origin"]
    /// By platform. Home Assistant ignores unknown keys, so they are mistakes.
    static let keys: [String: Set<String>] = [
        "sensor": [
            "state_topic", "state_class", "unit_of_measurement", "suggested_display_precision", "expire_after", "value_template",
            "force_update", "last_reset_value_template", "options",
        ],
        "binary_sensor": ["state_topic", "payload_on", "payload_off", "value_template", "expire_after"],
        "number": ["state_topic", "command_topic", "mode", "min", "max", "step", "unit_of_measurement", "value_template"],
        "button": ["command_topic", "payload_press"],
    ]
    /// By class: the units and state classes that Home Assistant 2024.12 accepts.
    private static let sensorClasses: [String: (units: Set<String?>, states: Set<String?>)] = [
        "energy": (["Wh", "kWh", "MWh", "GWh", "J", "kJ", "MJ", "GJ"], ["total", "total_increasing"]),
        "power": (["W", "kW"], ["measurement"]),
        "voltage": (["V", "mV"], ["measurement"]),
        "current": (["A", "mA"], ["measurement"]),
        "frequency": (["Hz", "kHz"], ["measurement"]),
        "power_factor": ([nil, "%"], ["measurement"]),
        "reactive_power": (["var", "kvar"], ["measurement"]),
        "apparent_power": (["VA"], ["measurement"]),
        "gas": (["m\u{B3}", "L"], ["total", "total_increasing"]),
        "water": (["m\u{B3}", "L"], ["total", "total_increasing"]),
        "volume": (["m\u{B3}", "L"], ["total", "total_increasing"]),
        "volume_flow_rate": (["m\u{B3}/h", "L/h", "L/min"], ["measurement"]),
        "duration": (["s", "min", "h", "d", "ms"], ["measurement", "total", "total_increasing", nil]),
        "timestamp": ([nil], [nil]),
    ]
    private static let otherClasses: [String: Set<String>] = [
        "binary_sensor": ["connectivity", "problem", "power", "running"], "button": ["restart", "update", "identify"],
        "number": ["energy", "gas", "water", "volume"],
    ]

    init(_ entity: DiscoveredEntity) {
        self.entity = entity
        own = entity.own
        guard let special = Self.keys[entity.platform], case .object(let members) = own else {
            complain("unknown platform \(entity.platform)")
            return
        }
        let allowed = Self.common.union(special).union(entity.isAlone ? Self.alone : [])
        for key in members.keys where !allowed.contains(key) { complain("\(key) is not for a \(entity.platform)") }
        if entity.isAlone && members["platform"] != nil { complain("platform stands in the topic") }
        if entity.uniqueID.isEmpty { complain("no unique_id") }
        checkTopics()
        checkAvailability()
        checkName()
        checkCategory()
        switch entity.platform {
        case "sensor": checkSensor()
        case "number": checkNumber()
        default:
            if let name = own["device_class"]?.string, Self.otherClasses[entity.platform]?.contains(name) != true {
                complain("unknown class \(name)")
            }
        }
    }

    private mutating func complain(_ what: String) { broken.append("\(entity.key): \(what)") }

    private mutating func checkTopics() {
        let needed = Self.keys[entity.platform]?.intersection(["state_topic", "command_topic"]) ?? []
        for name in needed.sorted() {
            let topic = (own[name] ?? entity.shared[name])?.string ?? ""
            if topic.isEmpty || topic.contains("+") || topic.contains("#") { complain("\(name) \"\(topic)\" is no topic") }
        }
        if let seconds = own["expire_after"], Int(seconds.digits) ?? 0 < 60 { complain("expires too early") }
    }

    private mutating func checkAvailability() {
        let isListed = (own["availability"] ?? entity.shared["availability"]) != nil
        if isListed && (entity.availability.isEmpty || entity.availability.contains("")) { complain("an availability without topics") }
        for config in [own, entity.shared] where config["availability_topic"] != nil { complain("availability_topic excludes the list") }
        let mode = (own["availability_mode"] ?? entity.shared["availability_mode"])?.string
        if entity.availability.count > 1 && mode != "all" { complain("the last one of its availabilities would win") }
    }

    private mutating func checkName() {
        guard let name = own["name"] else { return complain("no name") }
        guard let text = name.string else { return name == .null ? () : complain("the name is no text") }
        let device = entity.shared["device"]?["name"]?.string ?? ""
        if text.isEmpty || text.lowercased().hasPrefix(device.lowercased()) { complain("the name begins with the device's") }
    }

    private mutating func checkCategory() {
        guard let category = own["entity_category"]?.string else { return }
        let isReadOnly = entity.platform == "sensor" || entity.platform == "binary_sensor"
        if category != "diagnostic" && (isReadOnly || category != "config") { complain("no \(entity.platform) is \(category)") }
    }

    private mutating func checkSensor() {
        let (unit, state) = (own["unit_of_measurement"]?.string, own["state_class"]?.string)
        if own["last_reset_value_template"] != nil && state != "total" { complain("last_reset is for totals") }
        if let state, !["measurement", "total", "total_increasing"].contains(state) { complain("unknown state class \(state)") }
        if unit == "" { complain("an empty unit") }
        if let precision = own["suggested_display_precision"], !(0...9).contains(Int(precision.digits) ?? -1) { complain("precision") }
        guard let deviceClass = own["device_class"]?.string else { return }
        guard let rule = Self.sensorClasses[deviceClass] else { return complain("unknown class \(deviceClass)") }
        if !rule.units.contains(unit) { complain("\(unit ?? "no unit") is not for \(deviceClass)") }
        if !rule.states.contains(state) { complain("\(state ?? "no state class") is not for \(deviceClass)") }
    }

    private mutating func checkNumber() {
        let numbers = ["min", "max", "step"].map { Double(own[$0]?.digits ?? "") }
        guard let least = numbers[0], let most = numbers[1], let step = numbers[2] else { return complain("ends at 100") }
        if least >= most || step < 0.001 { complain("a range or a step that is not allowed") }
        if let mode = own["mode"]?.string, !["auto", "box", "slider"].contains(mode) { complain("unknown mode \(mode)") }
    }
}

extension JSONText {
    /// The digits of a number; empty for anything else.
    fileprivate var digits: String { if case .number(let text) = self { text } else { "" } }
}
