import HomeAssistant
import MeterProtocols
import Metering
import Publishing
import VirtualMeters

/// Complete meters that send arbitrary telegrams: from the bytes on the wire through the session and the state to the published messages.
/// `failures` lists the violated invariants.
package struct StateTrial {
    private struct Head {
        let name: String
        let session: MeterProtocol?
        let plan: ReadingPlan
    }

    private static let heads: [Head] = [
        Head(name: "sml", session: .sml, plan: plan()), Head(name: "other", session: .sml, plan: plan(signsByStatus: true)),
        Head(name: "p1", session: .p1, plan: plan()), Head(name: "push", session: .d0Push, plan: plan()),
        Head(name: "asked", session: .iec62056, plan: plan(.registers)), Head(name: "auto", session: nil, plan: plan(.auto)),
    ]
    private static let named = [
        NamedRegister(OBISCode(16, 8, 0), name: "balance"), NamedRegister(OBISCode(15, 8, 0), name: "sum"),
        NamedRegister(OBISCode(0, 0, 96, 13, 0, 255), name: "message"), NamedRegister(OBISCode(32, 7, 0), name: "l1"),
    ]
    /// Occupies the usual name of a sub-meter.
    private static let pulse = "p1_gas"

    private static func plan(_ read: ReadingPlan.Read = .auto, signsByStatus: Bool = false) -> ReadingPlan {
        ReadingPlan(
            read: read, registers: [OBISCode(1, 8, 0), OBISCode(2, 8, 0), OBISCode(16, 7, 0)], every: .seconds(1),
            signsByStatus: signsByStatus)
    }

    package private(set) var failures: [String] = []
    /// The readouts that reached the state, by meter. A trial without any would find nothing.
    package private(set) var readouts: [String: Int] = [:]
    package private(set) var messages = 0

    private var now = Instant(nanoseconds: 1_000_000_000_000)
    private var wall = WallTime(millisecondsSince1970: 1_795_242_480_000)
    private var state = MeterState()
    private var sessions: [any MeterSession] = []
    private var meters = heads.map { _ in ScriptedMeter() }
    /// Pending answers by the index of the head.
    private var answers: [Int: (at: Instant, bytes: [UInt8])] = [:]
    private var pulses = PulseCount()
    private var publication: MQTTPublication
    private var outputs: [any MQTTOutput] = []
    private var watch = BrokerWatch()
    private let form: DiscoveryForm
    private let every: Duration

    package static func run(_ bytes: [UInt8]) -> StateTrial {
        var script = Script(bytes)
        var trial = StateTrial(&script)
        while !script.isAtEnd, trial.failures.isEmpty { trial.step(&script) }
        return trial
    }

    private init(_ script: inout Script) {
        form = script.pick([.device, .components, .off])
        every = script.pick([.zero, .seconds(5)])
        publication = Self.publication(form, every)
        begin([:], [:], [])
    }

    private static func publication(_ form: DiscoveryForm, _ every: Duration) -> MQTTPublication {
        let names = heads.map(\.name) + [pulse]
        return MQTTPublication(
            topics: Topics(base: "jouled", prefix: "homeassistant"), discovery: form, version: "0", clientID: "trial",
            publishEvery: Dictionary(uniqueKeysWithValues: names.map { ($0, every) }))
    }

    /// Starts a daemon with the state saved by an earlier one.
    private mutating func begin(_ memories: [String: MeterMemory], _ totals: [String: PulseTotal], _ announced: [Announcement]) {
        state = MeterState()
        for head in Self.heads {
            state.addOptical(
                MeterDescription(name: head.name, title: head.name), named: Self.named, maxPower: 25_000, staleAfter: .seconds(60),
                remembered: memories[head.name] ?? MeterMemory())
        }
        state.addPulse(
            MeterDescription(name: Self.pulse, title: "Gas"), medium: .gas, unit: .cubicMetres, pulsesPerUnit: Quantity(100),
            restored: totals[Self.pulse].map { .total($0) } ?? .new, wall: wall)
        state.addLight("light", of: "asked", pulsesPerUnit: Quantity(1000))
        pulses = PulseCount()
        pulses.counted = totals[Self.pulse]?.pulses ?? 0
        publication = Self.publication(form, every)
        publication.remember(announced)
        outputs = Self.heads.map { FormPublication(FormOutput(meter: $0.name, topic: "form/\($0.name)", deviceID: $0.name)) }
        var gateway = DomoticzGateway()
        for (index, kind) in DomoticzDevice.Kind.allCases.enumerated() {
            gateway.devices += Self.heads.enumerated().map {
                DomoticzDevice(idx: 100 * index + $0.offset, meter: $0.element.name, kind: kind)
            }
        }
        outputs.append(DomoticzPublication(gateway))
        answers = [:]
        sessions = Self.heads.map { session(for: $0.session, plan: $0.plan) }
        for index in sessions.indices { perform(sessions[index].opened(now), of: index) }
        connect()
    }

    // MARK: Events

    private mutating func step(_ script: inout Script) {
        switch script.number(below: 16) {
        case 0, 1, 2: tell(script.number(below: 4) == 0 ? 1 : 0, script.smlTelegram(), &script)
        case 3, 4, 5: tell(2, script.p1Telegram(), &script)
        case 6, 7: tell(3, script.modeDTelegram(), &script)
        case 8, 9: converse(script.pick([4, 5]), &script)
        case 10: pass(&script)
        case 11: connect(&script)
        case 12: restart()
        case 13: count(&script)
        case 14: state.note(problem: script.pick([nil, "the adapter is gone"]), of: script.pick(Self.heads).name)
        default:
            wall = script.pick([
                WallTime(millisecondsSince1970: wall.millisecondsSince1970 + 86_400_000), WallTime(millisecondsSince1970: 0),
                WallTime(millisecondsSince1970: 1_795_242_480_000), WallTime(millisecondsSince1970: 253_402_300_799_999),
                WallTime(millisecondsSince1970: -1),
            ])
        }
        publish()
    }

    private mutating func wait(_ duration: Duration) {
        // At most the uptime of a machine after 50 years.
        guard now.nanoseconds < 1_500_000_000_000_000_000 else { return }
        now = now + duration
        wall.millisecondsSince1970 += duration.nanoseconds / 1_000_000
    }

    /// One telegram repeatedly, or several slightly different ones: without a checksum several are needed, and another serial number takes a minute.
    private mutating func tell(_ index: Int, _ telegram: [UInt8], _ script: inout Script) {
        let times = script.pick([1, 1, 2, 4])
        let pause: Duration = script.pick([.milliseconds(20), .seconds(1), .seconds(31), .seconds(600)])
        for _ in 0..<times {
            wait(pause)
            receive(telegram, at: index)
            publish()
        }
    }

    private mutating func receive(_ bytes: [UInt8], at index: Int) {
        let pieces = bytes.count > 4096 ? [Array(bytes.prefix(4096)), Array(bytes.dropFirst(4096))] : [bytes]
        for piece in pieces { perform(sessions[index].received(piece, now), of: index) }
    }

    /// A dialogue, whose length is given by the script.
    private mutating func converse(_ index: Int, _ script: inout Script) {
        switch script.number(below: 4) {
        case 0: meters[index].identification = script.pick(["/ISk5ME162-0033", "/ISK5" + script.content(), "/abcA" + script.content()])
        case 1: meters[index].lines = script.dataLines()
        case 2: meters[index].values = (0...script.number(below: 4)).map { _ in script.decimal() + script.pick(["*kWh", "*Wh", ""]) }
        default: break
        }
        for _ in 0..<(4 + script.number(below: 24)) {
            guard let next = nextEvent(of: index) else { return }
            wait(max(next - now, .zero))
            listen(index)
            publish()
        }
    }

    private func nextEvent(of index: Int) -> Instant? {
        let times = [sessions[index].deadline, answers[index]?.at].compactMap(\.self)
        return times.min()
    }

    /// Delivers the meter's pending answer, or reaches the session's deadline.
    private mutating func listen(_ index: Int) {
        if let answer = answers[index], answer.at <= now {
            answers[index] = nil
            perform(sessions[index].received(answer.bytes, now), of: index)
        } else if let deadline = sessions[index].deadline, deadline <= now {
            perform(sessions[index].timedOut(now), of: index)
        }
    }

    private mutating func perform(_ actions: [MeterAction], of index: Int) {
        let name = Self.heads[index].name
        for action in actions {
            switch action {
            case .send(let bytes):
                let answer = meters[index].answer(to: bytes)
                // After the last bit of the request has been transmitted at 300 Bd.
                if !answer.isEmpty { answers[index] = (now + .milliseconds(300 + 34 * bytes.count), answer) }
            case .apply: break
            case .deliver(let readout):
                readouts[name, default: 0] += 1
                state.record(readout, of: name, wall: wall)
            case .noise: state.countError(of: name, wall: wall)
            case .problem(let problem): state.note(problem: problem, of: name)
            }
        }
    }

    private mutating func pass(_ script: inout Script) {
        wait(script.pick([.milliseconds(1), .seconds(10), .seconds(61), .seconds(960), .seconds(93_600), .seconds(34_560_000)]))
        for index in sessions.indices { listen(index) }
    }

    private mutating func count(_ script: inout Script) {
        switch script.number(below: 4) {
        case 0:
            let text = script.decimal()
            guard let total = Quantity(text), state.setTotal(total, of: Self.pulse, wall: wall) == nil else { return }
            watch.forget(Self.pulse)
        case 1: state.record(PulseReading(pulses), of: "light", now: now, wall: wall)
        default:
            pulses.counted += script.pick([1, 2, 1_000, 1_000_000_000])
            pulses.lastPulse = now
            state.record(PulseReading(pulses), of: Self.pulse, now: now, wall: wall)
        }
    }

    // MARK: The broker

    private mutating func connect() {
        hear(publication.connected(now: now))
        for index in outputs.indices { hear(outputs[index].connected(now: now)) }
    }

    private mutating func connect(_ script: inout Script) {
        switch script.number(below: 3) {
        case 0:
            publication.disconnected()
            for index in outputs.indices { outputs[index].disconnected() }
            wait(.seconds(2))
            connect()
        case 1: publication.homeAssistantStarted(now: now)
        default: hear(publication.repeated(now: now))
        }
    }

    /// The new daemon gets what the previous one has saved.
    private mutating func restart() {
        for index in sessions.indices { perform(sessions[index].closed(), of: index) }
        publish()
        hear(publication.farewell(now: now))
        for index in outputs.indices { hear(outputs[index].farewell(now: now)) }
        var memories: [String: MeterMemory] = [:]
        for (name, memory) in state.memories {
            memories[name] = MeterMemoryRecord.parse(Array(MeterMemoryRecord.text(of: memory).utf8))
        }
        let totals = state.snapshot.totals.mapValues { TotalRecord.parse(Array(TotalRecord.text(of: $0).utf8)) }
        let announced = AnnouncementRecord.parse(Array(AnnouncementRecord.text(of: publication.announcements).utf8))
        wait(.seconds(3))
        begin(memories, totals.compactMapValues(\.self), announced ?? [])
    }

    private mutating func publish() {
        state.advance(to: now, wall: wall)
        let news = state.drainChanges(ofPulses: true)
        for remark in news.remarks { watch.excuse(remark) }
        check(news.snapshot, remarks: news.remarks)
        var messages = publication.update(news.snapshot, now: now, wall: wall)
        while let due = publication.nextDeadline, due <= now, messages.count < BrokerWatch.mostAtOnce {
            let more = publication.tick(now: now)
            if more.isEmpty, publication.nextDeadline == due { failures.append("it is due for ever") }
            if !failures.isEmpty { break }
            messages += more
        }
        for index in outputs.indices { messages += outputs[index].update(news.snapshot, now: now) }
        let remarks = publication.takeRemarks() + outputs.indices.flatMap { outputs[$0].takeRemarks() }
        // Each output reports a missing value once.
        require(remarks.count <= outputs.count + DomoticzDevice.Kind.allCases.count * Self.heads.count, "\(remarks.count) remarks at once")
        hear(messages)
    }

    private mutating func hear(_ new: [MQTTMessage]) {
        messages += new.count
        failures += watch.hear(new)
    }

    // MARK: Invariants

    private mutating func check(_ snapshot: Snapshot, remarks: [String]) {
        require(remarks.count <= 64, "\(remarks.count) remarks at once")
        let meters = snapshot.meters
        require(meters.count <= 5 * Self.heads.count + 1, "\(meters.count) meters")
        require(Set(meters.map(\.name)).count == meters.count, "two meters have one name")
        for text in remarks + meters.compactMap(\.problem) + meters.compactMap(\.serial) {
            require(
                text.utf8.count <= 2048 && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F },
                "what is said is long or not printable: \(text)")
        }
        for memory in state.memories.values {
            let text = Array(MeterMemoryRecord.text(of: memory).utf8)
            require(text.count <= 4096 && MeterMemoryRecord.parse(text).map(MeterMemoryRecord.text) != nil, "a memory is not read back")
        }
        for total in snapshot.totals.values {
            let text = Array(TotalRecord.text(of: total).utf8)
            require(text.count <= TotalRecord.limit && TotalRecord.parse(text) == total, "a total is not read back: \(total)")
        }
        let announced = publication.announcements
        let text = Array(AnnouncementRecord.text(of: announced).utf8)
        require(text.count <= 131_072 && AnnouncementRecord.parse(text) == announced, "announcements are not read back: \(text.count)")
    }

    private mutating func require(_ holds: Bool, _ words: @autoclosure () -> String) {
        if !holds { failures.append(words()) }
    }
}
