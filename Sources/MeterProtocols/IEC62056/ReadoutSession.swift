import Metering

/// The dialogue with an IEC 62056-21 meter.
///
/// It begins with a break, a sign-on, `ACK 0Z0` and the whole readout. After that come a break, a sign-on, `ACK 0Z1`, and `R1` reads in a
/// session that is held open. Every failure leads back to the break; none ends the dialogue for good.
package struct ReadoutSession: MeterSession {
    enum Goal { case readout, registers }

    enum Phase: Equatable, Sendable {
        case closed
        /// Nothing is sent until the deadline: between two readouts, and while a meter does not answer sign-ons.
        case pausing
        /// The break is being sent.
        case breaking
        /// The meter is being woken.
        case waking
        case signingOn
        /// Waiting for the meter's reaction time to pass before the next step.
        case reacting(Step)
        /// The acknowledgement is being sent. `echoWaits`: how many times the wait for the rest of its echo has been extended.
        case acknowledging(SpeedOffer, echoWaits: Int)
        case awaitingReadout(isNegotiated: Bool)
        case awaitingPassword
        case awaitingRegister(RegisterRound)
        /// The session is held open until the next round.
        case resting
    }

    /// What follows a message from the meter.
    enum Step: Equatable, Sendable {
        /// The break and the sign-on.
        case beginAnew
        case acknowledge(SpeedOffer)
        case askForRegister(RegisterRound)
        /// Send an ACK or a NAK, or repeat the last message, and then continue in the given phase.
        indirect case reply([UInt8], Phase)
    }

    /// The speed to acknowledge, and its character on the wire.
    struct SpeedOffer: Equatable, Sendable {
        var speed: BaudRate
        var character: UInt8
    }

    /// Zeros that take 2.2 s at 300 Bd, and the pause that must follow them.
    static let wakeUp = [UInt8](repeating: 0, count: 66)
    static let pauseAfterWakeUp = Duration.milliseconds(1600)
    package static let breakMessage: [UInt8] = [ControlCharacter.soh] + Array("B0".utf8) + [ControlCharacter.etx, 0x71]
    /// A meter answers within 1500 ms and pauses less than 1500 ms between two characters; the rest is for slow adapters.
    static let silenceAllowed = Duration.milliseconds(2000)
    /// The last stop bit and the adapter's own delay, on top of the time that the characters take.
    static let wireMargin = Duration.milliseconds(12)
    /// The longest pause between two reads: the meter ends an open session if nothing is read for 60 s.
    static let longestRest = Duration.seconds(30)
    /// The first three retries are for a disturbed line. The fourth comes more than 60 s after the session broke, later ones more than 60 s
    /// after the last message.
    static let pausesAfterSilence = [1, 3, 10, 42, 65].map { Duration.seconds($0) }
    static let repeatsAllowed = 2
    package var farewell: [UInt8] { Self.breakMessage }
    static let slow = LineSettings(.b300)

    let plan: ReadingPlan
    var phase = Phase.closed
    /// When `timedOut` is due.
    package internal(set) var deadline: Instant?
    /// When the awaited answer must be complete. Each received byte extends `deadline`, but not this limit.
    var answerEnds = Instant.distantFuture
    var actions: [MeterAction] = []

    var incoming = IncomingBytes()
    var (usualIdentification, usualReadout) = (UsualLength(), UsualLength())
    var line = LineSettings.opening
    /// The line settings at which a session may still be open.
    var sessionLine = LineSettings.opening
    var lastSent: [UInt8] = []
    var repeats = 0
    /// The blocks of an incomplete answer.
    var blocks: [UInt8] = []

    var goal = Goal.readout
    var identification: Identification?
    var speeds = SpeedChoice()
    var reaction = ReactionTime()
    var lastHeard: Instant?
    /// How long we waited between the meter's last message and ours.
    var waited = Duration.zero

    var access: RegisterAccess
    var trials: SessionTrials
    var cadence: RegisterCadence
    var clock = ClockCadence()
    var roundBegan = Instant(nanoseconds: 0)
    /// When the current answer was asked for.
    var askedAt = Instant(nanoseconds: 0)

    var failedSignOns = 0
    /// How many sessions have broken since values were last delivered.
    var brokenSessions = 0
    var reportedProblem: String?

    package init(plan: ReadingPlan) {
        self.plan = plan
        access = RegisterAccess(plan.registers)
        trials = SessionTrials(areSessionsWanted: plan.read == .registers)
        cadence = RegisterCadence(every: plan.every, isEven: plan.isTimedByPulses)
    }

    /// Whether the meter has answered the sign-on, and the dialogue has not been broken off since.
    var isAnswered: Bool {
        switch phase {
        case .closed, .pausing, .breaking, .waking, .signingOn, .reacting(.beginAnew): false
        default: true
        }
    }

    /// Whether the beginning of an answer to the sign-on has been received.
    var hasIdentificationBegun: Bool {
        if case .signingOn = phase { incoming.hasIdentificationBegun } else { false }
    }

    // MARK: Events

    package mutating func opened(_ now: Instant) -> [MeterAction] {
        line = plan.hasFixedSpeed ? Self.slow : LineSettings.opening
        roundBegan = now
        beginBreak(now)
        return take()
    }

    /// To be called when the port is gone.
    package mutating func closed() -> [MeterAction] {
        phase = .closed
        deadline = nil
        lastHeard = nil
        trials.dropped()
        // The caller reports why the port is gone.
        reportedProblem = nil
        forgetMeter()
        return take()
    }

    /// Starts with a readout again, because the meter may have been replaced by another one.
    mutating func forgetMeter() {
        goal = .readout
        access = RegisterAccess(plan.registers)
        clock = ClockCadence()
    }

    package mutating func received(_ bytes: [UInt8], _ now: Instant) -> [MeterAction] {
        if !bytes.isEmpty { lastHeard = now }
        switch phase {
        case .closed, .pausing, .breaking, .waking, .reacting, .resting:
            // No answer is expected, so the bytes are an echo of the break, or other light that reaches the head.
            break
        case .signingOn:
            receiveIdentification(bytes, now)
        case .acknowledging:
            incoming.append(bytes)
        case .awaitingReadout, .awaitingPassword, .awaitingRegister:
            receiveMessage(bytes, now)
        }
        return take()
    }

    package mutating func timedOut(_ now: Instant) -> [MeterAction] {
        if let deadline, now < deadline { return [] }
        deadline = nil
        switch phase {
        case .closed: break
        case .pausing: beginBreak(now)
        case .breaking: plan.wakesUp ? wake(now) : sendSignOn(now)
        case .waking: sendSignOn(now)
        case .signingOn: missIdentification(now)
        case .reacting(let step): perform(step, now)
        case .acknowledging(let offer, let echoWaits): switchSpeed(to: offer, echoWaits, now)
        case .awaitingReadout, .awaitingPassword, .awaitingRegister: missAnswer(now)
        case .resting: beginRound(now)
        }
        return take()
    }

    package var gathering: Duration? {
        guard !incoming.isEmpty else { return nil }
        let usual: UsualLength
        switch phase {
        case .signingOn: usual = usualIdentification
        case .awaitingReadout: usual = usualReadout
        default: return nil
        }
        // At 300 Bd the bytes arrive one by one.
        if line.speed <= .b600, usual.missing(after: incoming.count) == nil { return .milliseconds(130) }
        return usual.rest(after: incoming.count, on: line)
    }

    // MARK: The meter's reaction time

    /// Takes the next step once the meter is ready to receive again.
    mutating func react(by step: Step, after wait: Duration, _ now: Instant) {
        guard let due = lastHeard.map({ $0 + wait }), due > now else { return perform(step, now) }
        phase = .reacting(step)
        deadline = due
    }

    private mutating func perform(_ step: Step, _ now: Instant) {
        waited = lastHeard.map { now - $0 } ?? Self.silenceAllowed
        switch step {
        case .beginAnew: beginAnew(now)
        case .acknowledge(let offer): acknowledge(offer, now)
        case .askForRegister(let round): sendRequest(round, now)
        case .reply(let bytes, let awaited):
            let asked = lastSent
            ask(bytes, awaited, now)
            // After our NAK the meter repeats its answer; after the meter's NAK we repeat the request, not our NAK.
            if case .awaitingRegister = awaited { lastSent = asked }
        }
    }

    // MARK: Actions

    private mutating func take() -> [MeterAction] {
        defer { actions.removeAll(keepingCapacity: true) }
        return actions
    }

    /// Sends the bytes, and sets `deadline` to the time when the last bit will have been sent.
    mutating func send(_ bytes: [UInt8], _ now: Instant) {
        actions.append(.send(bytes))
        lastSent = bytes
        incoming.expectAnswer(to: bytes)
        deadline = now + line.duration(of: bytes.count) + Self.wireMargin
    }

    /// Sends, and waits for the start of an answer.
    mutating func ask(_ bytes: [UInt8], _ phase: Phase, _ now: Instant) {
        send(bytes, now)
        self.phase = phase
        deadline = min(now + line.duration(of: bytes.count) + Self.silenceAllowed, answerEnds)
    }

    /// Limits the time for an answer of this many characters. It has to start within `patience` after `sent` characters have been sent.
    mutating func limitAnswer(to characters: Int, within patience: Duration = Self.silenceAllowed, after sent: Int = 0, _ now: Instant) {
        answerEnds = now + line.duration(of: sent) + patience + line.duration(of: characters)
    }

    mutating func apply(_ settings: LineSettings) {
        guard !plan.hasFixedSpeed else { return }
        line = settings
        actions.append(.apply(settings))
    }

    mutating func report(problem: String?) {
        guard problem != reportedProblem else { return }
        reportedProblem = problem
        actions.append(.problem(problem))
    }

    mutating func deliver(_ registers: [Register], isWhole: Bool = false, _ now: Instant) {
        failedSignOns = 0
        brokenSessions = 0
        report(problem: nil)
        actions.append(
            .deliver(
                Readout(
                    registers, manufacturer: identification?.manufacturer, model: identification?.model, isWhole: isWhole, asked: askedAt,
                    at: now)))
    }
}
