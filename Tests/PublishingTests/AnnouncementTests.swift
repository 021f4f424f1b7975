import HomeAssistant
import JSONReading
import Metering
import Publishing
import Testing

@Suite struct AnnouncementTests {
    private let topic = "homeassistant/device/jouled_grid/config"

    @Test func announcesAgainWhenMoreIsSeen() {
        var bench = PublicationBench(discovery: .device)
        _ = bench.connect()
        #expect(bench.read([.power: number("1")]).payloads(topic).count == 1)
        #expect(bench.read([.power: number("2")]).payloads(topic).count == 0)
        bench.wait(.seconds(9))
        #expect(bench.read([.energyImportT2: number("0.000")]).payloads(topic).count == 0, "not so soon")
        let more = bench.pass(.seconds(1)).map(\.1).payloads(topic)
        #expect(more.count == 1)
        #expect(more.first?.contains(#""enabled_by_default":false"#) == true)
        bench.meter.values.set(.firmware, .text("1.2"))
        bench.wait(.seconds(10))
        #expect(bench.read([:]).payloads(topic).first?.contains(#""sw_version":"1.2""#) == true)
        // The tariff is in use after all.
        bench.wait(.seconds(10))
        let runs = bench.read([.energyImportT2: number("0.001")]).payloads(topic)
        #expect(runs.first?.contains("enabled_by_default") == false)
        bench.publication.disconnected()
        #expect(bench.connect().payloads(topic).count == 1)
    }

    /// Entities with a provisional identity would remain as orphans after the change.
    @Test func waitsForTheSerialNumberButNotForEver() {
        var bench = PublicationBench(discovery: .device)
        bench.meter.serial = nil
        _ = bench.connect()
        #expect(bench.read([.power: number("1")]).payloads(topic) == [])
        #expect(bench.read([.power: number("2")]).payloads(topic) == [])
        #expect(bench.read([.power: number("3")]).payloads(topic).first?.contains(#"["jouled_grid"]"#) == true)
    }

    @Test(arguments: [DiscoveryForm.device, .components]) func takesBackAMeterThatWasExchanged(form: DiscoveryForm) {
        var bench = PublicationBench(every: .zero, discovery: form)
        _ = bench.connect()
        _ = bench.read([.power: number("1"), .energyImport: number("5.0")])
        bench.publication.disconnected()
        bench.meter.serial = "4712"
        bench.meter.values = [:]
        _ = bench.read([.energyImport: number("0.0")])
        let messages = bench.connect()
        let takenBack = messages.filter { $0.topic.contains("/jouled_grid/") }
        #expect(takenBack.count == (form == .device ? 1 : 4))
        #expect(takenBack.allSatisfy { $0.payload.isEmpty })
        #expect(messages.payloads("jouled/grid/power") == [""])
        #expect(messages.payloads("jouled/grid/energy_import") == ["0.0"])
        #expect(messages.payloads("jouled/grid/json").first?.contains("power") == false)
        let later = bench.pass(.seconds(6)).filter { $0.1.topic.contains("/jouled_grid/") }
        #expect(later.count == (form == .device ? 1 : 3))
        #expect(later.allSatisfy { $0.0 == 5 && $0.1.payload.contains("jouled_4712") && !$0.1.payload.contains("4711") })
        #expect(bench.homeAssistant.complaints == [])
        #expect(ids(bench).filter { $0.contains("4711") } == [] && ids(bench).contains("sensor jouled_4712_energy_import"))
        #expect(bench.pass(.seconds(120)).allSatisfy { !$0.1.topic.contains("/jouled_grid/") })
    }

