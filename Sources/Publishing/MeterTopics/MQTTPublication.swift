import Metering

/// Decides what is published when. A value: it is told what is new, what became of the connection, and the time, and returns the messages.
package struct MQTTPublication: Sendable {
    private static let usualInterval = Duration.seconds(5)
    /// Home Assistant asks for some time between its birth and the answers of all daemons.
    private static let longestJitter: Int64 = 3000
    /// However often a message says that Home Assistant has started.
    private static let birthEvery = Duration.seconds(10)

    package let topics: Topics
    /// What the daemon can be told; before the first connection.
    package var commands: [BridgeCommand] = []
    /// When `tick` is due.
    package private(set) var nextDeadline: Instant?

    private let publishEvery: [String: Duration]
    private let discovery: Discovery
    private let jitter: Duration
    private var ledger = AnnouncementLedger()
    private var takenRevision = 0
    /// Of the announcements that the identities were compared with.
    private var comparedRevision = 0
    private var meters: [MeterPublication] = []
    private var knowsMeters = false
    private var hasSwept = false
    private var isConnected = false
    private var repeatAt: Instant?
    private var remarks: [String] = []
    /// The meters that share an identity, as last reported.
    private var warned: [String: Set<String>] = [:]
    private var birthAnsweredAt: Instant?
    private var mustAnnounceBridge = false

    /// `publishEvery` names all meters that are configured. `bridge` names the daemon's own device, where the client id does not.
    package init(
        topics: Topics, discovery: DiscoveryForm, version: String, clientID: String, bridge: String? = nil,
        publishEvery: [String: Duration]
    ) {
        self.topics = topics
        self.publishEvery = publishEvery
        self.discovery = Discovery(form: discovery, topics: topics, version: version, clientID: bridge ?? clientID)
        // FNV-1a: the same client always waits equally long, and no two alike.
        let hash = clientID.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        jitter = .milliseconds(Int64(hash) % (Self.longestJitter + 1))
    }

    // MARK: What Home Assistant was told

    /// What an earlier process left at the broker; before the first connection.
    package mutating func remember(_ announcements: [Announcement]) {
        ledger.remember(announcements)
        takenRevision = ledger.revision
    }

    /// All that may be there, for the next process.
    package var announcements: [Announcement] { ledger.announcements }

    /// The same, when it may have changed since it was taken last.
    package mutating func takeAnnouncements() -> [Announcement]? {
        guard ledger.revision != takenRevision else { return nil }
        takenRevision = ledger.revision
        return ledger.announcements
    }

    /// What an earlier process left there and this one does not go on with.
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

    /// A meter behind another one may only come later.
    private func mayCome(_ name: String) -> Bool {
        meters.contains { meter in
            !meter.isPulse && Medium.allCases.contains { name.hasPrefix("\(meter.name)_\($0.rawValue)") }
        }
    }

    // MARK: Meters with one serial number

    /// What a person should know, said once.
    package mutating func takeRemarks() -> [String] {
        defer { remarks = [] }
        return remarks
    }

    /// Two meters with one serial number would be one device, and half of their entities lost. So each of them has its name in its identity,
    /// whichever was read first; one that has not said its number in this life counts with what it said in an earlier one.
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

    /// The topics that commands come by. None has a wildcard: before MQTT 5 every message costs twice its length in memory.
    package var commandTopics: [String] { publishEvery.keys.sorted().map(topics.totalSet) + commands.map(topics.command) }

    package func isConfigured(_ meter: String) -> Bool { publishEvery[meter] != nil }

    /// What the broker says when the connection is lost.
    package var will: MQTTMessage { MQTTMessage(topics.status, "offline", qos: 1, retain: true) }

    /// Everything: the broker may be new, its retained messages may be gone, and the will may have been published.
    package mutating func connected(now: Instant) -> [MQTTMessage] {
        isConnected = true
        hasSwept = false
        ledger.connected()
        birthAnsweredAt = nil
        return publishAll(now: now)
    }

    /// Nothing more goes out; the newest values wait for the next connection.
    package mutating func disconnected() {
        isConnected = false
        repeatAt = nil
        nextDeadline = nil
    }

    /// Home Assistant lost what it knew: everything again, after a while.
    package mutating func homeAssistantStarted(now: Instant) {
        guard isConnected, repeatAt == nil else { return }
        let due = max(now + jitter, birthAnsweredAt.map { $0 + Self.birthEvery } ?? now)
        repeatAt = due
        nextDeadline = min(nextDeadline ?? due, due)
    }

    // MARK: What goes out

    /// Somebody asks for it.
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
        // Most often it is in the same place as before.
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

    /// All that still waits, and goodbye. After a crash nobody can say that of the meters: there is one will, and it is the status.
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
