import Metering
import Testing
import VirtualMeters

@testable import MeterProtocols

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

/// `modeD` with a different total.
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
        // Without a checksum, the shapes of the lines have to be known first.
        if name == .d0Push { #expect(session.received(telegram, start) == []) }
        let found = session.received(telegram, start + .seconds(1))
        #expect(found.readouts.map(\.source) == [name] && found.count == 1)
        #expect(session.deadline.map { $0 > start + .seconds(60) } == true)
    }

    /// If a telegram is as long as the previous one, the session waits until it should be complete; otherwise it doesn't wait.
    @Test func gathersWhatIsOnItsWay() {
        var session = PushSession(.sml)
        let telegram = smlTelegram()
        _ = session.opened(start)
        #expect(session.gathering == nil)
        _ = session.received(Array(telegram.prefix(20)), start)
        #expect(session.gathering == nil, "how long it is nobody knows yet")
        #expect(session.received(Array(telegram.dropFirst(20)), start).readouts.count == 1 && session.gathering == nil)
        _ = session.received(Array(telegram.prefix(100)), start)
        let rest = usual.duration(of: telegram.count - 100) - .milliseconds(8)
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
        var usual = PushSession(.sml)
        _ = usual.opened(start)
        #expect(usual.received(exporting, start).readouts.first?.registers.last.map { shown($0) } == "1-0:16.7.0*255=250W")
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
        #expect(problems == ["no data at 9600 Bd 8N1; no data at 2400 Bd 8N1: check the head's position and orientation"])
        #expect(session.timedOut(start) == [])
        let found = session.received(withParity(modeD + modeD), session.deadline ?? start)
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

    /// The problem names what was received at which speed. It is repeated when that changes, not for each additional byte.
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

    /// The speed of a remote head can't be changed, and is not mentioned.
    @Test func aRemoteHeadHasOneSpeed() {
        var session = PushSession(nil, hasFixedSpeed: true)
        let first = session.opened(start).settings
        _ = session.received([0, 0, 0], start)
        let actions = session.timedOut(session.deadline ?? start)
        #expect(actions.settings == first && actions.problems == ["3 bytes, but no telegram: check the head's position, and `protocol`"])
    }

    /// Without a checksum the next telegram has to confirm the values.
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
        // Another meter with lower totals is accepted eventually.
        var last: [String] = []
        for total in 1...9 { last = deliver("0.\(total)", serial: "2") }
        #expect(last == ["1-0:1.8.0*255=0.8kWh"])
    }
}

/// The search of speeds while nothing arrives: how long it stays at each.
@Suite struct PushSessionPatienceTests {
    private struct Search: Sendable {
        var name: MeterProtocol?
        var missesNothing = false
        var hasFixedSpeed = false
        /// Speed in Bd and duration in seconds.
        var steps: [(Int, Int64)]
    }

    private static let searches: [Search] = [
        Search(name: .sml, steps: [(9600, 6), (9600, 6)]), Search(name: .iec62056, steps: [(9600, 6), (9600, 6)]),
        Search(name: .p1, steps: [(115_200, 12), (9600, 12), (115_200, 12)]),
        Search(name: .d0Push, steps: [(9600, 6), (2400, 12), (9600, 6)]),
        // The rare speed is tried in every other round.
        Search(name: nil, steps: [(9600, 6), (115_200, 12), (2400, 12), (9600, 6), (115_200, 12), (9600, 6), (115_200, 12), (2400, 12)]),
        Search(name: nil, missesNothing: true, steps: [(9600, 12), (115_200, 12), (2400, 12), (9600, 12), (115_200, 12), (2400, 12)]),
        Search(name: nil, hasFixedSpeed: true, steps: [(9600, 12), (9600, 12)]),
        Search(name: .p1, hasFixedSpeed: true, steps: [(115_200, 12), (115_200, 12)]),
        Search(name: .d0Push, hasFixedSpeed: true, steps: [(9600, 12), (9600, 12)]),
    ]

