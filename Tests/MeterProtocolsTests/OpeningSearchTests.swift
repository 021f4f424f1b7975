import Metering
import Testing
import VirtualMeters

@testable import MeterProtocols

private let start = Instant(nanoseconds: 100_000_000_000)
private let plan = ReadingPlan(read: .auto, registers: [OBISCode(1, 8, 0)], every: .seconds(1))

/// A session that detects the language, at a virtual meter. Characters take their time, and are garbage if the speeds differ.
private struct Bench {
    private struct Portion {
        var at: Instant
        var bytes: [UInt8]
        var speed: BaudRate
    }

    private(set) var session: AutoSession
    private(set) var meter: any VirtualMeter
    private(set) var now = start
    private(set) var line = LineSettings.opening
    private var portions: [Portion] = []
    /// What was sent, and when, counted from the start.
    private(set) var sent: [(at: Duration, bytes: [UInt8])] = []
    private(set) var settings: [(at: Duration, line: LineSettings)] = []
    private(set) var readouts: [(at: Duration, readout: Readout)] = []
    private(set) var noise = 0
    private(set) var problems: [String] = []
    /// Bytes from elsewhere.
    var light: [(at: Instant, bytes: [UInt8])] = []

    init(_ meter: any VirtualMeter, known: KnownLanguage? = nil, plan: ReadingPlan = plan) {
        session = AutoSession(plan: plan, known: known)
        self.meter = meter
    }

    var signOns: [Duration] { sent.filter { $0.bytes.starts(with: "/?".utf8) }.map(\.at) }
    var firstRead: Duration? { readouts.first?.at }

    mutating func run(for duration: Duration) {
        if now == start {
            deliver(meter.advance(to: now))
            // The adapter is opened now: what came before is lost.
            portions.removeAll { $0.at <= now }
            perform(session.opened(now))
        }
        let end = start + duration
        while let next = [session.deadline, meter.nextDeadline, portions.first?.at, light.first?.at].compactMap(\.self).min(), next <= end {
            now = max(now, next)
            deliver(meter.advance(to: now))
            if let stray = light.first, stray.at <= now {
                light.removeFirst()
                perform(session.received(stray.bytes, now))
            } else if let portion = portions.first, portion.at <= now {
                portions.removeFirst()
                let bytes = heard(portion.bytes, sentAt: portion.speed, heardAt: line.speed)
                if !bytes.isEmpty { perform(session.received(bytes, now)) }
            } else if session.deadline.map({ $0 <= now }) == true {
                perform(session.timedOut(now))
            }
        }
        now = max(now, end)
    }

    mutating func reopen() { perform(session.closed() + session.opened(now)) }

    private mutating func perform(_ actions: [MeterAction]) {
        for action in actions {
            switch action {
            case .send(let bytes):
                sent.append((now - start, bytes))
                deliver(meter.received(bytes, at: now + line.duration(of: bytes.count), lineSpeed: line.speed))
            case .apply(let settings):
                line = settings
                self.settings.append((now - start, settings))
            case .deliver(let readout): readouts.append((now - start, readout))
            case .noise: noise += 1
            case .problem(let problem): if let problem { problems.append(problem) }
            }
        }
    }

    /// An adapter delivers what has arrived every 16 ms.
    private mutating func deliver(_ emissions: [Emission]) {
        for emission in emissions {
            let size = max(1, Int(Duration.milliseconds(16).nanoseconds / LineSettings(emission.speed).duration(of: 1).nanoseconds))
            for from in stride(from: 0, to: emission.bytes.count, by: size) {
                let end = min(from + size, emission.bytes.count)
                portions.append(
                    Portion(at: emission.completion(of: end - 1), bytes: Array(emission.bytes[from..<end]), speed: emission.speed))
            }
        }
        portions.sort { $0.at < $1.at }
    }
}

private func pushing(
    _ kind: VirtualPushMeter.Kind, at speed: BaudRate? = nil, every: Duration = .seconds(1), since: Duration, faults: [Fault] = [.eightBit]
) -> VirtualPushMeter {
    // The start may lie within a telegram.
    let begun = start - since - every
    return VirtualPushMeter(
        kind, speed: speed, every: every, household: Household(seed: 1, profile: .steady(watts: 360), startedAt: begun), faults: faults,
        seed: 1, startedAt: begun)
}

private func me162(_ faults: [Fault] = []) -> VirtualME162 {
    VirtualME162(household: Household(seed: 1, profile: .steady(watts: 360), startedAt: start), faults: faults, seed: 1, startedAt: start)
}

