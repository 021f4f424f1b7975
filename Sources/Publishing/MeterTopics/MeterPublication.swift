import Metering

/// The last published value and the next value of each of a meter's topics. Only the newest value is kept: if a value changes faster than
/// it may be published, intermediate values are skipped, but never the last one.
struct MeterPublication: Sendable {
    /// Diagnostics change with every reading; publishing them that often would not be useful.
    private static let diagnosticsEvery = Duration.seconds(60)
    /// After this many readings without a serial number, the meter is assumed to send none.
    private static let readingsWithoutSerial = 3
    /// After this many readings and this much time, values that have not been read are no longer expected.
    private static let awaitedReadings = 10
    private static let awaitedFor = Duration.seconds(600)

    private struct Value: Sendable {
        /// `nil` for a register that the user has named.
        let measurand: Measurand?
        var register: NamedRegister?
        let key: String
        let topic: String
        let every: Duration
        /// How long the value is valid; `nil` if it never expires.
        let freshness: Freshness?
        var newest: MeasuredValue
        var published: MeasuredValue?
        var publishedAt = Instant(nanoseconds: 0)
        var mustGoAtOnce = false
        /// The value's unit changed, or it is no longer a number, so it would be wrong under the old announcement.
        var awaitsAnnouncement = false
    }

    let name: String
    private var newest: SharedMeter
    private var isFirst = true
    /// Whether something has changed since the last `publish`; if not, nothing has to be done before `due`.
    private var hasNews = false
    private var due: Instant?
    private let topics: Topics
    private let jsonTopic: String
    private let every: Duration
    private let discovery: Discovery
    private var identity: MeterIdentity
    /// In the order of `Measurand`, followed by named registers in order of arrival.
    private var values: [Value] = []
    /// Tariffs that have always been 0.
    private var idle: Set<Measurand> = []
    /// The quantities that will follow; they are announced before there is a value.
    private var expected: Set<Measurand> = []
    /// The quantities that an earlier process announced and this one has not read yet.
    private var awaited: Set<Measurand> = []
    private var awaitedNames: Set<String> = []
    private var awaitedOf: String?
    private var awaitedSince = Instant(nanoseconds: 0)
    /// An earlier process announced power without its error: the meter sends it itself, maybe not with its first values.
    private var hasPowerItself = false

    private var isAvailable = false
    private var problem: String?
    private var publishedAvailability: Bool?
    private var publishedProblem: String?
    private var availabilityPace = ChangePace()
    private var problemPace = ChangePace()

    private var mustAnnounce = true

    private var readings = 0
    private var readAt: WallTime?
    private var total: PulseTotal?
    private var publishedReadings = 0
    private var publishedJSONAt: Instant?
    private var mustSendJSONAtOnce = false

    init(_ shared: SharedMeter, topics: Topics, every: Duration, discovery: Discovery) {
        let meter = shared.meter
        name = meter.name
        newest = shared
        self.topics = topics
        jsonTopic = topics.json(meter.name)
        self.every = every
        self.discovery = discovery
        identity = MeterIdentity(meter)
        total = meter.total
    }

    var isPulse: Bool { identity.isPulse }
    var serial: String? { identity.serial }
    var plainIdentifier: String { discovery.plainIdentifier(of: identity) }

    // MARK: Changes

    /// Returns whether the meter's serial number has changed.
    mutating func update(_ shared: SharedMeter, wall: WallTime) -> Bool {
        // Cheap check first: most changes affect another meter.
        guard isFirst || shared !== newest else { return false }
        let meter = shared.meter
        guard isFirst || meter.readings != newest.meter.readings || meter != newest.meter else { return false }
        let hasOtherSerial = isFirst || meter.serial != identity.serial
        isFirst = false
        newest = shared
        hasNews = true
        isAvailable = meter.isAvailable
        problem = meter.problem
        if meter.readings != readings {
            readings = meter.readings
            readAt = meter.readAt ?? wall
        }
        if !identity.isOf(meter) {
            if let old = identity.serial, old != meter.serial {
                retire(for: meter)
                idle = []
            }
            let sharesIdentity = identity.sharesIdentity
            identity = MeterIdentity(meter)
            identity.sharesIdentity = sharesIdentity
            mustAnnounce = true
        }
        let wasSet = meter.total?.base != total?.base || meter.total?.basePulses != total?.basePulses
        total = meter.total
        note(meter, totalWasSet: wasSet)
        for register in meter.named where register.value != nil { note(register) }
        return hasOtherSerial
    }

