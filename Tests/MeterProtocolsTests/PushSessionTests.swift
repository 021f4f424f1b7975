import MeterProtocols
import Metering
import Testing
import VirtualMeters

private let start = Instant(nanoseconds: 1_000_000_000)
private let usual = LineSettings(.b9600, .eightNone)
private let port = LineSettings(.b115200, .eightNone)
private let slow = LineSettings(.b2400, .eightNone)

extension [MeterAction] {
    fileprivate var readouts: [Readout] { compactMap { if case .deliver(let readout) = $0 { readout } else { nil } } }
    fileprivate var problems: [String?] { compactMap { if case .problem(let problem) = $0 { .some(problem) } else { nil } } }
    fileprivate var settings: [LineSettings] { compactMap { if case .apply(let settings) = $0 { settings } else { nil } } }
    fileprivate var sends: Bool { contains { if case .send = $0 { true } else { false } } }
}

/// `modeD` with another total; all else stays.
private func modeD(_ total: String, serial: String = "1EBZ0100000042") -> [UInt8] {
    Array("/EBZ5XY12\r\n\r\n1-0:96.1.0*255(\(serial))\r\n1-0:1.8.0*255(\(total)*kWh)\r\n!\r\n".utf8)
}

@Suite struct PushSessionTests {
    @Test(arguments: [
        (MeterProtocol.sml, usual, smlTelegram()), (.p1, port, dsmr5), (.d0Push, usual, withParity(modeD)),
    ])
    func delivers(_ name: MeterProtocol, _ settings: LineSettings, _ telegram: [UInt8]) {
        var session = PushSession(name)
        #expect(session.opened(start) == [.apply(settings)])
        // The one without a checksum waits for its neighbours.
        if name == .d0Push { #expect(session.received(telegram + telegram, start) == []) }
        let found = session.received(telegram, start + .seconds(1))
        #expect(found.readouts.map(\.source) == [name] && found.count == 1)
        #expect(session.deadline.map { $0 > start + .seconds(60) } == true)
    }

    /// A telegram is asked for when it should be there, if it is as long as the one before; nothing is waited for that may not come.
    @Test func gathersWhatIsOnItsWay() {
        var session = PushSession(.sml)
        let telegram = smlTelegram()
        _ = session.opened(start)
        #expect(session.gathering == nil)
        _ = session.received(Array(telegram.prefix(20)), start)
        #expect(session.gathering == nil, "how long it is nobody knows yet")
        #expect(session.received(Array(telegram.dropFirst(20)), start).readouts.count == 1 && session.gathering == nil)
        _ = session.received(Array(telegram.prefix(100)), start)
        let rest = usual.duration(of: telegram.count - 100)
        #expect(session.gathering == min(rest, .milliseconds(250)))
        _ = session.received(Array(telegram.dropFirst(100)), start)
        #expect(session.gathering == nil)
        _ = session.received(Array(telegram.dropFirst(9)) + telegram, start)
        #expect(session.gathering == nil, "what is longer than the last one is waited for in portions")
    }

    @Test func takesTheSignFromTheStatusWord() {
        let exporting = SMLEncoder().telegram(
            server: serverISK,
            [
                SMLEncoder.Entry(OBISCode(1, 8, 0), .unsigned(7, width: 4), unit: 30, status: 0x1A2),
                SMLEncoder.Entry(OBISCode(16, 7, 0), .signed(250, width: 4), unit: 27),
            ])
        for (signs, watts) in [(false, "250W"), (true, "-250W")] {
            var session = PushSession(.sml, signsByStatus: signs)
            _ = session.opened(start)
            let power = session.received(exporting, start).readouts.first?.registers.last.map { shown($0) }
            #expect(power == "1-0:16.7.0*255=\(watts)")
        }
    }

    @Test func looksForTheSpeed() {
        var session = PushSession(.d0Push)
        var applied = session.opened(start).settings
        var problems: [String?] = []
        for _ in 0..<4 {
            let actions = session.timedOut(session.deadline ?? start)
            applied += actions.settings
            problems += actions.problems
            #expect(!actions.sends)
        }
        #expect(applied == [usual, LineSettings(.b2400, .eightNone), usual, LineSettings(.b2400, .eightNone), usual])
        #expect(problems == ["no data at 9600 Bd 8N1; no data at 2400 Bd 8N1: check the head's position and direction"])
        #expect(session.timedOut(start) == [])
        let found = session.received(withParity(modeD + modeD + modeD), session.deadline ?? start)
        #expect(found.problems == [nil] && found.readouts.count == 1)
    }

    @Test func staysWhereItHasWorked() {
        var session = PushSession(.p1)
        _ = session.opened(start)
        let second = session.deadline ?? start
        #expect(session.timedOut(second).settings == [usual])
        _ = session.received(withParity(dsmr3), second)
        let silent = session.deadline ?? start
        #expect(silent - second >= .seconds(60))
        let actions = session.timedOut(silent)
        #expect(actions.settings == [usual] && actions.problems.count == 1)
    }

    @Test func saysWhenOnlyNoiseIsHeard() {
        var session = PushSession(.sml)
        _ = session.opened(start)
        #expect(session.received(Array(smlTelegram().dropLast()) + [0], start) == [.noise(.wrongCheck)])
        let problem = session.timedOut(session.deadline ?? start).problems.first
        let bytes = smlTelegram().count
        #expect(problem == "\(bytes) bytes at 9600 Bd 8N1, but no telegram: check the head's position, and `protocol`")
    }

    /// What was heard at which speed; said again when that changes, and not because there are more bytes.
    @Test func saysWhatWasHeardAtWhichSpeed() {
        var session = PushSession(.d0Push)
        _ = session.opened(start)
        var problems: [String?] = []
        var line = BaudRate.b9600
        for (count, speed) in [(312, BaudRate.b2400), (500, .b2400), (7, .b9600)] {
            for _ in 0..<2 {
                if line == speed { _ = session.received([UInt8](repeating: 0, count: count), start) }
                let actions = session.timedOut(session.deadline ?? start)
                line = actions.settings.last?.speed ?? line
                problems += actions.problems
            }
        }
        let advice = "check the head's position, and `protocol`"
        let expected = [
            "no data at 9600 Bd 8N1; 312 bytes at 2400 Bd 8N1, but no telegram: \(advice)",
            "7 bytes at 9600 Bd 8N1, but no telegram; no data at 2400 Bd 8N1: \(advice)",
        ]
        #expect(problems == expected)
    }

    /// The speed of a remote head is not ours to say or to change.
    @Test func aRemoteHeadHasOneSpeed() {
        var session = PushSession(nil, hasFixedSpeed: true)
        let first = session.opened(start).settings
        _ = session.received([0, 0, 0], start)
        let actions = session.timedOut(session.deadline ?? start)
        #expect(actions.settings == first && actions.problems == ["3 bytes, but no telegram: check the head's position, and `protocol`"])
    }

    /// Without a checksum the next telegram has to agree.
    @Test func uncheckedTelegramsWaitForTheNext() {
        var session = PushSession(.d0Push)
        _ = session.opened(start)
        func deliver(_ total: String, serial: String = "1EBZ0100000042") -> [String] {
            session.received(modeD(total, serial: serial), start).map { action in
                if case .deliver(let readout) = action { readout.registers.last.map { shown($0) } ?? "" } else { "\(action)" }
            }
        }
        let noise = ["\(MeterAction.noise(.damaged))"]
        #expect(deliver("09.9") == [] && deliver("10.0") == [], "the first has none before it")
        #expect(deliver("10.1") == ["1-0:1.8.0*255=10.0kWh"])
        #expect(deliver("90.2") == ["1-0:1.8.0*255=10.1kWh"])
        #expect(deliver("10.3") == noise, "what was too high is known by the next")
        #expect(deliver("10.4") == ["1-0:1.8.0*255=10.3kWh"])
        #expect(deliver("00.5") == noise && deliver("10.6") == ["1-0:1.8.0*255=10.4kWh"], "and so is what was too low")
        #expect(deliver("10.7") == ["1-0:1.8.0*255=10.6kWh"])
        #expect(deliver("10.8", serial: "1EBZ0100000043") == noise && deliver("10.9") == ["1-0:1.8.0*255=10.7kWh"])
        // Another meter, with lower totals, is believed in the end.
        var last: [String] = []
        for total in 1...9 { last = deliver("0.\(total)", serial: "2") }
        #expect(last == ["1-0:1.8.0*255=0.8kWh"])
    }
}

@Suite struct AutoSessionTests {
    private static let plan = ReadingPlan(read: .auto, registers: [OBISCode(1, 8, 0)], every: .seconds(1))

