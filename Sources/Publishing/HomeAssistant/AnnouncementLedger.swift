import Metering

/// What stands in the broker of this daemon, and what of it is to go: also what an earlier process left there.
struct AnnouncementLedger: Sendable {
    /// A connection that carries nothing any more is found out in less.
    private static let surelyArrived = Duration.seconds(60)
    /// When a device goes, Home Assistant 2024.12 empties its topic itself some time later, whatever came there meanwhile.
    private static let cleanUp = Duration.seconds(5)
    /// A device that changes all the time, as no meter does, is not made anew at every telegram.
    private static let announceEvery = Duration.seconds(10)

    private struct Old: Sendable {
        var announcement: Announcement
        /// `nil`: not over this connection.
        var takenBackAt: Instant?
    }

    private var current: [Announcement] = []
    private var old: [Old] = []
    /// Of what was said over this connection, by topics.
    private var digests: [String: UInt32] = [:]
    /// The topics that were emptied lately, and what is to be said there then.
    private var emptiedAt: [String: Instant] = [:]
    private var waiting: [MQTTMessage] = []
    /// By the meters; over this connection.
    private var announcedAt: [String?: Instant] = [:]
    /// Changes with `announcements`.
    private(set) var revision = 0

    /// All that may stand there, for the next process: device by device, the newest last.
    var announcements: [Announcement] {
        (old.map(\.announcement) + current).enumerated().sorted { one, other in
            (one.element.meter ?? "", one.offset) < (other.element.meter ?? "", other.offset)
        }.map(\.element)
    }

    var meters: Set<String> { Set((old.map(\.announcement) + current).compactMap(\.meter)) }

    mutating func remember(_ announcements: [Announcement]) {
        old = announcements.map { Old(announcement: $0) } + old
        revision += 1
    }

    /// What the meter was announced with before, under the same identity.
    func parts(of meter: String, identifier: String) -> [Announcement.Part] {
        announcements.last { $0.meter == meter && $0.identifier == identifier }?.parts ?? []
    }

    /// The identity that the meter was announced with last.
    func identifier(of meter: String) -> String? { announcements.last { $0.meter == meter }?.identifier }

    // MARK: The connection

    /// Nobody knows what of it arrived before the last one ended.
    mutating func connected() {
        forget()
        waiting = []
        emptiedAt = [:]
        announcedAt = [:]
        for index in old.indices { old[index].takenBackAt = nil }
    }

    /// What waits for its topic to be free goes on waiting: the next announcement of that device may not come so soon.
    mutating func forget() { digests = [:] }

    /// When `settle` is due.
    var deadline: Instant? {
        let arrival = old.lazy.compactMap(\.takenBackAt).min().map { $0 + Self.surelyArrived }
        guard let end = emptiedAt.values.min().map({ $0 + Self.cleanUp }) else { return arrival }
        return min(end, arrival ?? end)
    }

    mutating func settle(now: Instant, into messages: inout [MQTTMessage]) {
        if !emptiedAt.isEmpty {
            emptiedAt = emptiedAt.filter { $0.value + Self.cleanUp > now }
            messages += waiting.filter { emptiedAt[$0.topic] == nil }
            waiting.removeAll { emptiedAt[$0.topic] == nil }
        }
        guard !old.isEmpty else { return }
        let before = old.count
        old.removeAll { $0.takenBackAt.map { $0 + Self.surelyArrived <= now } ?? false }
        if old.count != before { revision += 1 }
    }

    /// The connection ends as it should, when all has arrived.
    mutating func farewell() {
        let before = old.count
        old.removeAll { $0.takenBackAt != nil }
        if old.count != before { revision += 1 }
    }

    // MARK: What is new, and what is gone

    /// The first is free.
    func nextAnnouncement(of meter: String?) -> Instant {
        announcedAt[meter].map { $0 + Self.announceEvery } ?? Instant(nanoseconds: 0)
    }

    mutating func announce(_ device: DiscoveredDevice, now: Instant, into messages: inout [MQTTMessage]) {
        let new = device.announcement
        let (known, sent) = (revision, messages.count)
        defer { if revision != known || messages.count != sent { announcedAt[new.meter] = now } }
        if let index = current.firstIndex(where: { $0.meter == new.meter }) {
            if current[index] != new {
                old.append(Old(announcement: current[index]))
                current[index] = new
                revision += 1
            }
        } else {
            current.append(new)
            revision += 1
        }
        // Two devices with one identity would be in each other's way.
        takeBack(for: device, now: now, into: &messages) { $0.meter == new.meter || $0.identifier == new.identifier }
        for message in device.messages {
            let digest = CheckSum.crc32(Array(message.payload.utf8))
            guard digests[message.topic] != digest else { continue }
            digests[message.topic] = digest
            guard emptiedAt[message.topic] != nil else {
                messages.append(message)
                continue
            }
            waiting.removeAll { $0.topic == message.topic }
            waiting.append(message)
        }
    }

    /// Meters that are not in the configuration any more.
    mutating func dropMeters(now: Instant, into messages: inout [MQTTMessage], where isGone: (String) -> Bool) {
        takeBack(for: nil, now: now, into: &messages) { $0.meter.map(isGone) ?? false }
    }

    /// Nobody is to be told any more; values go on.
    mutating func dropDiscovery(now: Instant, into messages: inout [MQTTMessage]) {
        for index in old.indices where old[index].announcement.form != .off && old[index].takenBackAt == nil {
            old[index].takenBackAt = now
            send(old[index].announcement.configsTakenBack, of: old[index].announcement, now: now, into: &messages)
            var rest = old[index].announcement
            rest.form = .off
            guard !announcements.contains(rest) else { continue }
            old.append(Old(announcement: rest))
            revision += 1
        }
    }

    private mutating func takeBack(
        for new: DiscoveredDevice?, now: Instant, into messages: inout [MQTTMessage], where concerns: (Announcement) -> Bool
    ) {
        var without: [Int] = []
        for index in old.indices where old[index].takenBackAt == nil && concerns(old[index].announcement) {
            let taken = old[index].announcement.takenBack(for: new)
            old[index].takenBackAt = now
            // Nothing of it goes.
            if taken.isEmpty { without.append(index) }
            send(taken, of: old[index].announcement, now: now, into: &messages)
        }
        guard !without.isEmpty else { return }
        for index in without.reversed() { old.remove(at: index) }
        revision += 1
    }

    private mutating func send(_ taken: [MQTTMessage], of gone: Announcement, now: Instant, into messages: inout [MQTTMessage]) {
        // Where nothing stands there is nothing to take back but what waits.
        messages += taken.filter { emptiedAt[$0.topic] == nil }
        let configs = Set(gone.configTopics)
        for message in taken {
            digests[message.topic] = nil
            waiting.removeAll { $0.topic == message.topic }
            if message.payload.isEmpty, configs.contains(message.topic) { emptiedAt[message.topic] = emptiedAt[message.topic] ?? now }
        }
    }
}