    @Test(arguments: searches.indices) func steps(_ index: Int) throws {
        let search = Self.searches[index]
        var session = PushSession(search.name, missesNothing: search.missesNothing, hasFixedSpeed: search.hasFixedSpeed)
        var now = start
        var actions = session.opened(now)
        for (speed, seconds) in search.steps {
            let baudRate = try #require(BaudRate(rawValue: speed))
            #expect(actions.settings == [LineSettings(baudRate, .eightNone)])
            #expect(session.deadline == now + .seconds(seconds))
            now = now + .seconds(seconds)
            #expect(session.timedOut(now - .nanoseconds(1)).isEmpty)
            actions = session.timedOut(now)
        }
        #expect(session.closed().isEmpty && session.deadline == nil && session.timedOut(now + .seconds(100)).isEmpty)
    }

    @Test func usuallyItIsNotPatient() {
        var session = PushSession(nil)
        _ = session.opened(start)
        #expect(session.deadline == start + .seconds(6))
    }

    /// A round ends by reporting what was received in it.
    @Test(arguments: [false, true]) func aRoundWithoutATelegram(_ isHeard: Bool) {
        var session = PushSession(.d0Push)
        _ = session.opened(start)
        if isHeard { _ = session.received([0x55], start) }
        let first = session.timedOut(start + .seconds(6))
        #expect(first == [.apply(slow)], "half a round says nothing")
        let second = session.timedOut(start + .seconds(18))
        #expect(second.first == .noise(isHeard ? .damaged : .silence) && second.count == 3 && second.last == .apply(usual))
    }

    /// Two minutes of silence are ignored. Then they are reported, and the same speed is tried first.
    @Test func aSpeedThatHasWorked() {
        var session = PushSession(.p1)
        _ = session.opened(start)
        _ = session.timedOut(start + .seconds(12))
        let heard = start + .seconds(20)
        #expect(session.received(dsmr5, heard).readouts.count == 1)
        #expect(session.deadline == heard + .seconds(120))
        #expect(session.timedOut(heard + .seconds(119)).isEmpty)
        let silent = heard + .seconds(120)
        #expect(session.timedOut(silent).settings == [usual] && session.deadline == silent + .seconds(12))
        // Then another speed is tried.
        #expect(session.timedOut(silent + .seconds(12)).settings == [port])
    }
}

@Suite struct AutoSessionTests {
    private static let plan = ReadingPlan(read: .auto, registers: [OBISCode(1, 8, 0)], every: .seconds(1))
    private static let asked = KnownLanguage(.iec62056)

    /// When the session begins to listen and to ask while nothing answers, in milliseconds from the start.
    private func turns(known: KnownLanguage? = nil, listensFirst: Bool = false, until end: Int64) -> [String] {
        var session = AutoSession(plan: Self.plan, known: known, listensFirst: listensFirst)
        var now = start
        var turns: [String] = []
        var isAsking: Bool?
        var actions = session.opened(now)
        while now - start <= .seconds(end) {
            let isListening = actions.settings.last?.framing == .eightNone
            if isListening || actions.sends, isAsking != !isListening {
                isAsking = !isListening
                turns.append("\(isListening ? "listens" : "asks") \((now - start).nanoseconds / 1_000_000)")
            }
            now = max(now, session.deadline ?? now)
            actions = session.timedOut(now)
        }
        return turns
    }

