import Metering

/// From the break to the acknowledgement.
extension ReadoutSession {
    /// Ends a session that may still be open at the fast speed: the meter would not hear a sign-on at 300 Bd for up to a minute.
    mutating func beginBreak(_ now: Instant) {
        if isSessionEmpty { noteEmptySession(now) }
        react(by: .beginAnew, after: reaction.beforeOthers, now)
    }

    /// It brought no register: this meter has no programming mode, or not for us, or does not hear us there.
    private mutating func noteEmptySession(_ now: Instant) {
        isSessionEmpty = false
        emptySessions += 1
        guard emptySessions >= Self.emptySessionsAllowed else { return }
        registersAgainAt = now + (plan.read == .registers ? min(readoutTime, .seconds(60)) : readoutTime)
        readoutTime = min(readoutTime * 2, Self.longestReadoutTime)
    }

    mutating func beginAnew(_ now: Instant) {
        // A session is never opened there.
        if plan.hasFixedSpeed { return plan.wakesUp ? wake(now) : sendSignOn(now) }
        if line != sessionLine { apply(sessionLine) }
        send(Self.breakMessage, now)
        phase = .breaking
        deadline = now + line.duration(of: Self.breakMessage.count) + .milliseconds(30)
    }

    mutating func wake(_ now: Instant) {
        apply(Self.slow)
        send(Self.wakeUp, now)
        phase = .waking
        deadline = deadline.map { $0 + Self.pauseAfterWakeUp }
    }

    mutating func sendSignOn(_ now: Instant) {
        sessionLine = LineSettings.opening
        if phase != .waking { apply(Self.slow) }
        repeats = 0
        let request = Array("/?\(plan.address)!\r\n".utf8)
        // Noise may stand in front, and the echo of what was sent.
        limitAnswer(to: 2 * Identification.longestLine, after: request.count, now)
        ask(request, .signingOn, now)
    }

    mutating func receiveIdentification(_ bytes: [UInt8], _ now: Instant) {
        incoming.append(bytes)
        if incoming.isOverfull || now >= answerEnds { return missIdentification(now) }
        deadline = min(now + (incoming.hasUnfinishedIdentification ? .milliseconds(50) : Self.silenceAllowed), answerEnds)
        let length = incoming.count
        guard let identification = incoming.takeIdentification() else { return }
        usualIdentification.note(length)
        identify(identification, now)
    }

    /// The end of the line may be missing; else the meter is silent, and may go on refusing.
    mutating func missIdentification(_ now: Instant) {
        if let identification = incoming.takeUnfinishedIdentification() { return identify(identification, now) }
        actions.append(.noise(incoming.isEmpty ? .silence : .damaged))
        // Perhaps it was the break.
        reaction.lost(after: waited, now)
        failedSignOns += 1
        // Nobody exchanges a meter in less.
        if failedSignOns == 3 { forgetMeter() }
        let pause = Self.pausesAfterSilence[min(failedSignOns, Self.pausesAfterSilence.count) - 1]
        let advice =
            plan.hasFixedSpeed
            ? "the remote port must be set to \(Self.slow), or the meter must speak by itself; check the head's position, too"
            : "a meter may refuse for up to 60 s after a broken session; else check the head's position and direction"
        say(problem: "no answer to the sign-on (\(advice)); next try in \(pause.components.seconds) s")
        rest(until: now + pause)
    }

    mutating func rest(until: Instant) {
        phase = .pausing
        deadline = until
    }

    mutating func identify(_ identification: Identification, _ now: Instant) {
        self.identification = identification
        if reaction.named != identification.reactionTime { reaction = ReactionTime(named: identification.reactionTime) }
        if usesR5 == nil { usesR5 = identification.escapes.contains(UInt8(ascii: "@")) }
        if !mayHoldSession(now) { goal = .readout }
        if let speed = identification.speed {
            // Unacknowledged, the readout comes at the speed of the sign-on.
            way = plan.hasFixedSpeed ? .unacknowledged : speeds.choose(offered: speed, now: now)
            if goal == .registers, way == .unacknowledged || way == .negotiated(.b300) { goal = .readout }
            switch way {
            case .unacknowledged: return awaitReadout(at: line, .seconds(4), now)
            // The meter waits for over 1500 ms.
            case .negotiated: react(by: .acknowledge, after: reaction.beforeOthers, now)
            }
        } else {
            // Modes A and B: the data follow by themselves, at this or at the meter's own speed.
            way = .unacknowledged
            goal = .readout
            if plan.hasFixedSpeed, let speed = identification.modeBSpeed {
                say(problem: "the meter goes on at \(speed.rawValue) Bd, where a remote port can't follow")
                return rest(until: now + Self.longestRest)
            }
            awaitReadout(at: LineSettings(identification.modeBSpeed ?? line.speed, line.framing), Self.silenceAllowed, now)
        }
    }

    func mayHoldSession(_ now: Instant) -> Bool {
        plan.read != .readout && !plan.hasFixedSpeed && !remaining.isEmpty && registersAgainAt.map { now >= $0 } ?? true
    }

    mutating func acknowledge(_ now: Instant) {
        guard case .negotiated(let speed) = way, let identification else { return rest(until: now) }
        let isOffered = speed == identification.speed
        let speedCharacter =
            isOffered ? identification.speedCharacter : UInt8(ascii: "0") + UInt8(BaudRate.allCases.firstIndex(of: speed) ?? 0)
        repeats = 0
        blocks = []
        // The deadline of `send` is the end of the last bit: tcdrain alone does not wait for it with every adapter.
        send([ControlCharacter.ack, UInt8(ascii: "0"), speedCharacter, UInt8(ascii: goal == .readout ? "0" : "1"), 0x0D, 0x0A], now)
        phase = .acknowledging
    }

    mutating func switchSpeed(_ now: Instant) {
        guard case .negotiated(let speed) = way else { return rest(until: now) }
        // A head that sees its own light says when the acknowledgement has really left. A slow one gets up to 120 ms more.
        if incoming.isAwaitingRestOfEcho, repeats < 6 {
            repeats += 1
            deadline = now + .milliseconds(20)
            return
        }
        let settings = LineSettings(speed, line.framing)
        repeats = 0
        switch goal {
        case .readout: awaitReadout(at: settings, Self.silenceAllowed, now)
        case .registers:
            if settings != line { apply(settings) }
            sessionLine = settings
            isSessionEmpty = true
            phase = .awaitingPassword
            deadline = now + Self.silenceAllowed
            limitAnswer(to: IncomingBytes.limit, now)
        }
    }

    private mutating func awaitReadout(at settings: LineSettings, _ patience: Duration, _ now: Instant) {
        if settings != line { apply(settings) }
        if settings.speed > .b300 { sessionLine = settings }
        repeats = 0
        blocks = []
        askedAt = now
        phase = .awaitingReadout
        deadline = now + patience
        // Some meters think between their lines.
        limitAnswer(to: IncomingBytes.limit, within: patience + .seconds(30), now)
    }
}