    /// `sharesIdentity`: another meter of this daemon would have the same identity.
    mutating func note(sharesIdentity: Bool) {
        guard identity.sharesIdentity != sharesIdentity else { return }
        identity.sharesIdentity = sharesIdentity
        mustAnnounce = true
        hasNews = true
    }

    private mutating func note(_ meter: MeterSnapshot, totalWasSet: Bool) {
        let new = meter.values
        var known = 0
        var isPowerUrgent = false
        var isAnyGone = false
        for index in values.indices {
            guard let measurand = values[index].measurand else { continue }
            guard let value = new[measurand] else {
                isAnyGone = true
                continue
            }
            known += 1
            if totalWasSet && measurand.isTotal { values[index].mustGoAtOnce = true }
            guard values[index].newest != value else { continue }
            values[index].newest = value
            if Self.isUrgent(values[index], error: new[.powerError]) {
                values[index].mustGoAtOnce = true
                isPowerUrgent = isPowerUrgent || measurand == .power
            }
            // Power and its error belong together, so both are sent at once; power comes first in the order.
            if measurand == .powerError, isPowerUrgent { values[index].mustGoAtOnce = true }
            if !idle.isEmpty, idle.contains(measurand), !value.isZero {
                idle.remove(measurand)
                mustAnnounce = true
            }
        }
        // By setting a total, the drift may have become unknown; an estimate's error, by the power that the meter itself now sends.
        if isAnyGone { retire(for: meter) }
        if known < new.count { add(new) }
        guard meter.expected != expected else { return }
        expected = meter.expected
        mustAnnounce = true
    }

    private mutating func add(_ new: MeasuredValues) {
        let named = values.filter { $0.measurand == nil }
        values = Measurand.allCases.compactMap { measurand in
            if let old = values.first(where: { $0.measurand == measurand }) { return old }
            guard let value = new[measurand] else { return nil }
            if measurand.isTariff && value.isZero { idle.insert(measurand) }
            return Value(
                measurand: measurand, key: measurand.rawValue, topic: topics.value(name, measurand.rawValue),
                every: measurand.facts.isSlow ? max(every, Self.diagnosticsEvery) : every,
                freshness: Freshness(of: measurand.unit, every: every),
                newest: value)
        }
        values += named
        mustAnnounce = true
    }

    private mutating func note(_ register: NamedRegister) {
        guard let new = register.value else { return }
        let place = values.firstIndex { $0.register?.name == register.name }
        // If the unit differs, the register becomes a different entity.
        if let place, let old = values[place].register?.value, old.isLike(new) {
            values[place].register = register
            values[place].newest = new.measured
            return
        }
        var value = Value(
            measurand: nil, register: register, key: register.name, topic: topics.value(name, register.name), every: every,
            freshness: Freshness(of: register.unit, every: every), newest: new.measured)
        value.awaitsAnnouncement = place != nil
        if let place { values[place] = value } else { values.append(value) }
        mustAnnounce = true
    }

    /// Removes values that are no longer known: after an exchange, the new meter may not send everything that the old one sent.
    private mutating func retire(for meter: MeterSnapshot) {
        let before = values.count
        let read = Set(meter.named.filter { $0.value != nil }.map(\.name))
        values.removeAll { value in value.measurand.map { meter.values[$0] == nil } ?? !read.contains(value.key) }
        if values.count != before { mustAnnounce = true }
    }