    /// The serial number changes while Home Assistant is running, and again before it has cleaned up.
    @Test(arguments: [DiscoveryForm.device, .components]) func takesBackOneAfterTheOther(form: DiscoveryForm) {
        var bench = first(form)
        _ = bench.pass(.seconds(10))
        bench.meter.serial = "4712"
        var messages = bench.read([:])
        _ = bench.pass(.seconds(2))
        bench.meter.serial = "4713"
        bench.meter.values = [.power: number("3")]
        messages += bench.read([:])
        #expect(messages.allSatisfy { !$0.topic.contains("/jouled_grid/") || $0.payload.isEmpty })
        // A request for all messages doesn't send the pending ones earlier.
        messages = bench.repeated()
        #expect(messages.allSatisfy { !$0.topic.contains("/jouled_grid/") })
        _ = bench.pass(.seconds(20))
        #expect(bench.homeAssistant.complaints == [])
        let grid = ids(bench).filter { $0.contains("_471") }
        let expected = ["sensor jouled_4713_power", "binary_sensor jouled_4713_link", "sensor jouled_4713_problem"]
        #expect(grid == Set(expected))
        #expect(bench.homeAssistant.restarted().entities.keys.sorted() == bench.homeAssistant.entities.keys.sorted())
    }

    /// The connection is lost during the removal.
    @Test(arguments: [DiscoveryForm.device, .components]) func isTakenBackAgainOverTheNextConnection(form: DiscoveryForm) {
        var bench = first(form)
        _ = bench.pass(.seconds(10))
        bench.meter.serial = "4712"
        let lost = bench.publication.update(Snapshot(meters: [bench.meter] + bench.others), now: bench.now, wall: bench.wall)
        #expect(lost.contains { $0.topic.contains("/jouled_grid/") && $0.payload.isEmpty })
        bench.publication.disconnected()
        bench.wait(.seconds(1))
        _ = bench.connect()
        #expect(ids(bench).allSatisfy { !$0.contains("_471") })
        _ = bench.pass(.seconds(4))
        #expect(ids(bench).allSatisfy { !$0.contains("_471") })
        _ = bench.pass(.seconds(1))
        #expect(ids(bench).contains("sensor jouled_4712_power") && bench.homeAssistant.complaints == [])
    }

    /// A new process that finds the announcements of the previous one, with another form, base topic, or set of meters.
    private func successor(
        of bench: PublicationBench, discovery: DiscoveryForm, base: String = "jouled", change: (inout PublicationBench) -> Void = { _ in }
    ) -> (PublicationBench, [MQTTMessage]) {
        var next = PublicationBench(every: .zero, discovery: discovery, base: base)
        next.homeAssistant = bench.homeAssistant
        next.meter = bench.meter
        next.others = bench.others
        next.publication.remember(AnnouncementRecord.parse(Array(AnnouncementRecord.text(of: bench.publication.announcements).utf8)) ?? [])
        change(&next)
        var messages = next.update()
        messages += next.connect()
        messages += next.read([:])
        return (next, messages)
    }

    @Test func whatIsAnnouncedIsTakenOnce() {
        var bench = first(.device)
        #expect(bench.publication.takeAnnouncements() == bench.publication.announcements)
        #expect(bench.publication.takeAnnouncements() == nil)
        var next = PublicationBench(every: .zero)
        next.publication.remember(bench.publication.announcements)
        #expect(next.publication.takeAnnouncements() == nil, "that is where it comes from")
    }

    private func first(_ discovery: DiscoveryForm) -> PublicationBench {
        var bench = PublicationBench(every: .zero, discovery: discovery)
        var heat = MeterSnapshot(name: "heat", title: "Heat pump", kind: .pulse(.electricity))
        heat.isAvailable = true
        heat.values = [.energy: number("1.000"), .pulses: number("1000")]
        bench.others = [heat]
        _ = bench.connect()
        _ = bench.read([.power: number("1"), .energyImport: number("5.0"), .meterError: .text("00")])
        return bench
    }

    private func ids(_ bench: PublicationBench) -> Set<String> { Set(bench.homeAssistant.entities.keys) }

