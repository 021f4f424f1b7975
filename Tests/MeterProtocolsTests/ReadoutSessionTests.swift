import Metering
import Testing

@testable import MeterProtocols

/// A scripted dialogue: events and the expected actions. Time advances by the session's own deadlines.
private struct Dialogue {
    var session: ReadoutSession
    var now = Instant(nanoseconds: 0)

    init(_ plan: ReadingPlan) { session = ReadoutSession(plan: plan) }

    mutating func open() -> [MeterAction] { session.opened(now) }

    mutating func waitForDeadline() -> [MeterAction] {
        guard let deadline = session.deadline else { return [] }
        now = max(now, deadline)
        return session.timedOut(now)
    }

    /// Advances until the session returns actions.
    mutating func wait() -> [MeterAction] {
        for _ in 0..<20 {
            let actions = waitForDeadline()
            if !actions.isEmpty { return actions }
        }
        return []
    }

    mutating func receive(_ bytes: [UInt8], after: Duration = .milliseconds(300)) -> [MeterAction] {
        now = now + after
        return session.received(bytes, now)
    }

    mutating func receive(_ text: String, after: Duration = .milliseconds(300)) -> [MeterAction] {
        receive(Array(text.utf8), after: after)
    }
}

private func framed(_ start: UInt8, _ body: String) -> [UInt8] {
    let content = Array(body.utf8) + [ControlCharacter.etx]
    return [start] + content + [BlockCheck.of(content)]
}

private let readout = framed(
    ControlCharacter.stx, "C.1.0(28342193)\r\n0.0.0(28342193)\r\n1.8.0(0033402.264*kWh)\r\n2.8.0(0000013.465*kWh)\r\nF.F(0000000)\r\n!\r\n")
private let prompt = framed(ControlCharacter.soh, "P0\u{2}()")
private let identification = "/ISK5ME162-0033\r\n"
private let breakMessage: [UInt8] = [0x01, 0x42, 0x30, 0x03, 0x71]
private let plan = ReadingPlan(read: .auto, registers: [OBISCode(1, 8, 0), OBISCode(2, 8, 0)], every: .seconds(1))

/// Opens the port, sends the break, signs on and receives the identification; the following actions are left to the test.
private func signedOn(_ plan: ReadingPlan = plan, as text: String = identification) -> Dialogue {
    var dialogue = Dialogue(plan)
    _ = dialogue.open()
    _ = dialogue.wait()
    _ = dialogue.receive(text, after: .milliseconds(1000))
    return dialogue
}

private func inSession(_ plan: ReadingPlan = plan) -> Dialogue {
    var dialogue = signedOn(plan)
    _ = dialogue.wait()
    _ = dialogue.wait()
    _ = dialogue.receive(readout)
    _ = dialogue.wait()
    _ = dialogue.wait()
    _ = dialogue.receive(identification, after: .milliseconds(1000))
    _ = dialogue.wait()
    _ = dialogue.wait()
    _ = dialogue.receive(prompt)
    return dialogue
}

/// A named register without a quantity is not taken from the readout: if the session then refused it, its value would never change.
@Test func theSessionReadsWhatWasNamed() {
    var dialogue = signedOn(ReadingPlan(read: .auto, registers: [OBISCode(1, 8, 0), OBISCode(96, 7, 21)], every: .seconds(1)))
    _ = dialogue.wait()
    _ = dialogue.wait()
    let actions = dialogue.receive(
        framed(ControlCharacter.stx, "C.1.0(28342193)\r\n1.8.0(0033402.264*kWh)\r\nC.7.21(00012)\r\n0.2.1(7)\r\n!\r\n"))
    let codes = actions.compactMap { if case .deliver(let readout) = $0 { readout.registers.map(\.code.short) } else { nil } }
    #expect(codes == [["96.1.0", "1.8.0", "0.2.1"]])
    _ = dialogue.wait()
    _ = dialogue.wait()
    _ = dialogue.receive(identification, after: .milliseconds(1000))
    _ = dialogue.wait()
    _ = dialogue.wait()
    _ = dialogue.receive(prompt)
    _ = dialogue.wait()
    _ = dialogue.receive(framed(ControlCharacter.stx, "(0033402.264*kWh)"))
    #expect(dialogue.wait() == [.send(framed(ControlCharacter.soh, "R1\u{2}C.7.21()"))], "as meters print it")
    let printed = ["F.F", "L.1.0", "1.8.0*01", "1.8.0*12", "0-0:96.7.21"]
    #expect(printed.map { OBISCode($0)?.printed } == printed)
}

/// Every register of the readout would become outdated or is read by the session, so nothing is delivered yet.
@Test func aReadoutOfNothingThatLastsIsNone() {
    var dialogue = signedOn(ReadingPlan(read: .auto, registers: [OBISCode(2, 8, 0)], every: .seconds(1)))
    _ = dialogue.wait()
    _ = dialogue.wait()
    let actions = dialogue.receive(framed(ControlCharacter.stx, "1.8.1(0000001.000*kWh)\r\n!\r\n"))
    #expect(!actions.contains { if case .deliver = $0 { true } else { false } })
    #expect(dialogue.wait() == [.send(breakMessage)], "the session goes on")
}

/// If a meter sends only tariffs, their sum is published, in any mode, but only from a complete readout.
@Test(
    arguments: [
        (true, "/XYZxmodeA\r\n", ReadingPlan.Read.readout), (true, "/XYZCmodeB\r\n", .auto), (true, "/XYZ5modeC\r\n", .readout),
        (false, "/XYZ5modeC\r\n", .auto),
    ] as [(Bool, String, ReadingPlan.Read)])
func aWholeReadoutHasTheSumOfItsTariffs(_ isWhole: Bool, _ identification: String, _ read: ReadingPlan.Read) {
    let tariffs = [OBISCode(1, 8, 1), OBISCode(1, 8, 2)]
    var dialogue = signedOn(ReadingPlan(read: read, registers: tariffs, every: .seconds(1)), as: identification)
    if identification.contains("modeC") {
        _ = dialogue.wait()
        _ = dialogue.wait()
    }
    let actions = dialogue.receive(framed(ControlCharacter.stx, "1.8.1(0000001.250*kWh)\r\n1.8.2(0000003.500*kWh)\r\n!\r\n"))
    let readouts = actions.compactMap { if case .deliver(let readout) = $0 { readout } else { nil } }
    #expect(readouts.map(\.isWhole) == [isWhole])
    var state = MeterState()
    state.addOptical(MeterDescription(name: "grid", title: "Grid"), maxPower: 25_000, staleAfter: .seconds(30))
    for readout in readouts { state.record(readout, of: "grid", wall: WallTime(millisecondsSince1970: 0)) }
    let values = state.snapshot["grid"]?.values
    #expect(values?[.energyImport]?.text == (isWhole ? "4.750" : nil) && values?[.energyImportT2]?.text == "3.500")
}