    /// Whether a change is published at once. The change of an estimate must exceed the estimate's own error.
    private static func isUrgent(_ value: Value, error: MeasuredValue?) -> Bool {
        guard let published = value.published, value.measurand != .powerError else { return false }
        switch (value.newest, published) {
        case (.text, _): return true
        case (.number(let new), .number(let old)) where value.measurand?.unit == .watts:
            let (new, old) = (new.approximate, old.approximate)
            var enough = old.magnitude * 0.05
            if value.measurand == .power, case .number(let error)? = error {
                enough = min(enough, max(error.approximate, old.magnitude * 0.02))
            }
            return new * old < 0 || (new - old).magnitude > max(20, enough)
        default: return false
        }
    }

    // MARK: Output

    /// Marks everything as unpublished, because it is unknown what the broker has.
    mutating func forget() {
        hasNews = true
        publishedAvailability = nil
        publishedProblem = nil
        mustAnnounce = true
        for index in values.indices { values[index].published = nil }
    }

    /// Publishes what is due (with `isLast`, everything pending), and returns when the next message is due.
    mutating func publish(
        now: Instant, isLast: Bool = false, ledger: inout AnnouncementLedger, into messages: inout [MQTTMessage]
    ) -> Instant? {
        guard hasNews || isLast || due.map({ $0 <= now }) ?? false else { return due }
        hasNews = false
        if !awaited.isEmpty || !awaitedNames.isEmpty { giveUpWaiting(now) }
        due = nil
        if mustAnnounce {
            let next = ledger.nextAnnouncement(of: name)
            if next <= now || isLast { announce(now: now, ledger: &ledger, into: &messages) } else { due = next }
        }
        publishCondition(now: now, isLast: isLast, into: &messages)
        for index in values.indices where !values[index].awaitsAnnouncement {
            let isNew = values[index].published != values[index].newest
            guard let next = isNew ? values[index].publishedAt + values[index].every : repetition(of: index) else { continue }
            let goes = next <= now || isNew && (isLast || values[index].published == nil || values[index].mustGoAtOnce)
            if goes { messages.append(say(index, now: now)) }
            if let next = goes ? repetition(of: index) : next { due = min(due ?? next, next) }
        }
        if let next = publishJSON(now: now, isLast: isLast, into: &messages) { due = min(due ?? next, next) }
        return due
    }

    private mutating func publishCondition(now: Instant, isLast: Bool, into messages: inout [MQTTMessage]) {
        if publishedAvailability != isAvailable {
            if let next = availabilityPace.wait(now), publishedAvailability != nil, !isLast {
                due = min(due ?? next, next)
            } else {
                if publishedAvailability != nil { availabilityPace.note(now) }
                publishedAvailability = isAvailable
                messages.append(MQTTMessage(topics.availability(name), isAvailable ? "online" : "offline", qos: 1, retain: true))
            }
        }
        let problem = problem ?? "none"
        guard publishedProblem != problem else { return }
        if let next = problemPace.wait(now), publishedProblem != nil, !isLast {
            due = min(due ?? next, next)
        } else {
            if publishedProblem != nil { problemPace.note(now) }
            publishedProblem = problem
            messages.append(MQTTMessage(topics.problem(name), problem, qos: 1, retain: true))
        }
    }

    /// Publishes that the meter is no longer read.
    mutating func farewell(into messages: inout [MQTTMessage]) {
        guard publishedAvailability == true else { return }
        publishedAvailability = false
        messages.append(MQTTMessage(topics.availability(name), "offline", qos: 1, retain: true))
    }

    /// When an unchanged value is repeated: before it expires, as long as it is known to be valid.
    private func repetition(of index: Int) -> Instant? {
        guard isAvailable, let freshness = values[index].freshness else { return nil }
        return values[index].publishedAt + freshness.repeatEvery
    }

