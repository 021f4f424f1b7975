import Metering

/// The announcements that this daemon has made at the broker, and those to be removed, including what an earlier process left there.
struct AnnouncementLedger: Sendable {
    /// A message that was sent this long ago has arrived, because a dead connection would have been detected sooner.
    private static let surelyArrived = Duration.seconds(60)
    /// When a device is removed, Home Assistant 2024.12 clears its topic up to this much later, even if something new has been published
    /// there meanwhile.
    private static let cleanUp = Duration.seconds(5)
    /// The minimum interval between announcements of a device. Otherwise a device that keeps changing (no meter does that) would be
    /// announced at every telegram.
    private static let announceEvery = Duration.seconds(10)

    private struct Old: Sendable {
        var announcement: Announcement
        /// When the messages that remove it were sent over this connection; `nil` if they have not been sent.
        var takenBackAt: Instant?
    }

    private var current: [Announcement] = []
    private var old: [Old] = []
    /// Checksums of the payloads sent over this connection, by topic.
    private var digests: [String: UInt32] = [:]
    /// Topics that were cleared recently, and when. `waiting` holds the messages to send there afterwards.
    private var emptiedAt: [String: Instant] = [:]
    private var waiting: [MQTTMessage] = []
    /// When each meter was last announced over this connection.
    private var announcedAt: [String?: Instant] = [:]
    /// Changes whenever `announcements` does.
    private(set) var revision = 0

    /// Everything that may still be at the broker; saved for the next process. Grouped by device, newest last.
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

    /// The parts that the meter was announced with before, under the same identity.
    func parts(of meter: String, identifier: String) -> [Announcement.Part] {
        announcements.last { $0.meter == meter && $0.identifier == identifier }?.parts ?? []
    }

    /// The identity that the meter was last announced with.
    func identifier(of meter: String) -> String? { announcements.last { $0.meter == meter }?.identifier }

    // MARK: The connection

    /// Starts over, because it is unknown which messages arrived before the last connection ended.
    mutating func connected() {
        forget()
        waiting = []
        emptiedAt = [:]
        announcedAt = [:]
        for index in old.indices { old[index].takenBackAt = nil }
    }

    /// Makes the next announcements be sent in full. Messages that wait for a cleared topic stay queued, because the device's next
    /// announcement may be rate-limited.
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

    /// Called when the connection is closed cleanly, so everything that was sent has arrived.
    mutating func farewell() {
        let before = old.count
        old.removeAll { $0.takenBackAt != nil }
        if old.count != before { revision += 1 }
    }

    // MARK: Additions and removals

    /// When the meter may be announced again; the first announcement is not delayed.
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
        // Removes older announcements of this meter or this identity first: two devices with one identity would conflict.
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

    /// Removes meters that are no longer configured.
    mutating func dropMeters(now: Instant, into messages: inout [MQTTMessage], where isGone: (String) -> Bool) {
        takeBack(for: nil, now: now, into: &messages) { $0.meter.map(isGone) ?? false }
    }

    /// Removes all discovery messages; values are still published.
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
            // There is nothing at the broker to remove.
            if taken.isEmpty { without.append(index) }
            send(taken, of: old[index].announcement, now: now, into: &messages)
        }
        guard !without.isEmpty else { return }
        for index in without.reversed() { old.remove(at: index) }
        revision += 1
    }

    private mutating func send(_ taken: [MQTTMessage], of gone: Announcement, now: Instant, into messages: inout [MQTTMessage]) {
        // A topic that has already been cleared needs no message; only the message waiting for it is dropped.
        messages += taken.filter { emptiedAt[$0.topic] == nil }
        let configs = Set(gone.configTopics)
        for message in taken {
            digests[message.topic] = nil
            waiting.removeAll { $0.topic == message.topic }
            if message.payload.isEmpty, configs.contains(message.topic) { emptiedAt[message.topic] = emptiedAt[message.topic] ?? now }
        }
    }
}
