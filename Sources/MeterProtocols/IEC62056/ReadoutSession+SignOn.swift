import Metering

/// The dialogue from the break to the acknowledgement.
extension ReadoutSession {
    /// Ends a session that may still be open at the higher speed. Until it times out after up to a minute, the meter would not receive a
    /// sign-on at 300 Bd.
    mutating func beginBreak(_ now: Instant) {
        trials.ended(now)
        react(by: .beginAnew, after: reaction.beforeOthers, now)
    }

    mutating func beginAnew(_ now: Instant) {
        // No session is ever opened at a fixed speed.
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
        // The answer may be preceded by noise and by the echo of the request.
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

    /// Handles a missing identification. If only the end of its line is missing, it is accepted. Otherwise the sign-on is repeated later.
    mutating func missIdentification(_ now: Instant) {
        if let identification = incoming.takeUnfinishedIdentification() { return identify(identification, now) }
        actions.append(.noise(incoming.isEmpty ? .silence : .damaged))
        // Perhaps the break was lost because the wait before it was too short.
        reaction.lost(after: waited, now)
        failedSignOns += 1
        // A meter can't be replaced in less time than three sign-ons take.
        if failedSignOns == 3 { forgetMeter() }
        let pause = Self.pausesAfterSilence[min(failedSignOns, Self.pausesAfterSilence.count) - 1]
        let advice =
            plan.hasFixedSpeed
            ? "the remote port must be set to \(Self.slow), or the meter must send by itself; also check the head's position"
            : "a meter may refuse to answer for up to 60 s after an aborted session; otherwise check the head's position and orientation"
        report(problem: "no answer to the sign-on (\(advice)); retrying in \(pause.components.seconds) s")
        rest(until: now + pause)
    }

    mutating func rest(until: Instant) {
        phase = .pausing
        deadline = until
    }

    mutating func identify(_ identification: Identification, _ now: Instant) {
        self.identification = identification
        if reaction.named != identification.reactionTime { reaction = ReactionTime(named: identification.reactionTime) }
        access.note(identification)
        if !mayHoldSession(now) { goal = .readout }
        if let speed = identification.speed {
            // If the meter receives no acknowledgement, it sends the readout at the speed of the sign-on.
            let way = plan.hasFixedSpeed ? .unacknowledged : speeds.choose(offered: speed, now: now)
            if way == .unacknowledged || way == .negotiated(.b300) { goal = .readout }
            switch way {
            case .unacknowledged: awaitReadout(at: line, .seconds(4), now)
            case .negotiated(let chosen):
                let digit = UInt8(BaudRate.allCases.firstIndex(of: chosen) ?? 0)
                let character = chosen == speed ? identification.speedCharacter : UInt8(ascii: "0") + digit
                // The meter waits for more than 1500 ms.
                react(by: .acknowledge(SpeedOffer(speed: chosen, character: character)), after: reaction.beforeOthers, now)
            }
        } else {
            // Modes A and B: the data follow without a request, at this speed (A) or at the speed that the meter announced (B).
            goal = .readout
            if plan.hasFixedSpeed, let speed = identification.modeBSpeed {
                report(problem: "the meter switches to \(speed.rawValue) Bd, which a remote port can't do")
                return rest(until: now + Self.longestRest)
            }
            awaitReadout(at: LineSettings(identification.modeBSpeed ?? line.speed, line.framing), Self.silenceAllowed, now)
        }
    }

    func mayHoldSession(_ now: Instant) -> Bool {
        plan.read != .readout && !plan.hasFixedSpeed && !access.remaining.isEmpty && trials.mayOpen(now)
    }

    mutating func acknowledge(_ offer: SpeedOffer, _ now: Instant) {
        repeats = 0
        blocks = []
        // `send` sets the deadline to the end of the last bit, because with some adapters tcdrain does not wait for it.
        send([ControlCharacter.ack, UInt8(ascii: "0"), offer.character, UInt8(ascii: goal == .readout ? "0" : "1"), 0x0D, 0x0A], now)
        phase = .acknowledging(offer, echoWaits: 0)
    }

    mutating func switchSpeed(to offer: SpeedOffer, _ echoWaits: Int, _ now: Instant) {
        // If the head sees its own light, the echo shows when the acknowledgement has really been sent. A slow head gets up to 120 ms more.
        if incoming.isAwaitingRestOfEcho, echoWaits < 6 {
            phase = .acknowledging(offer, echoWaits: echoWaits + 1)
            deadline = now + .milliseconds(20)
            return
        }
        let settings = LineSettings(offer.speed, line.framing)
        switch goal {
        case .readout: awaitReadout(at: settings, Self.silenceAllowed, isNegotiated: true, now)
        case .registers:
            if settings != line { apply(settings) }
            sessionLine = settings
            trials.opened()
            phase = .awaitingPassword
            deadline = now + Self.silenceAllowed
            limitAnswer(to: IncomingBytes.limit, now)
        }
    }

    private mutating func awaitReadout(at settings: LineSettings, _ patience: Duration, isNegotiated: Bool = false, _ now: Instant) {
        if settings != line { apply(settings) }
        if settings.speed > .b300 { sessionLine = settings }
        repeats = 0
        blocks = []
        askedAt = now
        phase = .awaitingReadout(isNegotiated: isNegotiated)
        deadline = now + patience
        // Some meters pause between their lines.
        limitAnswer(to: IncomingBytes.limit, within: patience + .seconds(30), now)
    }
}
