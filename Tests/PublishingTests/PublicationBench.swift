import HomeAssistant
import Metering
import Publishing

/// The publication with a manual clock.
struct PublicationBench {
    var publication: MQTTPublication
    var now = Instant(nanoseconds: 1_000_000_000_000)
    /// Receives all messages.
    var homeAssistant = HomeAssistantModel()
    let wall = WallTime(millisecondsSince1970: 1_795_242_480_000)
    var others: [MeterSnapshot] = []
    var meter = MeterSnapshot(name: "grid", title: "Grid meter", kind: .optical)

    init(every: Duration = .seconds(5), discovery: DiscoveryForm = .off, clientID: String = "jouled", base: String = "jouled") {
        publication = MQTTPublication(
            topics: Topics(base: base, prefix: "homeassistant"), discovery: discovery, version: "0.1.0", clientID: clientID,
            publishEvery: ["grid": every])
        meter.isAvailable = true
        meter.serial = "4711"
    }

    mutating func wait(_ duration: Duration) { now = now + duration }

    mutating func read(_ values: [Measurand: MeasuredValue]) -> [MQTTMessage] {
        for (measurand, value) in values { meter.values.set(measurand, value) }
        meter.readings += 1
        meter.readAt = wall
        return update()
    }

    mutating func update() -> [MQTTMessage] {
        hear(publication.update(Snapshot(meters: [meter] + others), now: now, wall: wall))
    }

    mutating func connect() -> [MQTTMessage] { hear(publication.connected(now: now)) }

    mutating func repeated() -> [MQTTMessage] { hear(publication.repeated(now: now)) }

    @discardableResult
    mutating func hear(_ messages: [MQTTMessage]) -> [MQTTMessage] {
        for message in messages { homeAssistant.receive(message.topic, message.payload, isRetained: message.retain) }
        // Cleans up after the whole batch, but before the next one.
        homeAssistant.cleanUp()
        return messages
    }

    /// Advances time until nothing is due within `duration`; returns the messages with seconds since the beginning.
    mutating func pass(_ duration: Duration) -> [(Int64, MQTTMessage)] {
        let (begin, end) = (now, now + duration)
        var sent: [(Int64, MQTTMessage)] = []
        while let due = publication.nextDeadline, due <= end {
            now = due
            sent += hear(publication.tick(now: now)).map { ((now - begin).nanoseconds / 1_000_000_000, $0) }
        }
        now = end
        return sent
    }
}

func number(_ text: String) -> MeasuredValue { Quantity(text).map { .number($0) } ?? .text(text) }

/// Values of no register and no time, which no message has.
extension MeasuredValues: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (Measurand, MeasuredValue)...) {
        self.init()
        for (measurand, value) in elements { set(measurand, value) }
    }

    mutating func set(_ measurand: Measurand, _ value: MeasuredValue?) { set(measurand, value, at: WallTime(millisecondsSince1970: 0)) }
}

extension [MQTTMessage] {
    func payloads(_ topic: String) -> [String] { filter { $0.topic == topic }.map(\.payload) }
}