    /// The speed that few meters have takes time from the others, so only every other round has it, and at the end.
    @Test func listensAtTheRareSpeedInEveryOtherRound() {
        var session = AutoSession(plan: Self.plan)
        var now = start
        var listened = session.opened(now).settings.filter { $0.framing == .eightNone }
        var slowAt: [Duration] = []
        while now - start < .seconds(500) {
            now = max(now, session.deadline ?? now)
            let settings = session.timedOut(now).settings.filter { $0.framing == .eightNone }
            listened += settings
            if settings.last == slow { slowAt.append(now - start) }
        }
        #expect(listened.prefix(8) == [usual, port, slow, usual, port, usual, port, slow])
        #expect(slowAt.first == .seconds(26), "a `read` that gives up after 90 s hears it")
    }

    /// What is said until the port is set for listening.
    private func untilItListens(_ session: inout AutoSession) -> (actions: [MeterAction], now: Instant) {
        var now = start
        var all = session.opened(now)
        for _ in 0..<100 {
            if all.last == .apply(usual) { break }
            now = max(now, session.deadline ?? now)
            all += session.timedOut(now)
        }
        return (all, now)
    }

    @Test func asksFirst() {
        var session = AutoSession(plan: Self.plan)
        #expect(session.opened(start).sends)
        #expect(session.farewell == ReadoutSession.breakMessage)
        var now = session.deadline ?? start
        #expect(session.timedOut(now).settings == [LineSettings(.b300)])
        now = now + .seconds(1)
        _ = session.received(Array("/ISK5ME162-0033\r\n".utf8), now)
        // It has answered: the session goes on for as long as the port is there.
        var settings: [LineSettings] = []
        for _ in 0..<50 {
            now = max(now, session.deadline ?? now)
            settings += session.timedOut(now).settings
        }
        #expect(!settings.contains(usual) && now - start > .seconds(60))
    }

