import Metering
import Testing

@testable import Publishing

/// The announcements at the broker, to the second: when a topic is free again, and when a removed one is certainly gone.
@Suite struct AnnouncementLedgerTests {
    private static let topics = Topics(base: "jouled", prefix: "homeassistant")
    private let start = Instant(nanoseconds: 1_000_000_000_000)
    private let grid = "homeassistant/device/jouled_grid/config"
    private let solar = "homeassistant/device/jouled_solar/config"

    private func device(
        _ serial: String, _ values: [Measurand] = [.power], meter name: String = "grid", form: DiscoveryForm = .device
    ) -> DiscoveredDevice {
        var meter = MeterSnapshot(name: name, title: "Meter", kind: .optical)
        meter.serial = serial
        return Discovery(form: form, topics: Self.topics, version: "1", clientID: "pi")
            .device(MeterIdentity(meter), values: values, idle: [], every: .seconds(5))
    }

    private func announce(_ device: DiscoveredDevice, after duration: Duration, in ledger: inout AnnouncementLedger) -> [MQTTMessage] {
        var messages: [MQTTMessage] = []
        ledger.announce(device, now: start + duration, into: &messages)
        return messages
    }

    private func settle(after duration: Duration, in ledger: inout AnnouncementLedger) -> [MQTTMessage] {
        var messages: [MQTTMessage] = []
        ledger.settle(now: start + duration, into: &messages)
        return messages
    }

