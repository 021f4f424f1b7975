import JSONReading
import Publishing

/// Checks for everything that Domoticz refuses, misreads or that spoils its history. Keeps the last values, like Domoticz.
struct DomoticzRules {
    private(set) var broken: [String] = []
    /// The newest line of each device.
    private(set) var lines: [String: String] = [:]
    /// The number of parts of each device's line, and which of them are counters.
    private let shapes: [String: (parts: Int, counters: Range<Int>)]

    init(_ devices: [DomoticzDevice]) {
        shapes = Dictionary(
            uniqueKeysWithValues: devices.map { device in
                switch device.kind {
                case .p1: ("\(device.idx)", (6, 0..<4))
                case .kwh: ("\(device.idx)", (2, 1..<2))
                case .p1Gas, .counter: ("\(device.idx)", (1, 0..<1))
                case .current3: ("\(device.idx)", (3, 0..<0))
                case .usage, .voltage, .current, .custom: ("\(device.idx)", (1, 0..<0))
                }
            })
    }

    mutating func check(_ messages: [MQTTMessage]) { for message in messages { check(message) } }

    mutating func check(_ message: MQTTMessage) {
        if message.topic != "domoticz/in" { broken.append("\(message.topic) is not listened to") }
        if message.retain { broken.append("retained: an update at each start") }
        guard case .object(let members)? = JSONText(message.payload) else { return broken.append("no JSON object: \(message.payload)") }
        for key in members.keys where !["command", "idx", "nvalue", "svalue"].contains(key) { broken.append("\(key) is not known") }
        guard case .string("udevice")? = members["command"] else { return broken.append("no command") }
        guard case .number(let idx)? = members["idx"], Int(idx) ?? 0 > 0 else { return broken.append("idx is no integer") }
        guard case .number(let nvalue)? = members["nvalue"], Int(nvalue) != nil else { return broken.append("nvalue is no integer") }
        guard case .string(let svalue)? = members["svalue"] else { return broken.append("svalue is no text") }
        check(svalue, of: idx)
        lines[idx] = svalue
    }

    private mutating func check(_ svalue: String, of idx: String) {
        guard let shape = shapes[idx] else { return broken.append("idx \(idx) is nobody's") }
        let parts = Self.parts(svalue)
        guard parts.count == shape.parts, !parts.contains("") else { return broken.append("idx \(idx): \(svalue) has a part missing") }
        if shape.parts == 6, parts.contains(where: { UInt64($0) == nil || $0.hasPrefix("+") }) {
            broken.append("idx \(idx): \(svalue) is not all unsigned integers")
        }
        let before = lines[idx].map(Self.parts)
        for index in shape.counters {
            guard let counter = UInt64(parts[index]) else { return broken.append("idx \(idx): \(parts[index]) is no counter") }
            if let before, let last = UInt64(before[index]), counter < last { broken.append("idx \(idx): \(counter) after \(last)") }
        }
    }

    private static func parts(_ svalue: String) -> [String] {
        svalue.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
    }
}