    @Test(arguments: [DiscoveryForm.device, .components], [DiscoveryForm.device, .components])
    func changesItsFormWithoutALoss(from: DiscoveryForm, to: DiscoveryForm) {
        let before = first(from)
        #expect(ids(before).contains("sensor jouled_4711_power") && ids(before).contains("number jouled_heat_total"))
        let (after, messages) = successor(of: before, discovery: to)
        #expect(ids(after) == ids(before))
        // Home Assistant needs something to clean up, so entities without history are deleted.
        let spare = Set(from == .device && to == .components ? ["_status", "_problem"] : [])
        #expect(after.homeAssistant.deleted.allSatisfy { deleted in spare.contains { deleted.hasSuffix($0) } })
        #expect(after.homeAssistant.complaints == [])
        #expect(Set(after.homeAssistant.entities.values.map { $0.topic.contains("/device/") }) == [to == .device])
        #expect(messages.contains { $0.payload == #"{"migrate_discovery":true}"# } == (from != to))
        let new = after.homeAssistant.restarted()
        #expect(Set(new.entities.keys) == ids(before) && new.complaints == [])
    }

    @Test(arguments: [DiscoveryForm.device, .components]) func movesToAnotherTopic(form: DiscoveryForm) {
        let before = first(form)
        let (after, _) = successor(of: before, discovery: form, base: "home/energy")
        #expect(after.homeAssistant.complaints == [])
        // A pulse meter's identity is only its name below the base topic.
        #expect(
            after.homeAssistant.deleted.allSatisfy { $0.contains(" jouled_heat_") || $0.hasSuffix("_problem") || $0.hasSuffix("_status") })
        #expect(ids(after).contains("sensor jouled_4711_power") && ids(after).contains("sensor home_energy_heat_energy"))
        #expect(after.homeAssistant.retained.keys.filter { $0.hasPrefix("jouled/") || $0.contains("/jouled_") } == [])
        #expect(after.homeAssistant.state("sensor jouled_4711_energy_import") == "5.0")
    }

    @Test(arguments: [DiscoveryForm.device, .components]) func takesBackAMeterThatIsGone(form: DiscoveryForm) {
        let before = first(form)
        var (after, _) = successor(of: before, discovery: form) { $0.others = [] }
        #expect(after.homeAssistant.complaints == [])
        #expect(!ids(after).isEmpty && ids(after).allSatisfy { !$0.contains("heat") })
        #expect(after.homeAssistant.retained.keys.filter { $0.contains("heat") } == [])
        // The removal is repeated until it has certainly arrived.
        #expect(after.publication.announcements.contains { $0.meter == "heat" })
        after.publication.disconnected()
        #expect(after.connect().contains { $0.topic == "jouled/heat/energy" && $0.payload.isEmpty })
        _ = after.pass(.seconds(61))
        #expect(!after.publication.announcements.contains { $0.meter == "heat" })
        after.publication.disconnected()
        #expect(!after.connect().contains { $0.topic.contains("heat") })
    }

    @Test(arguments: [DiscoveryForm.device, .components]) func takesBackAllWhenItIsOff(form: DiscoveryForm) {
        let before = first(form)
        var (after, messages) = successor(of: before, discovery: .off) { $0.meter.values = [:] }
        #expect(ids(after) == [] && after.homeAssistant.complaints == [])
        #expect(after.homeAssistant.retained.keys.filter { $0.hasPrefix("homeassistant/") } == [])
        #expect(after.homeAssistant.retained["jouled/grid/energy_import"] == "5.0" && after.homeAssistant.retained["jouled/status"] != nil)
        #expect(!messages.contains { $0.topic == "jouled/status" && $0.payload.isEmpty })
        _ = after.pass(.seconds(61))
        // And the values of a meter that is removed later.
        (after, messages) = successor(of: after, discovery: .off) { $0.others = [] }
        #expect(after.homeAssistant.retained.keys.filter { $0.contains("heat") } == [])
        #expect(!messages.contains { $0.topic.hasPrefix("homeassistant/") })
    }

    /// A value that the configuration no longer requests.
    @Test(arguments: [DiscoveryForm.device, .components]) func takesBackAValueThatDoesNotComeAnyMore(form: DiscoveryForm) {
        let before = first(form)
        var (after, messages) = successor(of: before, discovery: form) { $0.meter.values.set(.meterError, nil) }
        #expect(ids(after) == ids(before), "it may still come")
        #expect(!messages.contains { $0.topic.hasPrefix("homeassistant/") && $0.payload.isEmpty })
        for _ in 1...10 {
            after.wait(.seconds(61))
            messages += after.read([:])
        }
        #expect(Set(after.homeAssistant.deleted) == ["binary_sensor jouled_4711_meter_fault", "sensor jouled_4711_meter_error"])
        #expect(after.homeAssistant.complaints == [] && after.homeAssistant.retained["jouled/grid/meter_error"] == nil)
        let new = after.homeAssistant.restarted()
        #expect(new.complaints == [] && Set(new.entities.keys) == ids(after))
    }

    /// The meters, or their heads, were swapped.
    @Test(arguments: [DiscoveryForm.device, .components]) func twoMetersChangePlaces(form: DiscoveryForm) {
        var before = first(form)
        before.others = [MeterSnapshot(name: "solar", title: "Solar", kind: .optical)]
        before.others[0].serial = "815"
        before.others[0].values = [.power: number("9")]
        _ = before.read([:])
        var (after, _) = successor(of: before, discovery: form) { next in
            next.meter.serial = "815"
            next.others[0].serial = "4711"
        }
        _ = after.pass(.seconds(6))
        #expect(after.homeAssistant.complaints == [])
        #expect(after.homeAssistant.entities["sensor jouled_815_power"]?.config.stateTopic == "jouled/grid/power")
        #expect(after.homeAssistant.entities["sensor jouled_4711_power"]?.config.stateTopic == "jouled/solar/power")
    }

    /// A meter behind another one appears later; it is not removed until then.
    @Test func waitsForAMeterBehindAnother() {
        var before = first(.device)
        before.others = [MeterSnapshot(name: "grid_gas", title: "Grid meter gas", kind: .sub(.gas), volumeUnit: .cubicMetres)]
        before.others[0].serial = "G1"
        before.others[0].isAvailable = true
        before.others[0].values = [.volume: number("981.443")]
        _ = before.read([:])
        #expect(before.homeAssistant.state("sensor jouled_G1_volume") == "981.443")
        let (after, _) = successor(of: before, discovery: .device) { $0.others = [] }
        #expect(after.homeAssistant.state("sensor jouled_G1_volume") == "unavailable")
        #expect(!after.homeAssistant.deleted.contains { $0.contains("G1") } && after.homeAssistant.complaints == [])
    }

    // MARK: What is expected

    /// The entity is there before its value, and the value needs no other announcement.
    @Test(arguments: [DiscoveryForm.device, .components]) func announcesWhatIsExpected(form: DiscoveryForm) throws {
        var bench = PublicationBench(every: .zero, discovery: form)
        bench.meter.expected = [.power, .powerError]
        bench.others = [MeterSnapshot(name: "heat", title: "Heat pump", kind: .pulse(.water), volumeUnit: .cubicMetres)]
        bench.others[0].isAvailable = true
        bench.others[0].expected = [.flow]
        _ = bench.connect()
        let messages = bench.read([.energyImport: number("5.0")])
        let power = "sensor jouled_4711_power"
        #expect(bench.homeAssistant.state(power) == "unknown" && bench.homeAssistant.state("\(power)_error") == "unknown")
        #expect(bench.homeAssistant.state("sensor jouled_heat_flow") == "unknown")
        #expect(messages.payloads("jouled/grid/power") == [] && messages.payloads("jouled/grid/power_error") == [])
        #expect(messages.payloads("jouled/grid/json").first?.contains("power") == false)
        bench.wait(.seconds(60))
        bench.others[0].values.set(.flow, number("0.1"))
        let more = bench.read([.power: number("300"), .powerError: number("9")])
        #expect(!more.contains { $0.topic.hasPrefix("homeassistant/") })
        #expect(bench.homeAssistant.state(power) == "300" && bench.homeAssistant.state("sensor jouled_heat_flow") == "0.1")
        #expect(bench.pass(.seconds(1200)).allSatisfy { !$0.1.topic.hasPrefix("homeassistant/") })
        #expect(bench.homeAssistant.complaints == [] && bench.homeAssistant.deleted == [])
    }

    /// The meter sends its power itself: before an estimate was made, or after.
    @Test(arguments: [DiscoveryForm.device, .components], [false, true])
    func takesBackWhatIsNoLongerExpected(form: DiscoveryForm, isEstimated: Bool) {
        var bench = PublicationBench(every: .zero, discovery: form)
        bench.meter.expected = [.power, .powerError]
        _ = bench.connect()
        _ = bench.read([.energyImport: number("5.0"), .energyImportT2: number("0.0")])
        if isEstimated { _ = bench.read([.power: number("300"), .powerError: number("9")]) }
        bench.wait(.seconds(60))
        bench.meter.expected = []
        bench.meter.values.set(.powerError, nil)
        let messages = bench.read([.power: number("290")])
        #expect(bench.homeAssistant.deleted == ["sensor jouled_4711_power_error"] && bench.homeAssistant.complaints == [])
        #expect(bench.homeAssistant.state("sensor jouled_4711_power") == "290")
        #expect(bench.homeAssistant.retained["jouled/grid/power_error"] == nil)
        #expect(messages.payloads("jouled/grid/json").first?.contains("power_error") == false)
        let tariff = bench.homeAssistant.entities["sensor jouled_4711_energy_import_t2"]?.config.own["enabled_by_default"]
        #expect(tariff == .bool(false), "it is still idle")
        let new = bench.homeAssistant.restarted()
        #expect(new.complaints == [] && Set(new.entities.keys) == ids(bench))
    }

    /// What is expected stays announced, however long it takes.
    @Test(arguments: [DiscoveryForm.device, .components]) func aRestartKeepsWhatIsExpected(form: DiscoveryForm) {
        var before = PublicationBench(every: .zero, discovery: form)
        before.meter.expected = [.power, .powerError]
        _ = before.connect()
        _ = before.read([.energyImport: number("5.0")])
        // The next process knows only after its first reading what to expect.
        var (after, messages) = successor(of: before, discovery: form) { next in
            next.meter.values = [:]
            next.meter.expected = []
        }
        after.meter.expected = [.power, .powerError]
        messages += after.read([.energyImport: number("5.0")])
        for _ in 1...20 {
            after.wait(.seconds(61))
            messages += after.read([:])
        }
        #expect(ids(after) == ids(before) && after.homeAssistant.deleted == [] && after.homeAssistant.complaints == [])
        #expect(!messages.contains { $0.payload.isEmpty })
        #expect(after.publication.announcements == before.publication.announcements)
    }

    /// The meter sends its power itself, but not with the first values: nothing is announced only to be removed.
    @Test(arguments: [DiscoveryForm.device, .components]) func aRestartRemembersWhoHasPowerItself(form: DiscoveryForm) {
        let before = first(form)
        var (after, messages) = successor(of: before, discovery: form) { next in
            next.meter.values.set(.power, nil)
            next.meter.expected = [.power, .powerError]
        }
        after.wait(.seconds(20))
        messages += after.read([:])
        #expect(ids(after) == ids(before) && !messages.contains { $0.payload.contains("power_error") })
        // If it is estimated after all, the error is announced with its value.
        _ = after.read([.power: number("300"), .powerError: number("9")])
        #expect(after.homeAssistant.state("sensor jouled_4711_power_error") == "9" && after.homeAssistant.complaints == [])
    }

    @Test func aRestartChangesNothing() {
        let before = first(.device)
        var (after, messages) = successor(of: before, discovery: .device)
        #expect(after.publication.announcements == before.publication.announcements)
        #expect(!messages.contains { $0.payload.isEmpty })
        messages = after.pass(.seconds(120)).map(\.1)
        #expect(!messages.contains { $0.topic.hasPrefix("homeassistant/") })
    }
}