    /// At most once in ten seconds; unchanged announcements don't count.
    @Test func theNextAnnouncement() {
        var ledger = AnnouncementLedger()
        #expect(ledger.nextAnnouncement(of: "grid") == Instant(nanoseconds: 0))
        #expect(announce(device("1"), after: .zero, in: &ledger).map(\.topic) == [grid])
        #expect(ledger.nextAnnouncement(of: "grid") == start + .seconds(10))
        #expect(
            ledger.nextAnnouncement(of: "solar") == Instant(nanoseconds: 0) && ledger.nextAnnouncement(of: nil) == Instant(nanoseconds: 0))
        let revision = ledger.revision
        #expect(announce(device("1"), after: .seconds(20), in: &ledger) == [])
        #expect(ledger.revision == revision && ledger.nextAnnouncement(of: "grid") == start + .seconds(10))
        // The same topic with an additional value.
        #expect(announce(device("1", [.power, .frequency]), after: .seconds(30), in: &ledger).map(\.topic) == [grid])
        #expect(ledger.revision > revision && ledger.nextAnnouncement(of: "grid") == start + .seconds(40))
        // After the broker has lost everything the same announcement is sent again.
        ledger.forget()
        #expect(announce(device("1", [.power, .frequency]), after: .seconds(50), in: &ledger).map(\.topic) == [grid])
        #expect(announce(device("1", [.power, .frequency]), after: .seconds(51), in: &ledger) == [])
        ledger.connected()
        #expect(ledger.nextAnnouncement(of: "grid") == Instant(nanoseconds: 0))
    }

    /// Another identity on the same topic: the topic is cleared and free after five seconds; a minute later the old identity is forgotten.
    @Test func theTopicOfAnotherMeterIsFreeAfterFiveSeconds() {
        var ledger = AnnouncementLedger()
        _ = announce(device("1"), after: .zero, in: &ledger)
        #expect(ledger.deadline == nil && ledger.announcements.count == 1)
        let gone = announce(device("2", [.frequency]), after: .seconds(20), in: &ledger)
        #expect(gone.map(\.topic) == [grid, "jouled/grid/power"] && gone.allSatisfy { $0.payload.isEmpty && $0.retain && $0.qos == 1 })
        #expect(ledger.announcements.map(\.identifier) == ["jouled_1", "jouled_2"] && ledger.deadline == start + .seconds(25))
        #expect(ledger.identifier(of: "grid") == "jouled_2" && ledger.meters == ["grid"])
        #expect(settle(after: .milliseconds(24_999), in: &ledger) == [] && ledger.deadline == start + .seconds(25))
        // Only the newest of the pending announcements is sent.
        #expect(announce(device("2", [.frequency, .power]), after: .milliseconds(24_999), in: &ledger).map(\.topic) == [])
        let free = settle(after: .seconds(25), in: &ledger)
        #expect(free.map(\.topic) == [grid] && free.first?.payload.contains("jouled_2_power") == true)
        #expect(settle(after: .seconds(26), in: &ledger) == [] && ledger.deadline == start + .seconds(80))
        let revision = ledger.revision
        _ = settle(after: .milliseconds(79_999), in: &ledger)
        #expect(ledger.revision == revision && ledger.announcements.contains { $0.identifier == "jouled_1" })
        _ = settle(after: .seconds(80), in: &ledger)
        #expect(ledger.revision > revision && ledger.announcements.map(\.identifier) == ["jouled_2"])
        let settled = ledger.revision
        _ = settle(after: .seconds(200), in: &ledger)
        #expect(ledger.revision == settled && ledger.deadline == nil)
    }

    /// The earliest of all deadlines.
    @Test func theDeadlineIsTheFirstOfAll() {
        var ledger = AnnouncementLedger()
        _ = announce(device("1"), after: .zero, in: &ledger)
        _ = announce(device("8", meter: "solar"), after: .zero, in: &ledger)
        _ = announce(device("2"), after: .zero, in: &ledger)
        _ = settle(after: .seconds(5), in: &ledger)
        #expect(ledger.deadline == start + .seconds(60))
        _ = announce(device("9", meter: "solar"), after: .seconds(57), in: &ledger)
        #expect(ledger.deadline == start + .seconds(60))
        #expect(settle(after: .seconds(60), in: &ledger) == [] && ledger.deadline == start + .seconds(62))
        #expect(settle(after: .seconds(62), in: &ledger).map(\.topic) == [solar] && ledger.deadline == start + .seconds(117))
    }

    /// On a new connection everything is sent again; messages sent before the last disconnection are considered delivered.
    @Test func theConnection() {
        var ledger = AnnouncementLedger()
        _ = announce(device("1"), after: .zero, in: &ledger)
        _ = announce(device("2"), after: .seconds(20), in: &ledger)
        ledger.connected()
        #expect(ledger.deadline == nil, "nothing of it is known to have been said")
        let again = announce(device("2"), after: .seconds(21), in: &ledger)
        #expect(again.map(\.topic) == [grid] && again.allSatisfy(\.payload.isEmpty) && ledger.deadline == start + .seconds(26))
        #expect(ledger.announcements.count == 2)
        let revision = ledger.revision
        ledger.farewell()
        #expect(ledger.announcements.map(\.identifier) == ["jouled_2"] && ledger.revision > revision)
        let last = ledger.revision
        ledger.farewell()
        #expect(ledger.revision == last)
        // Announcements that were not removed on this connection are kept.
        ledger.remember([device("7", meter: "solar").announcement])
        ledger.farewell()
        #expect(ledger.announcements.count == 2)
    }

    @Test func whatAnEarlierProcessLeft() {
        var ledger = AnnouncementLedger()
        ledger.remember([device("8", meter: "solar").announcement, device("1").announcement, device("2", [.frequency]).announcement])
        #expect(ledger.revision == 1 && ledger.meters == ["grid", "solar"])
        #expect(ledger.announcements.map(\.identifier) == ["jouled_1", "jouled_2", "jouled_8"], "by meter, the newest last")
        #expect(ledger.identifier(of: "grid") == "jouled_2" && ledger.identifier(of: "roof") == nil)
        #expect(ledger.parts(of: "grid", identifier: "jouled_1").map(\.key) == ["power", "link", "problem"])
        #expect(ledger.parts(of: "grid", identifier: "jouled_8") == [] && ledger.parts(of: "solar", identifier: "jouled_8").count == 3)
        var messages: [MQTTMessage] = []
        ledger.dropMeters(now: start, into: &messages) { $0 == "solar" }
        let topics = messages.map(\.topic)
        #expect(topics == [solar, "jouled/solar/availability", "jouled/solar/problem", "jouled/solar/power"])
        // Once per connection.
        ledger.dropMeters(now: start, into: &messages) { $0 == "solar" }
        #expect(messages.count == 4)
        // A meter that returns with an identity that is being removed waits until the topic is free.
        #expect(announce(device("8", meter: "solar"), after: .seconds(1), in: &ledger) == [])
        #expect(settle(after: .seconds(5), in: &ledger).map(\.topic) == [solar])
    }

    /// Discovery is switched off: the announcements are removed, the values stay, and are remembered.
    @Test(arguments: [DiscoveryForm.device, .components]) func dropsTheDiscoveryAlone(_ form: DiscoveryForm) {
        var ledger = AnnouncementLedger()
        let old = device("1", form: form).announcement
        ledger.remember([old])
        var messages: [MQTTMessage] = []
        ledger.dropDiscovery(now: start, into: &messages)
        #expect(messages.map(\.topic) == old.configTopics && messages.allSatisfy(\.payload.isEmpty))
        #expect(ledger.announcements.map(\.form) == [form, .off] && ledger.announcements.allSatisfy { $0.parts == old.parts })
        let revision = ledger.revision
        ledger.dropDiscovery(now: start + .seconds(1), into: &messages)
        #expect(messages.count == old.configTopics.count && ledger.revision == revision)
        _ = settle(after: .seconds(60), in: &ledger)
        #expect(ledger.announcements.map(\.form) == [.off])
        // Nothing is sent on the next connection.
        ledger.connected()
        ledger.dropDiscovery(now: start + .seconds(100), into: &messages)
        #expect(messages.count == old.configTopics.count && ledger.deadline == nil)
    }

    /// Two devices with the same identity would conflict.
    @Test func oneIdentityIsAtOnePlace() {
        var ledger = AnnouncementLedger()
        ledger.remember([device("1", meter: "solar").announcement, device("5", meter: "roof").announcement])
        let messages = announce(device("1"), after: .zero, in: &ledger)
        #expect(messages.last?.topic == grid && messages.last?.payload.contains("migrate") == false)
        #expect(messages.contains { $0.topic == solar && $0.payload.isEmpty } && !messages.contains { $0.topic.contains("roof") })
    }
}
