import HomeAssistant
import JSONReading
import Metering
import Publishing

/// Checks the published messages against earlier ones.
struct BrokerWatch {
    /// All entities of all meters, removed and announced again, plus all values.
    static let mostAtOnce = 6_000
    private static let longestPayload = 65_536

    private var homeAssistant = HomeAssistantModel()
    private var complaints = 0
    /// The published totals by topic.
    private var totals: [String: Quantity] = [:]
    /// Payloads that were already checked: most discovery messages are repeated many times.
    private var seen: Set<Int> = []

    /// Permits lower totals of this meter from now on.
    mutating func forget(_ meter: String) { totals = totals.filter { !$0.key.hasPrefix("jouled/\(meter)/") } }

    /// Permits the decrease that the state has logged in `remark`.
    mutating func excuse(_ remark: String) {
        let words = remark.split(separator: " ").map(String.init)
        guard words.count > 2, words[0].hasSuffix(":") else { return }
        let meter = String(words[0].dropLast())
        if words[1...].starts(with: ["the", "meter", "was", "replaced:"]) { forget(meter) }
        if words[2] == "went" { totals["jouled/\(meter)/\(words[1])"] = nil }
    }

    /// Returns the violations.
    mutating func hear(_ messages: [MQTTMessage]) -> [String] {
        var failures: [String] = []
        if messages.count > Self.mostAtOnce { failures.append("\(messages.count) messages at once") }
        for message in messages {
            let topic = message.topic
            if topic.isEmpty || topic.utf8.count > 256 || !topic.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2B && $0 != 0x23 }) {
                failures.append("no topic: \(topic)")
            }
            if message.payload.utf8.count > Self.longestPayload || message.payload.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
                failures.append("no payload: \(topic) \(message.payload.prefix(200))")
            }
            let isJSON = !message.payload.isEmpty && (topic.hasSuffix("/json") || topic.hasSuffix("/config") || topic == "domoticz/in")
            if isJSON, isNew(message.payload), JSONText(message.payload) == nil {
                failures.append("no JSON: \(topic) \(message.payload.prefix(2000))")
            }
            failures += follow(topic, message.payload)
            homeAssistant.receive(topic, message.payload, isRetained: message.retain)
        }
        // After a reconnection removals are repeated, because it is unknown what arrived; the resulting warnings are ignored.
        let new = homeAssistant.complaints.dropFirst(complaints).filter { !$0.contains(": nothing to ") }
        complaints = homeAssistant.complaints.count
        return failures + new
    }

    private mutating func isNew(_ payload: String) -> Bool {
        if seen.count > 10_000 { seen = [] }
        return seen.insert(payload.hashValue).inserted
    }

    private mutating func follow(_ topic: String, _ payload: String) -> [String] {
        guard topic.hasPrefix("jouled/"), let last = topic.split(separator: "/").last, Measurand(rawValue: String(last))?.isTotal == true
        else { return [] }
        guard !payload.isEmpty else { return [] }
        guard let number = Quantity(payload) else { return ["no number: \(topic) \(payload)"] }
        let before = totals.updateValue(number, forKey: topic)
        guard let before, number < before else { return [] }
        return ["\(topic) fell from \(before) to \(number)"]
    }
}