@Suite struct AnnouncementRecordTests {
    private static let announcements = [
        Announcement(
            meter: nil, form: .device, topics: Topics(base: "home/energy", prefix: "ha"), identifier: "jouled_pi",
            parts: [Announcement.Part(platform: "button", key: "restart")]),
        Announcement(
            meter: "grid", form: .components, topics: Topics(base: "j", prefix: "homeassistant"), identifier: "jouled_4711",
            parts: [.init(platform: "sensor", key: "power"), .init(platform: "binary_sensor", key: "link")]),
        Announcement(meter: "gas", form: .off, topics: Topics(base: "j", prefix: "homeassistant"), identifier: "j_gas", parts: []),
    ]

    @Test func comesBackAsItWas() {
        let text = AnnouncementRecord.text(of: Self.announcements)
        #expect(
            text.hasPrefix("jouled announced 1\nbridge device jouled_pi\nbase home/energy\nprefix ha\nbutton restart\nmeter components"))
        #expect(AnnouncementRecord.parse(Array(text.utf8)) == Self.announcements)
        #expect(AnnouncementRecord.parse(Array(AnnouncementRecord.text(of: []).utf8)) == [])
    }

    /// A record of exactly 256 KiB is read, a longer one is not.
    @Test func aRecordHasALimit() {
        func record(_ length: Int) -> [UInt8] {
            var announcements = Self.announcements
            let short = AnnouncementRecord.text(of: announcements).utf8.count
            let missing = length - short - "sensor \n".utf8.count
            announcements[2].parts = [.init(platform: "sensor", key: String(repeating: "x", count: missing))]
            return Array(AnnouncementRecord.text(of: announcements).utf8)
        }
        for (length, isRead) in [(262_143, true), (262_144, true), (262_145, false)] {
            let bytes = record(length)
            #expect(bytes.count == length && (AnnouncementRecord.parse(bytes) != nil) == isRead, "\(length)")
        }
        #expect(AnnouncementRecord.limit == 262_144)
    }

    /// Every truncation and every changed byte is detected.
    @Test func neverTakesADamagedOne() {
        let bytes = Array(AnnouncementRecord.text(of: Self.announcements).utf8)
        for count in bytes.indices { #expect(AnnouncementRecord.parse(Array(bytes.prefix(count))) == nil) }
        for index in bytes.indices {
            for bit in [0, 3, 7] {
                var turned = bytes
                turned[index] ^= 1 << bit
                #expect(AnnouncementRecord.parse(turned) == nil)
            }
        }
    }
}

