import Metering

/// The dialogue after the acknowledgement: the readout, and then the registers one by one.
extension ReadoutSession {
    mutating func receiveMessage(_ bytes: [UInt8], _ now: Instant) {
        incoming.append(bytes)
        if incoming.isOverfull || now >= answerEnds { return missAnswer(now) }
        deadline = min(now + Self.silenceAllowed, answerEnds)
        let length = incoming.count
        guard let finding = incoming.takeMessage() else { return }
        if case .awaitingReadout = phase { usualReadout.note(length) }
        switch finding {
        case .repeatRequest: repeatLast(now)
        case .message(let message) where !message.isUndamaged: askForRepeat(now)
        case .message(let message) where !message.isLast: askForNextBlock(message, now)
        case .message(var message):
            message.body = blocks + message.body
            blocks = []
            switch phase {
            case .awaitingReadout(let isNegotiated): finishReadout(message, isNegotiated, now)
            case .awaitingPassword: beginSession(message, now)
            case .awaitingRegister(let round): finishRegister(message, round, now)
            default: break
            }
        }
    }

    /// Asks for the next block with an ACK, because the message ended with EOT.
    private mutating func askForNextBlock(_ message: IncomingBytes.Message, _ now: Instant) {
        blocks += message.body
        guard blocks.count <= IncomingBytes.limit, !message.isCommand else { return unexpected(now) }
        repeats = 0
        reply([ControlCharacter.ack], now)
    }

    private mutating func reply(_ bytes: [UInt8], _ now: Instant) {
        react(by: .reply(bytes, phase), after: reaction.beforeOthers, now)
    }

    // MARK: The readout

    private mutating func finishReadout(_ message: IncomingBytes.Message, _ isNegotiated: Bool, _ now: Instant) {
        let registers = message.isCommand ? [] : DataBlock.parse(message.body, strict: false).registers
        guard !registers.isEmpty else { return unexpected(now) }
        speeds.succeeded()
        // Modes A and B have no sessions, whatever the speed.
        let holdsSession = mayHoldSession(now) && line.speed > .b300 && isNegotiated
        let lasting = holdsSession ? registers.filter { !isFrozen($0.code) } : registers
        // `isWhole` is only true if no session follows: a total that is summed from tariffs would stop rising, because a session does not
        // read the tariffs again.
        if !lasting.isEmpty { deliver(lasting, isWhole: !holdsSession, now) }
        goal = .registers
        cadence.begin(with: registers)
        // Registers can only be read in a session at a negotiated speed: the ME162 does not accept `ACK 001`.
        holdsSession ? beginBreak(now) : nextReadout(now)
    }

    /// Whether a session would not read this register again. Its value from the readout would be published for weeks as if it were current.
    /// The same applies to a configured register that the meter refuses in the session.
    private func isFrozen(_ code: OBISCode) -> Bool {
        guard let measurand = Measurand(code) else { return plan.registers.contains(code) }
        return !measurand.isDiagnostic && !plan.registers.contains(code)
    }

    private mutating func nextReadout(_ now: Instant) {
        roundBegan = max(roundBegan + plan.every, now)
        rest(until: roundBegan)
    }

    // MARK: The register session

    private mutating func beginSession(_ message: IncomingBytes.Message, _ now: Instant) {
        guard message.isCommand, message.body.starts(with: Array("P0".utf8)) else {
            // A readout came instead of the password prompt: this meter has no programming mode, or does not let us use it.
            return beginBreak(now)
        }
        speeds.succeeded()
        roundBegan = now
        clock.begin(now)
        startRound(now)
    }

    mutating func beginRound(_ now: Instant) {
        roundBegan = now
        startRound(now)
    }

    private mutating func startRound(_ now: Instant) {
        var codes = cadence.round(of: access.remaining)
        if let question = clock.question(besides: plan.registers, now) { codes.append(question) }
        ask(RegisterRound(codes[...]), now)
    }