    @Test(arguments: [smlTelegram(), withParity(modeD)])
    func thenListens(_ telegram: [UInt8]) {
        var session = AutoSession(plan: Self.plan)
        let (actions, now) = untilItListens(&session)
        #expect(now - start <= .seconds(8) && actions.sends)
        #expect(session.received(telegram + telegram + telegram, now + .seconds(1)).readouts.count >= 1)
        #expect(session.farewell == [])
        #expect(session.deadline.map { $0 - now > .seconds(60) } == true)
    }

    /// At another machine's port the meter is understood while it is asked; that its name looks like an answer leads nowhere.
    @Test(arguments: [dsmr5, modeD, smlTelegram()])
    func overhearsWhatSpeaksByItself(_ telegram: [UInt8]) {
        var plan = Self.plan
        plan.hasFixedSpeed = true
        var session = AutoSession(plan: plan)
        _ = session.opened(start)
        var readouts: [Readout] = []
        for second in 0..<6 {
            let now = start + .seconds(second)
            while let deadline = session.deadline, deadline <= now { _ = session.timedOut(now) }
            readouts += session.received(telegram, now).readouts
        }
        #expect(readouts.count >= 3 && session.farewell == [])
        #expect(session.timedOut(start + .seconds(60)) == [], "nobody asks any more")
    }

    @Test func listensAtTheOtherSpeedAndAsksAgain() {
        var session = AutoSession(plan: Self.plan)
        var now = untilItListens(&session).now
        now = session.deadline ?? now
        #expect(session.timedOut(now) == [.apply(port)])
        var other = session
        #expect(other.received(dsmr5, now).readouts.count == 1)
        now = session.deadline ?? now
        #expect(session.timedOut(now) == [.apply(slow)])
        now = session.deadline ?? now
        let actions = session.timedOut(now)
        #expect(actions.settings.first == LineSettings.opening && actions.sends && actions.problems.count == 1)
        #expect(session.closed() == [])
        #expect(session.deadline == nil)
        #expect(session.opened(now).sends)
    }
}