extension AnnouncementTests {
    /// Everything written can be read back, whatever the meter sends about itself.
    @Test(arguments: [DiscoveryForm.off, .device, .components]) func whatWasAnnouncedIsReadBack(form: DiscoveryForm) {
        let serials = [nil, "", " ", "a b\nc", "\u{0}", String(repeating: "7", count: 300), "ä.+/#", "bridge device x", "1"]
        for base in ["jouled", "a/b/c", "m€ter"] {
            for serial in serials {
                var bench = PublicationBench(discovery: form, base: base)
                bench.meter.serial = serial
                bench.meter.model = serial
                bench.meter.named = [NamedRegister(OBISCode(16, 8, 0), name: "a_name")]
                bench.meter.named[0].value = .text("x")
                var twin = bench.meter
                twin.name = "solar"
                bench.others = [twin]
                _ = bench.connect()
                for _ in 0..<3 {
                    bench.others[0].readings += 1
                    _ = bench.read(Dictionary(uniqueKeysWithValues: Measurand.allCases.map { ($0, number("1")) }))
                }
                let announcements = bench.publication.announcements
                let text = Array(AnnouncementRecord.text(of: announcements).utf8)
                #expect(announcements.count >= 3 && text.count < 16_384 && AnnouncementRecord.parse(text) == announcements)
            }
        }
    }
}