/// In how many ways the start may lie between two telegrams.
private let phases: [Int64] = Array(0..<40)

@Suite struct OpeningSearchTests {
    /// Wherever the start lies between two telegrams, a telegram is read 2.5 s and one interval later at the latest.
    @Test(
        arguments: [
            (VirtualPushMeter.Kind.sml, 1000, 2500), (.sml, 2000, 5200), (.p1, 1000, 4000), (.p1, 10_000, 13_100), (.modeD, 1000, 4000),
        ] as [(VirtualPushMeter.Kind, Int64, Int64)])
    func findsWhatSpeaks(_ kind: VirtualPushMeter.Kind, _ every: Int64, _ limit: Int64) throws {
        var latest = Duration.zero
        for phase in phases {
            var bench = Bench(pushing(kind, every: .milliseconds(every), since: .milliseconds(every * phase / 40)))
            bench.run(for: .seconds(30))
            let found = try #require(bench.firstRead, "\(phase)")
            latest = max(latest, found)
            #expect(bench.readouts.count >= 20_000 / Int(every) - 4, "\(phase): \(bench.readouts.count)")
            #expect(bench.problems == [], "\(phase)")
            if every == 1000 { #expect(kind == .p1 || bench.sent.isEmpty, "\(phase): it is not asked") }
        }
        #expect(latest <= .milliseconds(limit), "\(latest)")
    }

    /// Slower senders are found as well: mode D at 2400 Bd, SML every 4 s, P1 at 9600 Bd.
    @Test(
        arguments: [
            (VirtualPushMeter.Kind.modeD, BaudRate.b2400, 2000, 15_000), (.modeD, .b2400, 4000, 30_000), (.sml, .b9600, 4000, 10_500),
            (.p1, .b9600, 10_000, 32_000),
        ] as [(VirtualPushMeter.Kind, BaudRate, Int64, Int64)])
    func findsWhatSpeaksSlowly(_ kind: VirtualPushMeter.Kind, _ speed: BaudRate, _ every: Int64, _ limit: Int64) throws {
        var latest = Duration.zero
        for phase in phases {
            var bench = Bench(pushing(kind, at: speed, every: .milliseconds(every), since: .milliseconds(every * phase / 40)))
            bench.run(for: .seconds(90))
            latest = max(latest, try #require(bench.firstRead, "\(phase)"))
        }
        #expect(latest <= .milliseconds(limit), "\(latest)")
    }

    /// A meter that has to be asked is asked within a second, and read as quickly as before after that.
    @Test func asksWhatIsSilent() throws {
        var bench = Bench(me162())
        bench.run(for: .seconds(30))
        #expect(bench.sent.first?.at == OpeningSearch.glance && OpeningSearch.glance <= .seconds(1))
        #expect(bench.settings.map(\.line.framing).count { $0 == .eightNone } == 1, "it is listened to only once")
        var named = Bench(me162(), known: KnownLanguage(.iec62056))
        named.run(for: .seconds(30))
        #expect(named.sent.first?.at == .zero)
        let (unknown, known) = (try #require(bench.firstRead), try #require(named.firstRead))
        #expect(unknown - known <= .milliseconds(1000) && known <= .milliseconds(3500), "\(unknown) \(known)")
        #expect(bench.signOns.map { $0 - OpeningSearch.glance } == named.signOns)
        #expect(bench.problems == named.problems && bench.noise == named.noise)
    }

    /// Garbage shows at once that another speed has to be tried.
    @Test func garbageLeadsToTheOtherSpeed() throws {
        var bench = Bench(pushing(.p1, since: .milliseconds(500)))
        bench.run(for: .seconds(3))
        #expect(bench.settings.map(\.line.speed) == [.b9600, .b115200] && bench.sent.isEmpty)
        #expect(try #require(bench.firstRead) <= .milliseconds(1600))
        var slow = Bench(pushing(.modeD, at: .b2400, every: .seconds(2), since: .milliseconds(500)))
        slow.run(for: .seconds(10))
        #expect(slow.settings.map(\.line.speed) == [.b9600, .b115200, .b2400] && slow.sent.isEmpty && !slow.readouts.isEmpty)
    }

    // MARK: What is known from before

    /// The known language is tried at once: the first telegram is read, whenever it comes.
    @Test(
        arguments: [
            (VirtualPushMeter.Kind.sml, KnownLanguage(.sml, speed: 9600), 1000, 1300),
            (.p1, KnownLanguage(.p1, speed: 115_200), 10_000, 10_100),
            (.modeD, KnownLanguage(.d0Push, speed: 2400), 2000, 8_000),
        ] as [(VirtualPushMeter.Kind, KnownLanguage, Int64, Int64)])
    func beginsWithWhatIsKnown(_ kind: VirtualPushMeter.Kind, _ known: KnownLanguage, _ every: Int64, _ limit: Int64) throws {
        let speed = try #require(known.speed.flatMap { BaudRate(rawValue: $0) })
        for phase in phases {
            var bench = Bench(
                pushing(kind, at: speed, every: .milliseconds(every), since: .milliseconds(every * phase / 40)), known: known)
            bench.run(for: .seconds(15))
            #expect(try #require(bench.firstRead, "\(phase)") <= .milliseconds(limit) && bench.sent.isEmpty, "\(phase)")
            #expect(bench.settings.map(\.line.speed) == [speed], "\(phase)")
        }
    }

    /// Another meter is in front of the head: it is found after the patience for the known language, or at once if its bytes are garbage.
    @Test func whatIsKnownMayBeWrong() throws {
        var sml = Bench(pushing(.sml, since: .milliseconds(300)), known: KnownLanguage(.p1, speed: 115_200))
        sml.run(for: .seconds(10))
        #expect(try #require(sml.firstRead) <= .milliseconds(2500) && sml.sent.isEmpty)
        var p1 = Bench(pushing(.p1, every: .seconds(10), since: .seconds(9)), known: KnownLanguage(.sml, speed: 9600))
        p1.run(for: .seconds(30))
        #expect(try #require(p1.firstRead) <= .milliseconds(13_100))
        for known in [KnownLanguage(.p1, speed: 115_200), KnownLanguage(.sml, speed: 9600), KnownLanguage(.d0Push, speed: 2400)] {
            var bench = Bench(me162(), known: known)
            bench.run(for: .seconds(30))
            #expect(try #require(bench.firstRead, "\(known)") <= .milliseconds(12_000 + 900 + 3500), "\(known)")
            #expect(bench.readouts.last?.readout.source == .iec62056)
        }
        var asked = Bench(pushing(.sml, since: .zero), known: KnownLanguage(.iec62056))
        asked.run(for: .seconds(30))
        #expect(try #require(asked.firstRead) <= .seconds(10), "it is asked for 8 s")
    }

    /// What a file contained that somebody has edited.
    @Test(arguments: [
        KnownLanguage(MeterProtocol(rawValue: "klingon")), KnownLanguage(MeterProtocol(rawValue: ""), speed: 9600),
        KnownLanguage(.sml, speed: 300), KnownLanguage(.sml), KnownLanguage(.p1, speed: -1), KnownLanguage(.p1, speed: .max),
    ])
    func whatIsNotALanguageIsIgnored(_ known: KnownLanguage) {
        var (bench, unknown) = (Bench(me162(), known: known), Bench(me162()))
        bench.run(for: .seconds(10))
        unknown.run(for: .seconds(10))
        #expect(bench.signOns == unknown.signOns && bench.firstRead == unknown.firstRead)
    }

    /// After the adapter was plugged in again, the language is still known.
    @Test func anotherConnectionBeginsWithWhatWasRead() {
        var bench = Bench(pushing(.p1, since: .milliseconds(500)))
        bench.run(for: .seconds(10))
        let count = bench.settings.count
        bench.reopen()
        #expect(bench.settings.dropFirst(count).map(\.line) == [LineSettings(.b115200, .eightNone)])
        bench.run(for: .seconds(20))
        #expect(bench.settings.count == count + 1 && bench.sent.isEmpty)
        var asked = Bench(me162())
        asked.run(for: .seconds(10))
        asked.reopen()
        #expect(asked.sent.last?.at == .seconds(10) && asked.sent.last?.bytes == ReadoutSession.breakMessage)
    }

    /// Only a meter that has to be asked has an address, or sleeps.
    @Test func somePlansAreForMetersThatAreAsked() {
        var (addressed, sleeping) = (plan, plan)
        addressed.address = "12345678"
        sleeping.wakesUp = true
        for plan in [addressed, sleeping] {
            var bench = Bench(me162(), plan: plan)
            bench.run(for: .seconds(1))
            #expect(bench.sent.first?.at == .zero)
        }
    }

    // MARK: Other bytes

    /// A few bytes of stray light do not delay the question, and a burst of garbage delays it by a second and a half.
    @Test func noiseDelaysNoMeterForLong() throws {
        var bench = Bench(me162())
        bench.light = [(start + .milliseconds(300), [0x00, 0xFF]), (start + .milliseconds(600), [0x80])]
        bench.run(for: .seconds(10))
        #expect(bench.signOns.count > 0 && bench.sent.first?.at == OpeningSearch.glance)
        var generator = SeededGenerator(seed: 5)
        let garbage = (0..<60).map { _ in UInt8(generator.number(in: 0...255)) }
        var noisy = Bench(me162())
        noisy.light = [(start + .milliseconds(800), garbage)]
        noisy.run(for: .seconds(10))
        #expect(try #require(noisy.sent.first?.at) <= .milliseconds(2300))
        #expect(try #require(noisy.firstRead) <= .milliseconds(6000))
    }

    /// Noise without end: the search ends, the meter is asked again and again, and is read when the noise is over.
    @Test(arguments: [20, 400] as [Int64]) func endlessNoiseEndsTheSearch(_ every: Int64) {
        var generator = SeededGenerator(seed: 6)
        var bench = Bench(me162())
        bench.light = (0..<(120_000 / every)).map { count in
            (start + .milliseconds(every * count), (0..<12).map { _ in UInt8(generator.number(in: 0...255)) })
        }
        bench.run(for: .seconds(30))
        #expect(bench.sent.contains { $0.bytes == ReadoutSession.breakMessage })
        bench.run(for: .seconds(300))
        #expect(bench.readouts.contains { $0.readout.source == .iec62056 })
    }

    /// The previous process was killed while the meter was answering. Its answer is not taken for a meter that pushes, and the meter is asked
    /// as soon as it is silent.
    @Test func theRestOfAnEarlierSessionIsNoMeterThatPushes() throws {
        let body = Array("1.8.0(0033402.264*kWh)".utf8) + [ControlCharacter.etx]
        let answer = withParity([ControlCharacter.stx] + body + [BlockCheck.of(body)])
        var whole = Bench(me162())
        whole.light = [(start + .milliseconds(100), answer)]
        whole.run(for: .seconds(10))
        #expect(try #require(whole.sent.first?.at) <= .milliseconds(300))
        #expect(try #require(whole.firstRead) <= .milliseconds(4000))
        #expect(whole.readouts.allSatisfy { $0.readout.manufacturer == "ISK" })
        var part = Bench(me162())
        part.light = [(start + .milliseconds(100), Array(answer.dropFirst(6)))]
        part.run(for: .seconds(10))
        #expect(try #require(part.sent.first?.at) <= .milliseconds(2800))
        #expect(try #require(part.firstRead) <= .milliseconds(6500))
    }

    /// A head that sees its own light, and a meter that answers late or with damaged characters.
    @Test func theAnswerIsWaitedFor() throws {
        for faults in [[Fault.echo], [.leadingNoise], [.echo, .leadingNoise]] {
            var bench = Bench(me162(faults))
            bench.run(for: .seconds(10))
            #expect(try #require(bench.firstRead, "\(faults)") <= .milliseconds(4500), "\(faults)")
        }
        for kind in VirtualPushMeter.Kind.allCases {
            var bench = Bench(pushing(kind, every: .seconds(3), since: .milliseconds(500), faults: [.eightBit, .echo]))
            bench.run(for: .seconds(30))
            #expect(bench.readouts.count > 3, "\(kind)")
        }
        // The second character of the identification is damaged: the meter is asked again soon, not after ten seconds of listening.
        var damaged = Bench(me162([.dropBytes(rate: 0.03)]))
        damaged.run(for: .seconds(60))
        #expect(!damaged.readouts.isEmpty)
        var session = AutoSession(plan: plan)
        var (now, actions) = (start, session.opened(start))
        while !actions.contains(where: { if case .send(let bytes) = $0 { bytes.starts(with: "/?".utf8) } else { false } }) {
            now = try #require(session.deadline)
            actions = session.timedOut(now)
        }
        _ = session.received(Array("/I".utf8), now + .milliseconds(1300))
        #expect(try #require(session.deadline) > now + .milliseconds(1500), "the rest is waited for")
        _ = session.received(Array("SK5M162\r\n".utf8), now + .milliseconds(1600))
        #expect(session.identification?.manufacturer == "ISK")
    }
}