    /// It asks for 8 s at first, later for 75 s. It listens for 6 s, 12 s and, in every other round, another 12 s. If nothing is known, a
    /// short search comes first.
    @Test func takesTurns() {
        #expect(
            turns(until: 220) == [
                "listens 0", "asks 900", "listens 3000", "asks 13500", "listens 21500", "asks 51500", "listens 126500", "asks 144500",
                "listens 219500",
            ])
        #expect(
            turns(known: Self.asked, until: 320) == [
                "asks 0", "listens 8000", "asks 38000", "listens 113000", "asks 131000", "listens 206000", "asks 236000", "listens 311000",
            ])
        #expect(turns(listensFirst: true, until: 160) == ["listens 0", "asks 36000", "listens 111000", "asks 147000"])
    }

    /// The active session decides how long bytes are gathered.
    @Test func gathersForWhoeverHasItsTurn() {
        var asking = AutoSession(plan: Self.plan, known: Self.asked)
        _ = asking.opened(start)
        let asked = asking.deadline ?? start
        #expect(asking.timedOut(asked).sends && asking.gathering == nil)
        _ = asking.received(Array("/ISK5".utf8), asked + .seconds(1))
        #expect(asking.gathering == .milliseconds(130))
        var listening = AutoSession(plan: Self.plan, listensFirst: true)
        _ = listening.opened(start)
        _ = listening.received(smlTelegram(), start)
        #expect(listening.gathering == nil)
        _ = listening.received([0x1B], start)
        #expect(listening.gathering == min(usual.duration(of: smlTelegram().count - 1) - .milliseconds(8), .milliseconds(250)))
    }

    /// A corrupted telegram doesn't prove a protocol, so it continues to ask.
    @Test func noiseIsNoMeterThatSpeaks() {
        var session = AutoSession(plan: Self.plan, known: Self.asked)
        _ = session.opened(start)
        let damaged = Array(smlTelegram().dropLast()) + [0]
        #expect(session.received(damaged, start + .milliseconds(10)).isEmpty && session.farewell == ReadoutSession.breakMessage)
        #expect(session.received(smlTelegram(), start + .milliseconds(20)).readouts.count == 1 && session.farewell == [])
    }

    /// Reopening the port restarts the turns.
    @Test func anotherPortIsSearchedAgain() {
        var session = AutoSession(plan: Self.plan, known: Self.asked)
        _ = session.opened(start)
        var now = start
        while now - start < .seconds(50) {
            now = max(now, session.deadline ?? now)
            _ = session.timedOut(now)
        }
        #expect(session.closed() == [] && session.deadline == nil)
        #expect(session.opened(now) == [.apply(usual)], "nothing is known any more")
        let opened = now
        var actions: [MeterAction] = []
        while actions.settings.last != port, now - opened < .seconds(60) {
            now = max(now, session.deadline ?? now)
            actions = session.timedOut(now)
        }
        #expect(now - opened == .milliseconds(3000))
    }

    /// The rare speed takes time from the others, so it is only tried in every other round, as the last one.
    @Test func listensAtTheRareSpeedInEveryOtherRound() {
        var session = AutoSession(plan: Self.plan, known: Self.asked)
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
        #expect(slowAt.first == .seconds(26))
    }

    /// All actions until the port is set for listening.
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

    @Test func asksFirstWhoeverAnsweredBefore() {
        var session = AutoSession(plan: Self.plan, known: Self.asked)
        #expect(session.opened(start).sends)
        #expect(session.farewell == ReadoutSession.breakMessage)
        var now = session.deadline ?? start
        #expect(session.timedOut(now).settings == [LineSettings(.b300)])
        now = now + .seconds(1)
        _ = session.received(Array("/ISK5ME162-0033\r\n".utf8), now)
        // The meter has answered, so the session continues until the port is closed.
        var settings: [LineSettings] = []
        for _ in 0..<50 {
            now = max(now, session.deadline ?? now)
            settings += session.timedOut(now).settings
        }
        #expect(!settings.contains(usual) && now - start > .seconds(60))
    }

    @Test(arguments: [smlTelegram(), withParity(modeD)])
    func thenListens(_ telegram: [UInt8]) {
        var session = AutoSession(plan: Self.plan, known: Self.asked)
        let (actions, now) = untilItListens(&session)
        #expect(now - start <= .seconds(8) && actions.sends)
        #expect(session.received(telegram + telegram + telegram, now + .seconds(1)).readouts.count >= 1)
        #expect(session.farewell == [])
        #expect(session.deadline.map { $0 - now > .seconds(60) } == true)
    }

    /// On a remote port, telegrams that the meter pushes are decoded even while it is asked; an identification in them doesn't confuse the session.
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
        var session = AutoSession(plan: Self.plan, known: Self.asked)
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
        #expect(session.opened(now) == [.apply(usual)])
    }
}