    private mutating func say(_ index: Int, now: Instant) -> MQTTMessage {
        if values[index].mustGoAtOnce { mustSendJSONAtOnce = true }
        values[index].published = values[index].newest
        values[index].publishedAt = now
        values[index].mustGoAtOnce = false
        let value = values[index]
        return MQTTMessage(
            value.topic, value.newest.text, qos: value.measurand?.qos ?? 1, retain: true, expiresAfter: value.freshness?.expiresAfter)
    }

    private mutating func publishJSON(now: Instant, isLast: Bool, into messages: inout [MQTTMessage]) -> Instant? {
        guard readings != publishedReadings, let readAt else { return nil }
        if let last = publishedJSONAt, !isLast, !mustSendJSONAtOnce, last + every > now { return last + every }
        publishedReadings = readings
        publishedJSONAt = now
        mustSendJSONAtOnce = false
        messages.append(MQTTMessage(jsonTopic, json(readAt).description))
        return nil
    }

    private func json(_ time: WallTime) -> JSON {
        var members: [(String, JSON)] = []
        members.reserveCapacity(values.count + 3)
        members += [("time", .string(time.rfc3339)), ("meter", .string(name))]
        if let serial = identity.serial { members.append(("serial", .string(serial))) }
        for value in values where value.measurand != .serial && value.measurand != .lastReading {
            switch value.newest {
            case .number(let number): members.append((value.key, .number(number.description)))
            default: members.append((value.key, .string(value.newest.text)))
            }
        }
        return .object(members)
    }

    // MARK: Home Assistant

    private mutating func announce(now: Instant, ledger: inout AnnouncementLedger, into messages: inout [MQTTMessage]) {
        if !identity.isPulse {
            guard !values.isEmpty, identity.serial != nil || readings >= Self.readingsWithoutSerial else { return }
        }
        recall(discovery.identifier(of: identity), now: now, ledger)
        awaitedNames.subtract(values.map(\.key))
        // The announcement waits until the awaited registers have been read, so that it contains them.
        guard awaitedNames.isEmpty else { return }
        mustAnnounce = false
        awaited.subtract(values.compactMap(\.measurand))
        let known = Measurand.allCases.filter(isKnown)
        let device = discovery.device(
            identity, values: known, named: values.compactMap(\.register), idle: idle.union(awaited.filter(\.isTariff)), every: every)
        ledger.announce(device, now: now, into: &messages)
        for index in values.indices { values[index].awaitsAnnouncement = false }
    }

    private func isKnown(_ measurand: Measurand) -> Bool {
        expected.contains(measurand) && !(hasPowerItself && measurand == .powerError) || awaited.contains(measurand)
            || values.contains { $0.measurand == measurand }
    }

    /// Recalls the entities that were announced before. A meter may send its values one by one, a gas meter in summer only after days;
    /// until they have been read, Home Assistant keeps the entities it had.
    private mutating func recall(_ identifier: String, now: Instant, _ ledger: AnnouncementLedger) {
        guard awaitedOf != identifier else { return }
        awaitedOf = identifier
        awaitedSince = now
        let parts = ledger.parts(of: name, identifier: identifier)
        awaited = Set(parts.compactMap { $0.platform == "sensor" ? Measurand(rawValue: $0.key) : nil })
        hasPowerItself = awaited.contains(.power) && !awaited.contains(.powerError)
        awaitedNames = Set(parts.map(\.key)).intersection(newest.meter.named.map(\.name))
    }

    private mutating func giveUpWaiting(_ now: Instant) {
        guard readings >= Self.awaitedReadings, awaitedSince + Self.awaitedFor <= now else { return }
        awaited = []
        awaitedNames = []
        mustAnnounce = true
    }
}

extension MeasuredValue {
    fileprivate var isZero: Bool {
        if case .number(let number) = self { return number.mantissa == 0 }
        return false
    }
}
