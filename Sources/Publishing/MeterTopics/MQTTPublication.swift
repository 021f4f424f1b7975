import Metering

/// Decides what is published and when. A value type: it takes new readings, connection changes and the time, and returns the messages.
package struct MQTTPublication: Sendable {
    private static let usualInterval = Duration.seconds(5)
    /// Home Assistant asks every client to wait for a random time before it responds to the birth message. This is the longest wait, in ms.
    private static let longestJitter: Int64 = 3000
    /// The minimum interval between responses to birth messages, however often they arrive.
    private static let birthEvery = Duration.seconds(10)

    package let topics: Topics
    /// The commands that the daemon accepts; set before the first connection.
    package var commands: [BridgeCommand] = []
    /// When `tick` is due.
    package private(set) var nextDeadline: Instant?

    private let publishEvery: [String: Duration]
    private let discovery: Discovery
    private let jitter: Duration
    private var ledger = AnnouncementLedger()
    private var takenRevision = 0
    /// The ledger's revision when the identities were last compared.
    private var comparedRevision = 0
    private var meters: [MeterPublication] = []
    private var knowsMeters = false
    private var hasSwept = false
    private var isConnected = false
    private var repeatAt: Instant?
    private var remarks: [String] = []
    /// The meters that share an identity, as last reported to the user.
    private var warned: [String: Set<String>] = [:]
    private var birthAnsweredAt: Instant?
    private var mustAnnounceBridge = false

    /// `publishEvery` contains all configured meters. `bridge` is the name of the daemon's own device if that differs from the client id.
    package init(
        topics: Topics, discovery: DiscoveryForm, version: String, clientID: String, bridge: String? = nil,
        publishEvery: [String: Duration]
    ) {
        self.topics = topics
        self.publishEvery = publishEvery
        self.discovery = Discovery(form: discovery, topics: topics, version: version, clientID: bridge ?? clientID)
        // FNV-1a: the wait is always the same for one client, and differs between clients.
        let hash = clientID.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        jitter = .milliseconds(Int64(hash) % (Self.longestJitter + 1))
    }

    // MARK: Announcements to Home Assistant

    /// Takes over what an earlier process left at the broker; call it before the first connection.
    package mutating func remember(_ announcements: [Announcement]) {
        ledger.remember(announcements)
        takenRevision = ledger.revision
    }

    /// Everything that may still be at the broker; saved for the next process.
    package var announcements: [Announcement] { ledger.announcements }

    /// Returns `announcements` if they may have changed since the last call.
    package mutating func takeAnnouncements() -> [Announcement]? {
        guard ledger.revision != takenRevision else { return nil }
        takenRevision = ledger.revision
        return ledger.announcements
    }

    /// Removes what an earlier process left at the broker and this one does not continue.
    private mutating func sweep(now: Instant, into messages: inout [MQTTMessage]) {
        hasSwept = true
        let names = Set(meters.map(\.name))
        let gone = ledger.meters.filter { !names.contains($0) && !mayCome($0) }
        ledger.dropMeters(now: now, into: &messages) { gone.contains($0) }
        if discovery.form == .off { ledger.dropDiscovery(now: now, into: &messages) }
        for name in ledger.meters.subtracting(names).sorted() where mayCome(name) {
            messages.append(MQTTMessage(topics.availability(name), "offline", qos: 1, retain: true))
        }
    }

    /// Whether this may be a meter behind another one, which may only appear later.
    private func mayCome(_ name: String) -> Bool {
        meters.contains { meter in
            !meter.isPulse && Medium.allCases.contains { name.hasPrefix("\(meter.name)_\($0.rawValue)") }
        }
    }

    // MARK: Meters with one serial number

    /// Messages for the user, each reported once.
    package mutating func takeRemarks() -> [String] {
        defer { remarks = [] }
        return remarks
    }

    /// Two meters with one serial number would become one device and lose half of their entities. So the name of each becomes part of its
    /// identity, whichever was read first. A meter that has not sent its serial number since the start is compared by its number from an
    /// earlier run.
    private mutating func tellApart() {
        comparedRevision = ledger.revision
        var names: [String: Set<String>] = [:]
        func claim(_ identifier: String, _ name: String) { names[identifier, default: []].insert(name) }
        for meter in meters {
            claim(meter.plainIdentifier, meter.name)
            if !meter.isPulse, meter.serial == nil, let earlier = ledger.identifier(of: meter.name) {
                claim(Discovery.plainIdentifier(earlier), meter.name)
            }
        }
        for name in ledger.meters where !meters.contains(where: { $0.name == name }) && mayCome(name) {
            if let earlier = ledger.identifier(of: name) { claim(Discovery.plainIdentifier(earlier), name) }
        }
        for index in meters.indices {
            let sharing = names[meters[index].plainIdentifier] ?? []
            meters[index].note(sharesIdentity: sharing.count > 1)
        }
        warn(of: names.filter { $0.value.count > 1 })
    }

    private mutating func warn(of sharing: [String: Set<String>]) {
        for (identifier, names) in sharing.sorted(by: { $0.key < $1.key }) where warned[identifier] != names {
            remarks.append(sameSerialWarning(names.sorted()))
        }
        warned = sharing
    }

    // MARK: The connection

    /// The topics for commands. There are no wildcards, because the size of messages can't be limited before MQTT 5, and each message takes
    /// twice its length in memory.
    package var commandTopics: [String] { publishEvery.keys.sorted().map(topics.totalSet) + commands.map(topics.command) }

    package func isConfigured(_ meter: String) -> Bool { publishEvery[meter] != nil }

    /// The message that the broker publishes when the connection is lost.
    package var will: MQTTMessage { MQTTMessage(topics.status, "offline", qos: 1, retain: true) }

    /// Publishes everything: the broker may be new, its retained messages may be gone, and the will may have been published.
    package mutating func connected(now: Instant) -> [MQTTMessage] {
        isConnected = true
        hasSwept = false
        ledger.connected()
        birthAnsweredAt = nil
        return publishAll(now: now)
    }

    /// Stops sending; the newest values are kept for the next connection.
    package mutating func disconnected() {
        isConnected = false
        repeatAt = nil
        nextDeadline = nil
    }

    /// Home Assistant has lost its state, so everything is published again after a delay.
    package mutating func homeAssistantStarted(now: Instant) {
        guard isConnected, repeatAt == nil else { return }
        let due = max(now + jitter, birthAnsweredAt.map { $0 + Self.birthEvery } ?? now)
        repeatAt = due
        nextDeadline = min(nextDeadline ?? due, due)
    }

    // MARK: Output

    /// Publishes everything again on request.
    package mutating func repeated(now: Instant) -> [MQTTMessage] { isConnected ? publishAll(now: now) : [] }

    package mutating func update(_ snapshot: Snapshot, now: Instant, wall: WallTime) -> [MQTTMessage] {
        knowsMeters = true
        var hasOtherSerial = false
        for (place, meter) in snapshot.shared.enumerated() where update(meter, at: place, wall) { hasOtherSerial = true }
        if hasOtherSerial || ledger.revision != comparedRevision { tellApart() }
        return tick(now: now)
    }

    private mutating func update(_ shared: SharedMeter, at place: Int, _ wall: WallTime) -> Bool {
        let name = shared.meter.name
        // Usually the meter is at the same index as before.
        let known = place < meters.count && meters[place].name == name ? place : meters.firstIndex { $0.name == name }
        if let known { return meters[known].update(shared, wall: wall) }
        let every = publishEvery[name] ?? Self.usualInterval
        var new = MeterPublication(shared, topics: topics, every: every, discovery: discovery)
        _ = new.update(shared, wall: wall)
        meters.append(new)
        return true
    }

    package mutating func tick(now: Instant) -> [MQTTMessage] {
        guard isConnected else { return [] }
        var messages: [MQTTMessage] = []
        ledger.settle(now: now, into: &messages)
        if let repeatAt, repeatAt <= now {
            birthAnsweredAt = now
            return messages + publishAll(now: now)
        }
        publish(now: now, into: &messages)
        return messages
    }

    /// Returns everything that is pending, followed by the offline messages. After a crash, only the daemon's status goes offline, because
    /// a client has only one will.
    package mutating func farewell(now: Instant) -> [MQTTMessage] {
        guard isConnected else { return [] }
        var messages: [MQTTMessage] = []
        publish(now: now, isLast: true, into: &messages)
        for index in meters.indices { meters[index].farewell(into: &messages) }
        messages.append(will)
        ledger.farewell()
        return messages
    }

    private mutating func publishAll(now: Instant) -> [MQTTMessage] {
        repeatAt = nil
        var messages = [MQTTMessage(topics.status, "online", qos: 1, retain: true)]
        ledger.forget()
        mustAnnounceBridge = true
        announceBridge(now: now, into: &messages)
        for index in meters.indices { meters[index].forget() }
        publish(now: now, into: &messages)
        return messages
    }

    private mutating func announceBridge(now: Instant, into messages: inout [MQTTMessage]) {
        guard mustAnnounceBridge, ledger.nextAnnouncement(of: nil) <= now else { return }
        mustAnnounceBridge = false
        ledger.announce(discovery.bridge(commands), now: now, into: &messages)
    }

    private mutating func publish(now: Instant, isLast: Bool = false, into messages: inout [MQTTMessage]) {
        if knowsMeters && !hasSwept { sweep(now: now, into: &messages) }
        announceBridge(now: now, into: &messages)
        nextDeadline = repeatAt
        if mustAnnounceBridge {
            let due = ledger.nextAnnouncement(of: nil)
            nextDeadline = min(nextDeadline ?? due, due)
        }
        for index in meters.indices {
            guard let due = meters[index].publish(now: now, isLast: isLast, ledger: &ledger, into: &messages) else { continue }
            nextDeadline = min(nextDeadline ?? due, due)
        }
        if let due = ledger.deadline { nextDeadline = min(nextDeadline ?? due, due) }
    }
}
