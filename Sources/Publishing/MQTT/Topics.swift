import Metering

/// The commands that the daemon accepts.
package enum BridgeCommand: String, Sendable, CaseIterable {
    case restart, read

    /// The payload that Home Assistant's buttons send.
    package static let press = "PRESS"
}

/// The names of all topics; public API.
package struct Topics: Sendable, Equatable {
    package let base: String
    /// Home Assistant's discovery prefix. Home Assistant's birth message is also published below it.
    package let prefix: String

    package init(base: String, prefix: String) {
        self.base = base
        self.prefix = prefix
    }

    package var status: String { base + "/status" }
    package var homeAssistantStatus: String { prefix + "/status" }

    package func command(_ command: BridgeCommand) -> String { "\(base)/\(command.rawValue)/set" }

    package func availability(_ meter: String) -> String { "\(base)/\(meter)/availability" }
    package func problem(_ meter: String) -> String { "\(base)/\(meter)/problem" }
    package func json(_ meter: String) -> String { "\(base)/\(meter)/json" }
    package func value(_ meter: String, _ quantity: String) -> String { "\(base)/\(meter)/\(quantity)" }
    package func totalSet(_ meter: String) -> String { "\(base)/\(meter)/total/set" }
    package func totalResult(_ meter: String) -> String { "\(base)/\(meter)/total/result" }

    /// The meter that a topic below the base belongs to.
    package func meter(of topic: String) -> String? {
        guard topic.hasPrefix(base + "/") else { return nil }
        let rest = topic.dropFirst(base.count + 1)
        return rest.firstIndex(of: "/").map { String(rest[..<$0]) }
    }

    /// The meter whose total is set by a command on `topic`.
    package func meter(ofTotalSet topic: String) -> String? {
        let (start, end) = (base + "/", "/total/set")
        guard topic.utf8.count > start.utf8.count + end.utf8.count, topic.hasPrefix(start), topic.hasSuffix(end) else { return nil }
        let meter = topic.dropFirst(start.count).dropLast(end.count)
        return meter.contains("/") ? nil : String(meter)
    }

    /// Whether a name below a meter's topic already has a meaning, or is reserved.
    package static func isTaken(_ name: String) -> Bool {
        Measurand(rawValue: name) != nil
            || ["availability", "json", "link", "meter", "meter_fault", "problem", "read", "status", "time", "total"].contains(name)
    }

    package func objectID(_ meter: String) -> String { Self.identifier("\(base)_\(meter)") }
    /// `nil` stands for the daemon itself, which has a node id that no meter has. An additional topic level would be unique as well, but
    /// then Home Assistant 2024.12 would not find the device's entities again when they are moved.
    package func deviceConfig(_ meter: String?) -> String { "\(prefix)/device/\(node(meter))/config" }
    package func entityConfig(_ meter: String?, platform: String, key: String) -> String {
        "\(prefix)/\(platform)/\(node(meter))/\(key)/config"
    }
    private func node(_ meter: String?) -> String { meter.map(objectID) ?? Self.identifier(base + "-bridge") }

    /// Home Assistant accepts only letters, digits, `_` and `-` in discovery topics and silently ignores messages on other topics. A serial
    /// number is external input and may contain any characters, at any length.
    package static func identifier(_ text: String) -> String {
        var identifier = ""
        for byte in text.utf8.prefix(64) {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "-"):
                identifier.unicodeScalars.append(Unicode.Scalar(byte))
            default: identifier += "_"
            }
        }
        return identifier
    }
}

/// Warnings about meters that Home Assistant can't distinguish by their serial numbers.
package func sameSerialWarnings(_ serials: [(meter: String, serial: String)]) -> [String] {
    let groups = Dictionary(grouping: serials) { Topics.identifier($0.serial) }
    return groups.sorted { $0.key < $1.key }.filter { $0.value.count > 1 }.map { sameSerialWarning($0.value.map(\.meter).sorted()) }
}

/// The warning for meters with the same serial number.
func sameSerialWarning(_ names: [String]) -> String {
    "\(names.joined(separator: " and ")) have the same serial number, so Home Assistant identifies each by its name; "
        + "if it is one meter with two heads, remove one of them from the configuration"
}