    /// Asks for the current register of the round; `nil`: the round is complete.
    private mutating func ask(_ round: RegisterRound?, _ now: Instant) {
        guard let round else { return finishRound(now) }
        repeats = 0
        react(by: .askForRegister(round), after: reaction.beforeRegister, now)
    }

    mutating func sendRequest(_ round: RegisterRound, _ now: Instant) {
        blocks = []
        var message = [ControlCharacter.soh] + access.command + [ControlCharacter.stx]
        message += round.current.printed.utf8
        message += [UInt8(ascii: "("), UInt8(ascii: ")"), ControlCharacter.etx]
        message.append(BlockCheck.of(message.dropFirst()))
        askedAt = now
        limitAnswer(to: IncomingBytes.limit, after: message.count, now)
        ask(message, .awaitingRegister(round), now)
    }

    private mutating func finishRegister(_ message: IncomingBytes.Message, _ round: RegisterRound, _ now: Instant) {
        guard !message.isCommand else { return unexpected(now) }
        reaction.answered(after: waited, now)
        switch DataBlock.answer(message.body, to: round.current) {
        case .register(let register):
            access.noteAnswer(to: register.code)
            trials.succeeded()
            if clock.isAsking(for: register.code) { clock.succeeded() }
            deliver([register], now)
            // Energy now flows in the other direction, so the rest of the round is outdated.
            if cadence.note(register) { return finishRound(now) }
        case .refused where clock.isAsking(for: round.current): clock.failed()
        case .refused:
            actions.append(.noise(.refused))
            access.noteRefusal(of: round.current)
        case .unreadable:
            return unexpected(now)
        }
        ask(round.next, now)
    }

    private mutating func finishRound(_ now: Instant) {
        guard !access.remaining.isEmpty else {
            _ = access.tryOtherCommand()
            return beginBreak(now)
        }
        let next = roundBegan + min(plan.every, Self.longestRest)
        if next > now + reaction.beforeRegister {
            phase = .resting
            deadline = next
        } else {
            beginRound(now)
        }
    }

    // MARK: Failures

    /// Repeats the last message after a NAK from the meter. If a password prompt or a readout is awaited, the last message was the
    /// acknowledgement, which is too late to repeat.
    private mutating func repeatLast(_ now: Instant) {
        actions.append(.noise(.damaged))
        guard case .awaitingRegister = phase, repeats < Self.repeatsAllowed else { return breakOff(now) }
        repeats += 1
        reply(lastSent, now)
    }

    private mutating func askForRepeat(_ now: Instant) {
        actions.append(.noise(.damaged))
        guard repeats < Self.repeatsAllowed else { return breakOff(now) }
        repeats += 1
        reply([ControlCharacter.nak], now)
    }

    private mutating func unexpected(_ now: Instant) {
        actions.append(.noise(.unexpected))
        breakOff(now)
    }

    /// Handles a missing register, readout or password prompt (perhaps the speed was too high for the adapter or the meter). The session is
    /// repeated and not only the request, because a late answer must never be taken for the next register's.
    mutating func missAnswer(_ now: Instant) {
        actions.append(.noise(incoming.isEmpty ? .silence : .damaged))
        if !incoming.isEmpty, now >= answerEnds || incoming.isOverfull {
            report(problem: "bytes arrive, but no complete answer: check the head's position, and that no other light reaches it")
        }
        reaction.lost(after: waited, now)
        breakOff(now)
    }

    private mutating func breakOff(_ now: Instant) {
        if case .awaitingRegister(let round) = phase, clock.isAsking(for: round.current) { clock.failed() }
        if case .awaitingReadout = phase { speeds.failed(isSlow: incoming.holdsOnlyBreaks, now: now) }
        brokenSessions += 1
        // Up to three are not reported: a meter that merely has no programming mode is read by readouts by then.
        if brokenSessions > 3 {
            report(problem: "the meter answers the sign-on, but nothing after it arrives intact: check the head's position")
        }
        beginBreak(now)
    }
}