/// The bytes of a message are gathered, because each portion would wake the process.
@Test func aMessageGathersWhileItComes() {
    var dialogue = Dialogue(ReadingPlan(read: .readout, registers: [OBISCode(1, 8, 0)], every: .seconds(1)))
    _ = dialogue.open()
    var pauses: [Duration?] = []
    func receive(_ message: [UInt8], by count: Int) {
        _ = dialogue.receive(Array(message.prefix(count)))
        pauses.append(dialogue.session.gathering)
        _ = dialogue.receive(Array(message.dropFirst(count)), after: .milliseconds(10))
        pauses.append(dialogue.session.gathering)
    }
    for _ in 1...2 {
        _ = dialogue.wait()
        #expect(dialogue.session.gathering == nil)
        receive(Array(identification.utf8), by: 11)
        _ = dialogue.wait()
        _ = dialogue.wait()
        receive(readout.dropLast(), by: 40)
        _ = dialogue.receive(Array(readout.suffix(1)), after: .milliseconds(1))
        _ = dialogue.wait()
    }
    let rest = LineSettings(.b9600).duration(of: readout.count - 40) - .milliseconds(8)
    let identifying = [Duration.milliseconds(130), .milliseconds(192)]
    #expect(pauses.prefix(4) == [identifying[0], nil, nil, nil], "how long they are nobody knows yet")
    #expect(pauses[4...].prefix(4) == [identifying[1], nil, rest, nil], "the last 8 ms are not gathered")
}

@Suite struct ReadoutSessionTests {
    @Test func aPlanOfAnOrdinaryMeter() {
        #expect(!plan.isTimedByPulses && plan.address.isEmpty && !plan.wakesUp && !plan.signsByStatus && !plan.hasFixedSpeed)
    }

