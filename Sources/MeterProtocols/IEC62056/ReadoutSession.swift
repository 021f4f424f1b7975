import Metering

/// The dialogue with an IEC 62056-21 meter as a value: it is told what happened and says what to do.
///
/// Once: break, sign-on, `ACK 0Z0`, the whole readout. Then break, sign-on, `ACK 0Z1`, and `R1` reads in a session that is held open.
/// Whatever goes wrong leads back to the break; nothing in here ends the dialogue for good.
package struct ReadoutSession: MeterSession {
    enum Goal { case readout, registers }

    enum Phase: Equatable, Sendable {
        case closed
        /// Nothing is sent until the deadline: between two readouts, and while a meter refuses.
        case pausing
        /// The break is on the wire.
        case breaking
        /// The meter is being woken.
        case waking
        case signingOn
        /// The meter's reaction time, before what comes next is said.
        case reacting(Step)
        /// The acknowledgement is on the wire.
        case acknowledging
        case awaitingReadout
        case awaitingPassword
        case awaitingRegister
        /// The session is held open until the next round.
        case resting
    }

    /// What follows a message of the meter's.
    enum Step: Equatable, Sendable {
        /// The break and the sign-on.
        case beginAnew
        case acknowledge
        case askForRegister
        /// Something about the message itself; then what was awaited is awaited again.
        indirect case reply([UInt8], Phase)
    }

    /// 2.2 s at 300 Bd, and the pause that must follow.
    static let wakeUp = [UInt8](repeating: 0, count: 66)
    static let pauseAfterWakeUp = Duration.milliseconds(1600)
    package static let breakMessage: [UInt8] = [ControlCharacter.soh] + Array("B0".utf8) + [ControlCharacter.etx, 0x71]
    /// A meter answers within 1500 ms and pauses less than 1500 ms between two characters; slow adapters get some more.
    static let silenceAllowed = Duration.milliseconds(2000)
    /// The last stop bit and the adapter's own delay, on top of the time that the characters take.
    static let wireMargin = Duration.milliseconds(12)
    /// An open session ends by itself when nothing is read for 60 s.
    static let longestRest = Duration.seconds(30)
    /// The first three tries are for a disturbed line; then over 60 s have passed since the session broke, then over 60 s without a word.
    static let pausesAfterSilence = [1, 3, 10, 42, 65].map { Duration.seconds($0) }
    static let repeatsAllowed = 2
    static let refusalsAllowed = 3
    /// Sessions without a register, until only readouts are read for some time.
    static let emptySessionsAllowed = 2
    static let firstReadoutTime = Duration.seconds(300)
    static let longestReadoutTime = Duration.seconds(3600)
    package var farewell: [UInt8] { Self.breakMessage }
    static let slow = LineSettings(.b300)

    let plan: ReadingPlan
    var phase = Phase.closed
    /// When `timedOut` is due.
    package internal(set) var deadline: Instant?
    /// When what is awaited must be complete. Each byte that comes moves `deadline`, and nothing moves this one.
    var answerEnds = Instant.distantFuture
    var actions: [MeterAction] = []

    var incoming = IncomingBytes()
    var (usualIdentification, usualReadout) = (UsualLength(), UsualLength())
    var line = LineSettings.opening
    /// The speed at which a session may still be open.
    var sessionLine = LineSettings.opening
    var lastSent: [UInt8] = []
    var repeats = 0

    var goal = Goal.readout
    var identification: Identification?
    var way = SpeedChoice.Way.unacknowledged
    var speeds = SpeedChoice()
    var reaction = ReactionTime()
    var lastHeard: Instant?
    /// How long the last message waited after the meter's.
    var waited = Duration.zero

    /// Without those that this meter keeps refusing.
    var remaining: [OBISCode]
    var refusals: [OBISCode: Int] = [:]
    var answered: Set<OBISCode> = []
    /// What is asked for in this round, and which of them is next.
    var round: [OBISCode] = []
    var asked = 0
    /// The blocks of an answer that is not complete.
    var blocks: [UInt8] = []
    /// The command that reads a register: R1, or R5 of the extension that `\@` announces. `nil` until something is known.
    var usesR5: Bool?
    var triedBothCommands = false
    var cadence: RegisterCadence
    var clock = ClockCadence()
    var roundBegan: Instant
    /// When the registers that come next were asked for.
    var askedAt: Instant

    var failedSignOns = 0
    /// Since the last delivery.
    var brokenSessions = 0
    /// A session was asked for that has brought no register yet.
    var isSessionEmpty = false
    /// In a row.
    var emptySessions = 0
    /// How long the next time of readouts is.
    var readoutTime = Self.firstReadoutTime
    var registersAgainAt: Instant?
    var saidProblem: String?

    package init(plan: ReadingPlan) {
        self.plan = plan
        remaining = plan.registers
        cadence = RegisterCadence(every: plan.every, isEven: plan.isTimedByPulses)
        roundBegan = Instant(nanoseconds: 0)
        askedAt = roundBegan
    }

    /// An identification came, and what it led to goes on.
    var isAnswered: Bool {
        switch phase {
        case .closed, .pausing, .breaking, .waking, .signingOn, .reacting(.beginAnew): false
        default: true
        }
    }

    // MARK: What happened

    package mutating func opened(_ now: Instant) -> [MeterAction] {
        line = plan.hasFixedSpeed ? Self.slow : LineSettings.opening
        roundBegan = now
        beginBreak(now)
        return take()
    }

    /// The port is gone.
    package mutating func closed() -> [MeterAction] {
        phase = .closed
        deadline = nil
        lastHeard = nil
        isSessionEmpty = false
        // The caller that closed it reports why.
        saidProblem = nil
        forgetMeter()
        return take()
    }

    /// It may be another meter that comes back: the readout says so.
    mutating func forgetMeter() {
        goal = .readout
        remaining = plan.registers
        refusals = [:]
        answered = []
        (usesR5, triedBothCommands) = (nil, false)
        clock = ClockCadence()
    }

    package mutating func received(_ bytes: [UInt8], _ now: Instant) -> [MeterAction] {
        if !bytes.isEmpty { lastHeard = now }
        switch phase {
        case .closed, .pausing, .breaking, .waking, .reacting, .resting:
            // Nobody was asked: an echo of the break, or light from elsewhere.
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
        case .acknowledging: switchSpeed(now)
        case .awaitingReadout, .awaitingPassword, .awaitingRegister: missAnswer(now)
        case .resting: beginRound(now)
        }
        return take()
    }

    package var gathering: Duration? {
        guard !incoming.isEmpty, phase == .signingOn || phase == .awaitingReadout else { return nil }
        let usual = phase == .signingOn ? usualIdentification : usualReadout
        // At 300 Bd they come one by one.
        return usual.rest(after: incoming.count, on: line) ?? (line.speed <= .b600 ? .milliseconds(130) : nil)
    }

    // MARK: The meter's reaction time

    /// Does the next step when the meter listens again.
    mutating func react(by step: Step, after wait: Duration, _ now: Instant) {
        guard let due = lastHeard.map({ $0 + wait }), due > now else { return perform(step, now) }
        phase = .reacting(step)
        deadline = due
    }

    private mutating func perform(_ step: Step, _ now: Instant) {
        waited = lastHeard.map { now - $0 } ?? Self.silenceAllowed
        switch step {
        case .beginAnew: beginAnew(now)
        case .acknowledge: acknowledge(now)
        case .askForRegister: sendRequest(now)
        case .reply(let bytes, let awaited):
            let asked = lastSent
            ask(bytes, awaited, now)
            // A damaged answer is asked for again by NAK, and what was asked for by itself where the meter says NAK.
            if awaited == .awaitingRegister { lastSent = asked }
        }
    }

    // MARK: Saying what to do

    private mutating func take() -> [MeterAction] {
        defer { actions.removeAll(keepingCapacity: true) }
        return actions
    }

    /// `deadline` becomes the moment when the last bit is on the wire.
    mutating func send(_ bytes: [UInt8], _ now: Instant) {
        actions.append(.send(bytes))
        lastSent = bytes
        incoming.expectAnswer(to: bytes)
        deadline = now + line.duration(of: bytes.count) + Self.wireMargin
    }

    /// Sends, and expects the beginning of an answer.
    mutating func ask(_ bytes: [UInt8], _ phase: Phase, _ now: Instant) {
        send(bytes, now)
        self.phase = phase
        deadline = min(now + line.duration(of: bytes.count) + Self.silenceAllowed, answerEnds)
    }

    /// The answer may have so many characters at most, and begins within `patience` of the last of those that are sent.
    mutating func limitAnswer(to characters: Int, within patience: Duration = Self.silenceAllowed, after sent: Int = 0, _ now: Instant) {
        answerEnds = now + line.duration(of: sent) + patience + line.duration(of: characters)
    }

    mutating func apply(_ settings: LineSettings) {
        guard !plan.hasFixedSpeed else { return }
        line = settings
        actions.append(.apply(settings))
    }

    mutating func say(problem: String?) {
        guard problem != saidProblem else { return }
        saidProblem = problem
        actions.append(.problem(problem))
    }

    mutating func deliver(_ registers: [Register], isWhole: Bool = false, _ now: Instant) {
        failedSignOns = 0
        brokenSessions = 0
        say(problem: nil)
        actions.append(
            .deliver(
                Readout(
                    registers, manufacturer: identification?.manufacturer, model: identification?.model, isWhole: isWhole, asked: askedAt,
                    at: now)))
    }
}