    @Test func theWholeDialogueOfAnME162() {
        var dialogue = Dialogue(plan)
        #expect(dialogue.open() == [.send(breakMessage)])
        #expect(dialogue.wait() == [.apply(LineSettings(.b300)), .send(Array("/?!\r\n".utf8))])
        #expect(dialogue.receive(identification, after: .milliseconds(1000)) == [])
        let identified = dialogue.now
        #expect(dialogue.wait() == [.send(Array("\u{6}050\r\n".utf8))])
        #expect(dialogue.now - identified >= .milliseconds(200), "the meter's reaction time is the host's too")
        let acknowledged = dialogue.now
        #expect(dialogue.wait() == [.apply(LineSettings(.b9600))])
        #expect(dialogue.now - acknowledged >= .milliseconds(205) && dialogue.now - acknowledged <= .milliseconds(230))
        let asked = dialogue.now
        let actions = dialogue.receive(readout)
        #expect(
            actions == [
                .deliver(
                    Readout(
                        [
                            Register(OBISCode(96, 1, 0), .text("28342193")),
                            Register(OBISCode(0, 0, 0), .text("28342193")),
                            Register(OBISCode(1, 8, 0), .number(Quantity(33_402_264, exponent: -3), .kilowattHours)),
                            Register(OBISCode(2, 8, 0), .number(Quantity(13465, exponent: -3), .kilowattHours)),
                            Register(OBISCode(97, 97, 0), .text("0000000")),
                        ], manufacturer: "ISK", model: "ME162-0033", isWhole: false, asked: asked, at: dialogue.now))
            ])
        let answered = dialogue.now
        #expect(dialogue.wait() == [.send(breakMessage)])
        #expect(dialogue.now - answered >= .milliseconds(200), "before each message of ours")
        #expect(dialogue.wait() == [.apply(LineSettings(.b300)), .send(Array("/?!\r\n".utf8))])
        #expect(dialogue.receive(identification, after: .milliseconds(1000)) == [])
        #expect(dialogue.wait() == [.send(Array("\u{6}051\r\n".utf8))])
        #expect(dialogue.wait() == [.apply(LineSettings(.b9600))])
        #expect(dialogue.receive(prompt) == [])
        let prompted = dialogue.now
        #expect(dialogue.wait() == [.send(Array("\u{1}R1\u{2}1.8.0()\u{3}Z".utf8))])
        #expect(dialogue.now - prompted >= .milliseconds(200))
        let asking = dialogue.now
        guard case .deliver(let imported)? = dialogue.receive("\u{2}(0033402.264*kWh)\u{3}T").first else {
            return #expect(Bool(false), "nothing delivered")
        }
        #expect(imported.registers.map(\.code) == [OBISCode(1, 8, 0)])
        #expect(imported.asked == asking && imported.at == dialogue.now, "what it showed may be as old as the question")
        #expect(dialogue.wait() == [.send(Array("\u{1}R1\u{2}2.8.0()\u{3}Y".utf8))])
        #expect(dialogue.receive(framed(ControlCharacter.stx, "(0000013.465*kWh)")).count == 1)
        #expect(dialogue.wait() == [.send(Array("\u{1}R1\u{2}1.8.0()\u{3}Z".utf8))], "the session is held open")
    }

    @Test(arguments: [
        "/ISK5ME162-0012\r\n", "/ISk5MT174-0002\r\n", "/LGZ5\\2ZMD310xyz\r\n", "\u{7F}\u{0}/XYZ5 any thing.1\r\n",
        "/?!\r\n/ISK5ME162-0033\r\n",
    ])
    func anyIdentificationWillDo(_ text: String) {
        var dialogue = signedOn(as: text)
        #expect(dialogue.wait() == [.send(Array("\u{6}050\r\n".utf8))])
    }

    @Test func aMeterWithAnAddress() {
        var addressed = plan
        addressed.address = "0042"
        var dialogue = Dialogue(addressed)
        _ = dialogue.open()
        #expect(dialogue.wait() == [.apply(LineSettings(.b300)), .send(Array("/?0042!\r\n".utf8))])
        // With the echo.
        #expect(dialogue.receive("/?0042!\r\n" + identification, after: .milliseconds(1000)) == [])
        #expect(dialogue.wait() == [.send(Array("\u{6}050\r\n".utf8))])
    }

    @Test func aMeterThatSleeps() {
        var sleeping = plan
        sleeping.wakesUp = true
        var dialogue = Dialogue(sleeping)
        _ = dialogue.open()
        let actions = dialogue.wait()
        let woken = dialogue.now
        guard case .send(let zeros)? = actions.last else { return #expect(Bool(false), "\(actions)") }
        let onTheWire = LineSettings(.b300).duration(of: zeros.count)
        #expect(actions.first == .apply(LineSettings(.b300)) && zeros.allSatisfy { $0 == 0 })
        #expect((Duration.milliseconds(2100)...(.milliseconds(2300))).contains(onTheWire))
        #expect(dialogue.wait() == [.send(Array("/?!\r\n".utf8))])
        #expect((Duration.milliseconds(1500)...(.milliseconds(1700))).contains(dialogue.now - woken - onTheWire))
    }

    @Test func aReadoutInBlocks() {
        var dialogue = signedOn()
        _ = dialogue.wait()
        _ = dialogue.wait()
        let first = Array("\u{2}C.1.0(28342193)\r\n1.8".utf8) + [ControlCharacter.eot]
        let check = BlockCheck.of(first.dropFirst())
        // Corrupted, requested again, then the rest.
        #expect(dialogue.receive(first + [check ^ 1]) == [.noise(.damaged)])
        #expect(dialogue.wait() == [.send([ControlCharacter.nak])])
        #expect(dialogue.receive(first + [check]) == [])
        #expect(dialogue.wait() == [.send([ControlCharacter.ack])])
        let actions = dialogue.receive(framed(ControlCharacter.stx, ".0(0033402.264*kWh)\r\n!\r\n"))
        guard case .deliver(let readout)? = actions.first else { return #expect(Bool(false), "\(actions)") }
        #expect(readout.registers.map { shown($0) } == ["1-0:96.1.0*255=t:28342193", "1-0:1.8.0*255=33402.264kWh"])
    }

    @Test func blocksWithoutEndAreNotCollected() {
        var dialogue = signedOn()
        _ = dialogue.wait()
        _ = dialogue.wait()
        let block = [ControlCharacter.stx] + [UInt8](repeating: UInt8(ascii: "1"), count: 4000) + [ControlCharacter.eot, 0x04]
        var answers: [[MeterAction]] = []
        for _ in 0..<5 { answers.append(dialogue.receive(block) + dialogue.wait()) }
        #expect(answers.prefix(4).allSatisfy { $0 == [.send([ControlCharacter.ack])] })
        #expect(answers.last?.first == .noise(.unexpected))
    }

    /// `\@` in the identification means that the meter supports R5. If a meter refuses every register with one command, the other is tried.
    @Test(arguments: [("/ELS5\\@V10.04\r\n", "R5", "R1"), (identification, "R1", "R5")])
    func theCommandThatReads(_ text: String, _ first: String, _ second: String) {
        var dialogue = Dialogue(plan)
        _ = dialogue.open()
        var asked: [String] = []
        // Answers each message; all registers are refused.
        var actions = dialogue.wait()
        for _ in 0..<400 {
            guard asked.filter({ $0 == second }).isEmpty else { break }
            guard case .send(let bytes)? = actions.last(where: { if case .send = $0 { true } else { false } }) else {
                actions = dialogue.wait()
                continue
            }
            switch bytes.first {
            case UInt8(ascii: "/"): actions = dialogue.receive(text, after: .milliseconds(1000))
            case ControlCharacter.ack:
                let isReadout = bytes[3] == UInt8(ascii: "0")
                actions = dialogue.wait() + dialogue.receive(isReadout ? readout : prompt)
            case ControlCharacter.soh where bytes[1] == UInt8(ascii: "R"):
                asked.append(String(decoding: bytes[1...2], as: UTF8.self))
                actions = dialogue.receive(framed(ControlCharacter.stx, "(ERROR)"))
            default: actions = dialogue.wait()
            }
        }
        #expect(asked.first == first && asked.last == second && asked.filter { $0 == first }.count == 6)
    }

    @Test func aFastMeterIsAcknowledgedSooner() {
        var dialogue = signedOn(as: "/ISk5MT174-0002\r\n")
        let identified = dialogue.now
        _ = dialogue.wait()
        #expect(dialogue.now - identified < .milliseconds(60))
    }

    @Test func everyByteMayComeAlone() {
        var dialogue = signedOn()
        _ = dialogue.wait()
        _ = dialogue.wait()
        var delivered = 0
        for byte in readout {
            for action in dialogue.receive([byte], after: .milliseconds(1)) {
                if case .deliver = action { delivered += 1 }
                if case .noise = action { #expect(Bool(false), "noise in a clean telegram") }
            }
        }
        #expect(delivered == 1)
    }

    @Test func anEchoingHeadIsHeardThrough() {
        var dialogue = Dialogue(plan)
        _ = dialogue.open()
        _ = dialogue.receive(breakMessage, after: .milliseconds(5))
        _ = dialogue.wait()
        _ = dialogue.receive("/?!\r\n", after: .milliseconds(170))
        _ = dialogue.receive(identification, after: .milliseconds(1000))
        #expect(dialogue.wait() == [.send(Array("\u{6}050\r\n".utf8))])
        _ = dialogue.receive("\u{6}05", after: .milliseconds(150))
        #expect(dialogue.waitForDeadline() == [], "the rest of the echo is not back: the acknowledgement is still on the wire")
        _ = dialogue.receive("0\r\n", after: .milliseconds(10))
        #expect(dialogue.wait() == [.apply(LineSettings(.b9600))])
        #expect(dialogue.receive(readout).contains { if case .deliver = $0 { true } else { false } })
    }

    @Test func anEchoedReadIsNotItsAnswer() {
        var dialogue = inSession()
        _ = dialogue.wait()
        #expect(dialogue.receive("\u{1}R1\u{2}1.8.0()\u{3}Z", after: .milliseconds(20)) == [])
        #expect(dialogue.receive("\u{2}(0033402.264*kWh)\u{3}T").count == 1)
        #expect(dialogue.wait() == [.send(Array("\u{1}R1\u{2}2.8.0()\u{3}Y".utf8))])
    }

    @Test func evenParityInBitSevenIsUnderstood() {
        func withParity(_ bytes: [UInt8]) -> [UInt8] { bytes.map { $0.nonzeroBitCount % 2 == 1 ? $0 | 0x80 : $0 } }
        var dialogue = Dialogue(plan)
        _ = dialogue.open()
        _ = dialogue.wait()
        _ = dialogue.receive(withParity(Array(identification.utf8)), after: .milliseconds(1000))
        #expect(dialogue.wait() == [.send(Array("\u{6}050\r\n".utf8))])
        _ = dialogue.wait()
        #expect(dialogue.receive(withParity(readout)).contains { if case .deliver = $0 { true } else { false } })
    }

    @Test func aDamagedAnswerIsAskedForAgainAndNeverDelivered() {
        var dialogue = inSession()
        _ = dialogue.wait()
        #expect(dialogue.receive("\u{2}(0033402.265*kWh)\u{3}T") == [.noise(.damaged)])
        let answered = dialogue.now
        #expect(dialogue.wait() == [.send([ControlCharacter.nak])])
        #expect(dialogue.now - answered >= .milliseconds(200))
        #expect(dialogue.receive("\u{2}(0033402.264*kWh)\u{3}T").count == 1)
        #expect(dialogue.wait() == [.send(Array("\u{1}R1\u{2}2.8.0()\u{3}Y".utf8))])
    }

    @Test func whatTheSessionWillNotReadAgainIsNotDelivered() {
        let tariffs = framed(ControlCharacter.stx, "C.1.0(28342193)\r\n1.8.0(0000002.000*kWh)\r\n1.8.1(0000001.000*kWh)\r\n!\r\n")
        for read in [ReadingPlan.Read.auto, .readout] {
            var dialogue = signedOn(ReadingPlan(read: read, registers: [OBISCode(1, 8, 0)], every: .seconds(1)))
            _ = dialogue.wait()
            _ = dialogue.wait()
            guard case .deliver(let readout)? = dialogue.receive(tariffs).first else { return #expect(Bool(false), "nothing delivered") }
            #expect(readout.registers.contains { $0.code == OBISCode(1, 8, 1) } == (read == .readout))
            #expect(readout.registers.contains { $0.code == OBISCode(96, 1, 0) })
        }
    }

    @Test func afterThreeDamagedAnswersTheSessionBeginsAnew() {
        var dialogue = inSession()
        _ = dialogue.wait()
        for said in [[ControlCharacter.nak], [ControlCharacter.nak], breakMessage] {
            #expect(dialogue.receive("\u{2}(0033402.265*kWh)\u{3}T") == [.noise(.damaged)])
            #expect(dialogue.wait() == [.send(said)])
        }
    }

    @Test func aRequestIsRepeatedWhenTheMeterSaysNAK() {
        var dialogue = inSession()
        _ = dialogue.wait()
        #expect(dialogue.receive([ControlCharacter.nak]) == [.noise(.damaged)])
        #expect(dialogue.wait() == [.send(Array("\u{1}R1\u{2}1.8.0()\u{3}Z".utf8))])
    }

    /// If a NAK made the meter answer twice, the second answer would be taken for the next register's.
    @Test func noiseBeforeAnAnswerIsNoNAK() {
        var dialogue = inSession()
        _ = dialogue.wait()
        #expect(dialogue.receive([ControlCharacter.nak] + Array("\u{2}(0033402.264*kWh)\u{3}T".utf8)).count == 1)
        #expect(dialogue.wait() == [.send(Array("\u{1}R1\u{2}2.8.0()\u{3}Y".utf8))])
    }

    @Test func aMeterThatSignsOnAndNoMoreIsNamed() {
        var dialogue = Dialogue(plan)
        _ = dialogue.open()
        var problems: [String?] = []
        while dialogue.now < Instant(nanoseconds: 60_000_000_000) {
            for action in dialogue.waitForDeadline() {
                if case .problem(let problem) = action { problems.append(problem) }
                if case .send(let bytes) = action, bytes.first == UInt8(ascii: "/") {
                    _ = dialogue.receive(identification, after: .seconds(1))
                }
            }
        }
        #expect(problems.count == 1 && problems.first??.contains("intact") == true, "\(problems)")
    }

    @Test func aProblemIsSaidAgainWhenThePortIsBack() {
        func problem(_ dialogue: inout Dialogue) -> String? {
            for action in dialogue.wait() { if case .problem(let problem?) = action { return problem } }
            return nil
        }
        var dialogue = Dialogue(plan)
        var problems: [String?] = []
        for _ in 0..<12 {
            _ = dialogue.open()
            _ = dialogue.wait()
            problems.append(problem(&dialogue))
            _ = dialogue.session.closed()
        }
        #expect(problems.allSatisfy { $0 != nil }, "\(problems)")
    }

    @Test func afterSilenceALateAnswerIsNeverTakenForTheNextRegister() {
        var dialogue = inSession()
        _ = dialogue.wait()
        #expect(dialogue.waitForDeadline() == [.noise(.silence), .send(breakMessage)])
        #expect(dialogue.receive("\u{2}(0033402.264*kWh)\u{3}T", after: .milliseconds(10)) == [])
        #expect(dialogue.wait() == [.apply(LineSettings(.b300)), .send(Array("/?!\r\n".utf8))])
    }

    @Test func aRegisterThatIsRefusedThreeTimesIsLeftOut() {
        var dialogue = inSession(
            ReadingPlan(read: .registers, registers: [OBISCode(16, 7, 0), OBISCode(1, 8, 0)], every: .seconds(1)))
        for _ in 0..<3 {
            #expect(dialogue.wait() == [.send(framed(ControlCharacter.soh, "R1\u{2}16.7.0()"))])
            #expect(dialogue.receive(framed(ControlCharacter.stx, "(ERROR)")) == [.noise(.refused)])
            #expect(dialogue.wait() == [.send(Array("\u{1}R1\u{2}1.8.0()\u{3}Z".utf8))])
            #expect(dialogue.receive("\u{2}(0033402.264*kWh)\u{3}T").count == 1)
        }
        #expect(dialogue.wait() == [.send(Array("\u{1}R1\u{2}1.8.0()\u{3}Z".utf8))])
    }

    /// The registers other than 1.8.0 that were requested within `seconds`, and when.
    private func questions(_ dialogue: inout Dialogue, for seconds: Int64, answer: (String) -> [UInt8]?) -> [String] {
        let (begin, end) = (dialogue.now, dialogue.now + .seconds(seconds))
        var asked: [String] = []
        while dialogue.now < end {
            guard case .send(let bytes)? = dialogue.wait().last else { continue }
            guard bytes.starts(with: Array("\u{1}R1\u{2}".utf8)) else {
                Issue.record("the session broke: \(bytes)")
                return asked
            }
            let code = String(decoding: bytes.dropFirst(4).dropLast(4), as: UTF8.self)
            let noises = dialogue.receive(answer(code) ?? Array("\u{2}(0033402.264*kWh)\u{3}T".utf8)).filter {
                if case .noise = $0 { true } else { false }
            }
            #expect(noises == [])
            if code != "1.8.0" { asked.append("\((dialogue.now - begin).components.seconds / 60) \(code)") }
        }
        return asked
    }

    private static let oneRegister = ReadingPlan(read: .registers, registers: [OBISCode(1, 8, 0)], every: .seconds(1))

    @Test func theClockIsReadOnceAnHour() {
        var dialogue = inSession(Self.oneRegister)
        let asked = questions(&dialogue, for: 2 * 3600 + 120) { code in
            switch code {
            case "0.9.1": framed(ControlCharacter.stx, "(12:34:56)")
            case "0.9.2": framed(ControlCharacter.stx, "(26.03.01)")
            default: nil
            }
        }
        #expect(asked == ["1 0.9.1", "1 0.9.2", "61 0.9.1", "61 0.9.2", "121 0.9.1", "121 0.9.2"])
    }

    /// A refused clock causes neither noise nor the end of the session.
    @Test func aClockThatIsRefusedIsLeftAlone() {
        var dialogue = inSession(Self.oneRegister)
        let asked = questions(&dialogue, for: 5 * 3600) { $0 == "0.9.1" ? framed(ControlCharacter.stx, "(ERROR)") : nil }
        #expect(asked == ["1 0.9.1", "61 0.9.1", "121 0.9.1"])
    }

    /// A clock that doesn't answer delays a register by one read at most, and breaks a session once an hour at most.
    @Test func aClockThatIsNotAnsweredEndsTheSessionOnce() {
        var dialogue = inSession(Self.oneRegister)
        while dialogue.now < Instant(nanoseconds: 70_000_000_000) {
            guard case .send(let bytes)? = dialogue.wait().last, !String(decoding: bytes, as: UTF8.self).contains("0.9.1") else { break }
            _ = dialogue.receive("\u{2}(0033402.264*kWh)\u{3}T")
        }
        #expect(dialogue.wait() == [.noise(.silence), .send(breakMessage)])
        _ = dialogue.wait()
        _ = dialogue.receive(identification, after: .milliseconds(1000))
        _ = dialogue.wait()
        _ = dialogue.wait()
        _ = dialogue.receive(prompt)
        #expect(questions(&dialogue, for: 3000) { _ in nil } == [])
    }

    @Test func aMeterHeardToStaySlowIsReadSlowlyAtOnce() {
        var dialogue = signedOn(ReadingPlan(read: .readout, registers: [], every: .seconds(1)))
        var acknowledgements: [String] = []
        while acknowledgements.count < 3 {
            for action in dialogue.wait() {
                guard case .send(let bytes) = action else { continue }
                if bytes.first == UInt8(ascii: "/") { _ = dialogue.receive(identification, after: .milliseconds(1000)) }
                guard bytes.first == ControlCharacter.ack else { continue }
                acknowledgements.append(String(decoding: bytes.dropFirst().prefix(3), as: UTF8.self))
                _ = dialogue.waitForDeadline()
                _ = dialogue.receive([0, 0, 0, 0, 0, 0], after: .milliseconds(300))
            }
        }
        #expect(acknowledgements == ["050", "050", "000"])
    }

    @Test func aSpeedThatFailsTwiceGivesWayAndIsTriedAgainLater() {
        var dialogue = signedOn(ReadingPlan(read: .readout, registers: [], every: .seconds(1)))
        var acknowledgements: [String] = []
        // The meter never answers at a negotiated speed, only at 300 Bd.
        while dialogue.now < Instant(nanoseconds: 1_500_000_000_000), acknowledgements.count < 14 {
            for action in dialogue.wait() {
                guard case .send(let bytes) = action else { continue }
                if bytes.first == ControlCharacter.ack {
                    acknowledgements.append(String(decoding: bytes.dropFirst().prefix(3), as: UTF8.self))
                    if bytes[2] == UInt8(ascii: "0") {
                        _ = dialogue.waitForDeadline()
                        _ = dialogue.receive(readout, after: .seconds(1))
                        dialogue.now = dialogue.now + .seconds(200)
                    }
                } else if bytes.first == UInt8(ascii: "/") {
                    _ = dialogue.receive(identification, after: .milliseconds(1000))
                }
            }
        }
        #expect(acknowledgements.prefix(9) == ["050", "050", "040", "040", "030", "030", "000", "000", "000"])
        #expect(acknowledgements.dropFirst(9).contains("030"), "a faster one is tried again")
    }

    @Test func theLastFallbackIsToSayNothing() {
        var dialogue = signedOn(ReadingPlan(read: .readout, registers: [], every: .seconds(1)))
        for _ in 0..<60 {
            for action in dialogue.wait() {
                guard case .send(let bytes) = action, bytes.first == UInt8(ascii: "/") else { continue }
                _ = dialogue.receive(identification, after: .milliseconds(1000))
                let isUnacknowledged = dialogue.session.deadline.map { $0 - dialogue.now > .seconds(3) } ?? false
                guard isUnacknowledged else { continue }
                let actions = dialogue.receive(readout, after: .seconds(2))
                #expect(actions.contains { if case .deliver = $0 { true } else { false } })
                return
            }
        }
        #expect(Bool(false), "the unacknowledged readout was never tried")
    }

    @Test func aRefusalAfterABrokenSessionIsWaitedOutAndNamed() {
        var dialogue = Dialogue(plan)
        _ = dialogue.open()
        var problems: [String] = []
        var signOns: [Instant] = []
        while dialogue.now < Instant(nanoseconds: 70_000_000_000) {
            for action in dialogue.waitForDeadline() {
                if case .problem(let problem?) = action { problems.append(problem) }
                if case .send(let bytes) = action, bytes.first == UInt8(ascii: "/") { signOns.append(dialogue.now) }
            }
        }
        #expect(problems.first?.contains("60 s") == true)
        #expect(signOns.count <= 6, "a refusing meter is not pestered")
        #expect(signOns.contains { $0 > Instant(nanoseconds: 60_000_000_000) }, "tried soon after the minute is over")
        _ = dialogue.wait()
        _ = dialogue.wait()
    }

    @Test func aMeterWithoutProgrammingModeIsReadOut() {
        var dialogue = signedOn()
        var readouts = 0
        for _ in 0..<40 {
            for action in dialogue.wait() {
                guard case .send(let bytes) = action else { continue }
                if bytes.first == UInt8(ascii: "/") { _ = dialogue.receive(identification, after: .milliseconds(1000)) }
                if bytes.first == ControlCharacter.ack {
                    _ = dialogue.waitForDeadline()
                    if dialogue.receive(readout).contains(where: { if case .deliver = $0 { true } else { false } }) { readouts += 1 }
                }
            }
        }
        #expect(readouts >= 5)
    }

    @Test func anEndlessStreamOfBytesIsBounded() {
        var dialogue = signedOn()
        _ = dialogue.wait()
        _ = dialogue.wait()
        var actions: [MeterAction] = []
        for _ in 0..<400 where actions.isEmpty {
            actions = dialogue.receive([UInt8](repeating: 0x41, count: 64), after: .milliseconds(60))
        }
        guard case .problem(let problem?)? = actions.last else { return #expect(Bool(false), "\(actions)") }
        #expect(actions.first == .noise(.damaged) && problem.contains("no complete answer"))
        #expect(dialogue.wait() == [.send(breakMessage)])
    }

    /// Each byte arrives before the timeout, but the message never ends.
    @Test(arguments: ["sign-on", "readout", "password", "register"]) func bytesThatDribbleAreNoAnswer(_ awaited: String) {
        var dialogue = Dialogue(plan)
        switch awaited {
        case "sign-on":
            _ = dialogue.open()
            _ = dialogue.wait()
        case "readout":
            dialogue = signedOn()
            _ = dialogue.wait()
            _ = dialogue.wait()
        default:
            dialogue = inSession()
            _ = dialogue.wait()
            if awaited == "password" {
                _ = dialogue.wait()
                _ = dialogue.wait()
                _ = dialogue.receive(identification, after: .milliseconds(1000))
                _ = dialogue.wait()
                _ = dialogue.wait()
            }
        }
        let began = dialogue.now
        var problems: [String] = []
        while problems.isEmpty, dialogue.now - began < .seconds(3600) {
            let next = dialogue.now + .milliseconds(1800)
            while let deadline = dialogue.session.deadline, deadline <= next {
                for case .problem(let problem?) in dialogue.waitForDeadline() { problems.append(problem) }
            }
            dialogue.now = next
            for case .problem(let problem?) in dialogue.session.received([0x31], next) { problems.append(problem) }
        }
        let patience = ["sign-on": 7, "readout": 50, "password": 20, "register": 20][awaited] ?? 0
        let took = dialogue.now - began
        #expect(problems.count == 1 && took <= .seconds(patience) + .milliseconds(1800), "\(took): \(problems)")
    }

    /// The longest known readout has 4 KiB; this one has almost twice as much, with pauses.
    @Test func aLongReadoutAtThreeHundredBaudIsWaitedFor() {
        var dialogue = signedOn(
            ReadingPlan(read: .readout, registers: [], every: .seconds(1)), as: "/XYZ0long\r\n")
        #expect(dialogue.wait() == [.send(Array("\u{6}000\r\n".utf8))])
        _ = dialogue.waitForDeadline()
        let lines = (0..<280).map { "1.8.0*\($0 / 10 % 10)\($0 % 10)(0033402.264*kWh)\r\n" }.joined()
        let long = framed(ControlCharacter.stx, "1.8.0(0033402.264*kWh)\r\n" + lines + "!\r\n")
        var actions: [MeterAction] = []
        for (index, byte) in long.enumerated() {
            let late: Duration = index % 29 == 0 ? .milliseconds(500) : .milliseconds(34)
            while let deadline = dialogue.session.deadline, deadline < dialogue.now + late { actions += dialogue.waitForDeadline() }
            actions += dialogue.receive([byte], after: late)
        }
        #expect(actions.count == 1, "\(actions.count)")
        guard case .deliver(let found)? = actions.first else { return #expect(Bool(false), "nothing delivered") }
        #expect(found.registers.count == 101)
    }

    @Test func aPortThatWentBeginsAgainWithTheBreak() {
        var dialogue = inSession()
        #expect(dialogue.session.closed() == [])
        #expect(dialogue.session.deadline == nil)
        #expect(dialogue.open() == [.send(breakMessage)])
        _ = dialogue.wait()
        _ = dialogue.receive(identification, after: .milliseconds(1000))
        #expect(dialogue.wait() == [.send(Array("\u{6}050\r\n".utf8))], "the readout comes first again: it may be another meter")
    }

    /// A remote head has a fixed speed: only data at that speed are read, and no other is tried.
    @Test func aPortWithAFixedSpeedIsReadWithoutAcknowledgement() {
        var plan = plan
        plan.hasFixedSpeed = true
        var dialogue = Dialogue(plan)
        let signOn = MeterAction.send(Array("/?!\r\n".utf8))
        #expect(dialogue.open() == [signOn], "no break: no session was ever opened")
        for _ in 0..<3 {
            #expect(dialogue.receive(identification, after: .milliseconds(1000)) == [])
            let actions = dialogue.receive(readout, after: .milliseconds(3900))
            guard case .deliver(let found)? = actions.last, actions.count == 1 else {
                return #expect(Bool(false), "not delivered alone: \(actions)")
            }
            #expect(found.registers.count == 5)
            #expect(dialogue.wait() == [signOn])
        }
    }

    @Test func aPortWithAFixedSpeedSaysWhatItCanNot() {
        var plan = plan
        plan.hasFixedSpeed = true
        var dialogue = Dialogue(plan)
        _ = dialogue.open()
        guard case .problem(let silent?)? = dialogue.wait().last else { return #expect(Bool(false), "no problem is said") }
        #expect(silent.contains("300 Bd 7E1"))
        #expect(dialogue.wait() == [.send(Array("/?!\r\n".utf8))])
        #expect(
            dialogue.receive("/ABCD5678\r\n", after: .milliseconds(1000)) == [
                .problem("the meter switches to 4800 Bd, which a remote port can't do")
            ])
        #expect(dialogue.session.deadline == dialogue.now + .seconds(30))
    }
}

/// The exact times of the actions: transmission times, and the limits of the standard.
@Suite struct ReadoutSessionTimesTests {
    /// The duration of `count` characters of ten bits at 300 Bd.
    private func slow(_ count: Int64) -> Duration { .nanoseconds(count * 1_000_000_000 / 30) }
    /// The same at 9600 Bd.
    private func fast(_ count: Int64) -> Duration { .nanoseconds(count * 1_000_000_000 / 960) }

    private func left(_ dialogue: Dialogue) -> Duration? { dialogue.session.deadline.map { $0 - dialogue.now } }

    @Test func fromTheBreakToTheReadout() {
        var dialogue = Dialogue(plan)
        _ = dialogue.open()
        #expect(left(dialogue) == fast(5) + .milliseconds(30), "the break, and some time for it")
        _ = dialogue.wait()
        #expect(left(dialogue) == slow(5) + .seconds(2), "the request, and two seconds")
        _ = dialogue.receive("/ISK5", after: .milliseconds(500))
        #expect(left(dialogue) == .seconds(2), "since each character")
        _ = dialogue.receive("x\r", after: .milliseconds(500))
        #expect(left(dialogue) == .milliseconds(50), "only the line feed can be missing")
        _ = dialogue.receive("\n", after: .milliseconds(40))
        #expect(left(dialogue) == .milliseconds(205), "the reaction time, and 5 ms")
        #expect(dialogue.waitForDeadline() == [.send(Array("\u{6}050\r\n".utf8))])
        #expect(left(dialogue) == slow(6) + .milliseconds(12), "the acknowledgement is on the wire")
        #expect(dialogue.waitForDeadline() == [.apply(LineSettings(.b9600))])
        #expect(left(dialogue) == .seconds(2))
        _ = dialogue.receive([ControlCharacter.stx], after: .milliseconds(1999))
        #expect(left(dialogue) == .seconds(2))
        #expect(dialogue.session.timedOut(dialogue.now + .milliseconds(1999)) == [])
        #expect(dialogue.waitForDeadline().first == .noise(.damaged))
    }

    /// With all pauses, an identification may take twice as long as the longest line, a readout as long as 16 KiB plus half a minute.
    @Test func theLongestAnswers() {
        var dialogue = Dialogue(plan)
        _ = dialogue.open()
        _ = dialogue.wait()
        let signedOn = dialogue.now
        let end = signedOn + slow(5) + .seconds(2) + slow(128)
        while dialogue.now + .seconds(1) < end { _ = dialogue.receive("x", after: .seconds(1)) }
        #expect(dialogue.session.deadline == end)
        #expect(dialogue.session.timedOut(end - .nanoseconds(1)) == [])
        var busy = dialogue
        #expect(busy.session.received([0x31], end - .nanoseconds(1)) == [])
        #expect(busy.session.received([0x31], end).first == .noise(.damaged))
        guard case .noise(.damaged)? = dialogue.session.timedOut(end).first else { return #expect(Bool(false), "it goes on") }
        dialogue = signedOnTwice()
        let limit = dialogue.now + .seconds(32) + fast(16_384)
        while dialogue.now + .seconds(1) < limit { _ = dialogue.receive("x", after: .seconds(1)) }
        #expect(dialogue.session.deadline == limit)
        #expect(dialogue.session.received([0x31], limit - .nanoseconds(1)) == [])
        #expect(dialogue.session.received([0x31], limit).first == .noise(.damaged))
    }

    /// Returns a dialogue that awaits the readout.
    private func signedOnTwice() -> Dialogue {
        var dialogue = signedOn()
        _ = dialogue.wait()
        _ = dialogue.wait()
        return dialogue
    }

    @Test func aRegisterIsAwaited() {
        var dialogue = inSession()
        _ = dialogue.wait()
        let asked = dialogue.now
        #expect(left(dialogue) == fast(13) + .seconds(2))
        let limit = asked + fast(13) + .seconds(2) + fast(16_384)
        while dialogue.now + .seconds(1) < limit { _ = dialogue.receive("x", after: .seconds(1)) }
        #expect(dialogue.session.deadline == limit)
    }

    /// Modes A and B send at once; a meter that isn't acknowledged waits for some time first.
    @Test func withoutAcknowledgement() {
        let modeA = signedOn(as: "/XYZxmodeA\r\n")
        #expect(left(modeA) == .seconds(2) && modeA.session.line == LineSettings(.b300))
        let modeB = signedOn(as: "/XYZCmodeB\r\n")
        #expect(left(modeB) == .seconds(2) && modeB.session.line == LineSettings(.b2400))
        var remote = plan
        remote.hasFixedSpeed = true
        var dialogue = Dialogue(remote)
        _ = dialogue.open()
        _ = dialogue.receive(identification)
        #expect(left(dialogue) == .seconds(4))
    }

    /// With a head that sees its own light, the echo of the acknowledgement is awaited for 120 ms at most.
    @Test func theEchoOfTheAcknowledgement() {
        var dialogue = signedOn()
        _ = dialogue.wait()
        _ = dialogue.receive("\u{6}05", after: .milliseconds(100))
        _ = dialogue.waitForDeadline()
        for _ in 0..<5 {
            #expect(left(dialogue) == .milliseconds(20))
            #expect(dialogue.waitForDeadline() == [])
        }
        #expect(left(dialogue) == .milliseconds(20))
        #expect(dialogue.waitForDeadline() == [.apply(LineSettings(.b9600))])
    }

    /// Without an answer it retries after 1, 3, 10, 42 and then every 65 s. From the third time on another meter is assumed.
    @Test func pausesAfterSilence() {
        var dialogue = Dialogue(plan)
        _ = dialogue.open()
        for seconds in [1, 3, 10, 42, 65, 65, 65] as [Int64] {
            _ = dialogue.waitForDeadline()
            let actions = dialogue.waitForDeadline()
            #expect(actions.first == .noise(.silence))
            #expect(left(dialogue) == .seconds(seconds))
            let problem = actions.compactMap { if case .problem(let problem?) = $0 { problem } else { nil } }.last
            #expect(problem?.hasSuffix("retrying in \(seconds) s") ?? (seconds == 65))
            _ = dialogue.waitForDeadline()
        }
    }

    /// Rounds start on schedule, however long one takes; a session never idles for more than half a minute.
    @Test(arguments: [(1, 1), (29, 29), (30, 30), (31, 30), (3600, 30)] as [(Int64, Int64)])
    func roundsInASession(_ every: Int64, _ seconds: Int64) {
        var dialogue = inSession(ReadingPlan(read: .auto, registers: [OBISCode(1, 8, 0)], every: .seconds(every)))
        let began = dialogue.now
        _ = dialogue.wait()
        _ = dialogue.receive("\u{2}(0033402.264*kWh)\u{3}T")
        #expect(dialogue.session.deadline == began + .seconds(seconds))
        #expect(dialogue.wait().count == 1 && dialogue.now == began + .seconds(seconds))
    }

    /// After a round that takes too long the next one starts as soon as the meter is ready again.
    @Test(arguments: [(794, 1000), (795, 1000), (796, 1001), (900, 1105)] as [(Int64, Int64)])
    func aRoundThatTakesLong(_ answered: Int64, _ next: Int64) {
        var dialogue = inSession(ReadingPlan(read: .auto, registers: [OBISCode(1, 8, 0)], every: .seconds(1)))
        let began = dialogue.now
        _ = dialogue.wait()
        let wait = began + .milliseconds(answered) - dialogue.now
        _ = dialogue.receive("\u{2}(0033402.264*kWh)\u{3}T", after: wait)
        #expect(dialogue.wait().count == 1 && dialogue.now == began + .milliseconds(next))
    }

    /// Readouts start on schedule, or immediately if one takes longer than the interval.
    @Test(arguments: [(60, 60), (1, 0)] as [(Int64, Int64)]) func readouts(_ every: Int64, _ seconds: Int64) {
        var dialogue = signedOn(ReadingPlan(read: .readout, registers: [], every: .seconds(every)))
        _ = dialogue.wait()
        _ = dialogue.wait()
        _ = dialogue.receive(readout)
        let due = seconds == 0 ? dialogue.now : Instant(nanoseconds: 0) + .seconds(seconds)
        #expect(dialogue.session.deadline == due)
        // And the following one, a round later.
        var said = dialogue.wait()
        while said == [.send(breakMessage)] { said = dialogue.wait() }
        _ = dialogue.receive(identification, after: .milliseconds(1000))
        _ = dialogue.wait()
        _ = dialogue.wait()
        _ = dialogue.receive(readout)
        #expect(dialogue.session.deadline == (seconds == 0 ? dialogue.now : due + .seconds(seconds)))
    }

    /// A meter without sessions is read out for five minutes, then ten, up to an hour, before a session is tried again. If the plan only allows
    /// sessions, it is a minute.
    @Test(
        arguments: [(ReadingPlan.Read.auto, [300, 600, 1200, 2400, 3600, 3600]), (.registers, [60, 60, 60])]
            as [(ReadingPlan.Read, [Int64])])
    func sessionsThatBringNothing(_ read: ReadingPlan.Read, _ expected: [Int64]) {
        var dialogue = Dialogue(ReadingPlan(read: read, registers: [OBISCode(1, 8, 0)], every: .seconds(10)))
        _ = dialogue.open()
        var until: [Instant] = []
        var waits: [Duration] = []
        while waits.count < expected.count, dialogue.now < Instant(nanoseconds: 20_000_000_000_000) {
            for case .send(let bytes) in dialogue.wait() {
                if bytes.first == UInt8(ascii: "/") { _ = dialogue.receive(identification, after: .milliseconds(1000)) }
                guard bytes.first == ControlCharacter.ack else { continue }
                _ = dialogue.waitForDeadline()
                // Another readout instead of the password prompt.
                _ = dialogue.receive(readout)
            }
            if let again = dialogue.session.trials.notBefore, until.last != again {
                until.append(again)
                waits.append(again - dialogue.now)
            }
        }
        #expect(waits == expected.map { .seconds($0) })
    }

    /// A head that is removed right after the session was requested proves nothing about the meter.
    @Test func aPortThatGoesIsNoEmptySession() {
        var dialogue = Dialogue(plan)
        for _ in 0..<4 {
            _ = dialogue.open()
            _ = dialogue.wait()
            _ = dialogue.receive(identification, after: .milliseconds(1000))
            _ = dialogue.wait()
            _ = dialogue.wait()
            _ = dialogue.receive(readout)
            _ = dialogue.wait()
            _ = dialogue.wait()
            _ = dialogue.receive(identification, after: .milliseconds(1000))
            #expect(dialogue.wait() == [.send(Array("\u{6}051\r\n".utf8))])
            #expect(dialogue.wait() == [.apply(LineSettings(.b9600))])
            #expect(dialogue.session.trials.isPending)
            _ = dialogue.session.closed()
            #expect(!dialogue.session.trials.isPending && dialogue.session.trials.notBefore == nil)
        }
    }

    /// All blocks of a message have at most 16 KiB in total.
    @Test(arguments: [(4096, true), (4097, false)]) func theLongestOfManyBlocks(_ last: Int, _ goesOn: Bool) {
        var dialogue = signedOnTwice()
        for count in [4096, 4096, 4096, last] {
            // The xor of an even number of equal characters is zero, of an odd number `1`.
            let check: UInt8 = count % 2 == 0 ? 0x04 : 0x35
            let block = [ControlCharacter.stx] + [UInt8](repeating: 0x31, count: count) + [ControlCharacter.eot, check]
            let isTooMuch = count == last && !goesOn
            #expect(dialogue.receive(block) == (isTooMuch ? [.noise(.unexpected)] : []))
            #expect(dialogue.wait() == [.send(isTooMuch ? breakMessage : [ControlCharacter.ack])])
        }
    }

    /// The break ends a session that may still be open: it is sent at the speed of that session, and never at 300 Bd.
    @Test(arguments: [("/ISK4x\r\n", nil), ("/ISK0x\r\n", .b9600)] as [(String, BaudRate?)])
    func theSpeedOfTheBreak(_ text: String, _ speed: BaudRate?) {
        var dialogue = signedOn(ReadingPlan(read: .readout, registers: [], every: .seconds(1)), as: text)
        _ = dialogue.waitForDeadline()
        _ = dialogue.waitForDeadline()
        #expect(dialogue.receive(readout).count == 1)
        #expect(dialogue.wait() == (speed.map { [.apply(LineSettings($0))] } ?? []) + [.send(breakMessage)])
    }

    /// After two requests without an answer it is still the same meter, and its session continues; after three it may be another one.
    @Test(arguments: [(1, "1"), (2, "1"), (3, "0"), (4, "0")]) func whenItMayBeAnotherMeter(_ silences: Int, _ goal: String) {
        var dialogue = inSession()
        _ = dialogue.wait()
        #expect(dialogue.waitForDeadline() == [.noise(.silence), .send(breakMessage)])
        for _ in 0..<silences {
            #expect(dialogue.wait() == [.apply(LineSettings(.b300)), .send(Array("/?!\r\n".utf8))])
            #expect(dialogue.wait().first == .noise(.silence))
            #expect(dialogue.wait().last == .send(breakMessage))
        }
        _ = dialogue.wait()
        _ = dialogue.receive(identification, after: .milliseconds(1000))
        #expect(dialogue.wait() == [.send(Array("\u{6}05\(goal)\r\n".utf8))])
    }

    /// Three sessions may break before a problem is reported; a delivered readout resets the count.
    @Test func brokenSessions() {
        var dialogue = signedOn()
        var problems: [Int] = []
        for broken in 1...9 {
            _ = dialogue.wait()
            _ = dialogue.wait()
            for _ in 0..<3 {
                let actions = dialogue.receive("\u{2}x\u{3}x")
                #expect(actions.first == .noise(.damaged))
                for case .problem(_?) in actions { problems.append(broken) }
                _ = dialogue.wait()
            }
            _ = dialogue.wait()
            _ = dialogue.receive(identification, after: .milliseconds(1000))
            guard broken == 5 else { continue }
            _ = dialogue.wait()
            _ = dialogue.wait()
            #expect(dialogue.receive(readout).contains(.problem(nil)))
            _ = dialogue.wait()
            _ = dialogue.wait()
            _ = dialogue.receive(identification, after: .milliseconds(1000))
        }
        #expect(problems == [4, 9])
    }
}
