import Metering

/// From the acknowledgement on: the readout, and the registers one by one.
extension ReadoutSession {
    mutating func receiveMessage(_ bytes: [UInt8], _ now: Instant) {
        incoming.append(bytes)
        if incoming.isOverfull || now >= answerEnds { return missAnswer(now) }
        deadline = min(now + Self.silenceAllowed, answerEnds)
        let length = incoming.count
        guard let finding = incoming.takeMessage() else { return }
        if phase == .awaitingReadout { usualReadout.note(length) }
        switch finding {
        case .repeatRequest: repeatLast(now)
        case .message(let message) where !message.isUndamaged: askForRepeat(now)
        case .message(let message) where !message.isLast: askForNextBlock(message, now)
        case .message(var message):
            message.body = blocks + message.body
            blocks = []
            switch phase {
            case .awaitingReadout: finishReadout(message, now)
            case .awaitingPassword: beginSession(message, now)
            case .awaitingRegister: finishRegister(message, now)
            default: break
            }
        }
    }

    /// EOT: ACK brings the next block.
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

    private mutating func finishReadout(_ message: IncomingBytes.Message, _ now: Instant) {
        let registers = message.isCommand ? [] : DataBlock.parse(message.body, strict: false).registers
        guard !registers.isEmpty else { return unexpected(now) }
        speeds.succeeded()
        // Modes A and B know no session, whatever their speed.
        let holdsSession = mayHoldSession(now) && line.speed > .b300 && way != .unacknowledged
        let lasting = holdsSession ? registers.filter { !isFrozen($0.code) } : registers
        // A sum of tariffs would stand still with them, if the session does not read them again.
        if !lasting.isEmpty { deliver(lasting, isWhole: !holdsSession, now) }
        goal = .registers
        // Registers are read in a session at a negotiated speed: the ME162 takes no `ACK 001`.
        holdsSession ? beginBreak(now) : nextReadout(now)
    }

    /// What the session will not read again would be published for weeks as if it were of now.
    /// Neither would what its owner has named, if the session refuses it.
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
            // A readout in place of the session: this meter has no programming mode, or not for us.
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
        asked = 0
        round = cadence.round(of: remaining)
        if let question = clock.question(besides: plan.registers, now) { round.append(question) }
        turn(now)
    }

    private mutating func turn(_ now: Instant) {
        repeats = 0
        react(by: .askForRegister, after: reaction.beforeRegister, now)
    }

    mutating func sendRequest(_ now: Instant) {
        blocks = []
        var message: [UInt8] = [ControlCharacter.soh, UInt8(ascii: "R"), UInt8(ascii: usesR5 == true ? "5" : "1"), ControlCharacter.stx]
        message += round[asked].printed.utf8
        message += [UInt8(ascii: "("), UInt8(ascii: ")"), ControlCharacter.etx]
        message.append(BlockCheck.of(message.dropFirst()))
        askedAt = now
        limitAnswer(to: IncomingBytes.limit, after: message.count, now)
        ask(message, .awaitingRegister, now)
    }

    private mutating func finishRegister(_ message: IncomingBytes.Message, _ now: Instant) {
        guard !message.isCommand else { return unexpected(now) }
        reaction.answered(after: waited, now)
        switch DataBlock.answer(message.body, to: round[asked]) {
        case .register(let register):
            answered.insert(register.code)
            (isSessionEmpty, emptySessions, readoutTime) = (false, 0, Self.firstReadoutTime)
            if !refusals.isEmpty { refusals[register.code] = nil }
            if clock.isAsking(for: register.code) { clock.succeeded() }
            deliver([register], now)
            // Energy flows the other way: the rest of the round is of yesterday.
            if cadence.note(register) { return finishRound(now) }
        case .refused where clock.isAsking(for: round[asked]): clock.failed()
        case .refused:
            actions.append(.noise(.refused))
            countRefusal(of: round[asked])
        case .unreadable:
            return unexpected(now)
        }
        asked += 1
        asked < round.count ? turn(now) : finishRound(now)
    }

    /// A bit that turned on the way to the meter makes another question of ours; a register that is refused again and again is not there,
    /// unless it was once: a total must not stand still for ever because the meter was in a bad mood.
    private mutating func countRefusal(of code: OBISCode) {
        refusals[code, default: 0] += 1
        if refusals[code, default: 0] >= Self.refusalsAllowed, !answered.contains(code) { remaining.removeAll { $0 == code } }
    }

    private mutating func finishRound(_ now: Instant) {
        guard !remaining.isEmpty else { return tryOtherCommand(now) }
        let next = roundBegan + min(plan.every, Self.longestRest)
        if next > now + reaction.beforeRegister {
            phase = .resting
            deadline = next
        } else {
            beginRound(now)
        }
    }

    /// Every register was refused: perhaps it is not the registers but the command that this meter has not.
    private mutating func tryOtherCommand(_ now: Instant) {
        guard !triedBothCommands else { return beginBreak(now) }
        triedBothCommands = true
        usesR5?.toggle()
        remaining = plan.registers
        refusals = [:]
        beginBreak(now)
    }

    // MARK: What goes wrong

    /// NAK: send it again. There is nothing to repeat before a password prompt or a readout but the acknowledgement, whose time is over.
    private mutating func repeatLast(_ now: Instant) {
        actions.append(.noise(.damaged))
        guard phase == .awaitingRegister, repeats < Self.repeatsAllowed else { return breakOff(now) }
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

    /// Neither a readout nor a password prompt came (perhaps the speed was too much for the adapter or the meter), or no register. A late
    /// answer must never be taken for the next register's, so the request is not repeated after silence: the session is.
    mutating func missAnswer(_ now: Instant) {
        actions.append(.noise(incoming.isEmpty ? .silence : .damaged))
        if !incoming.isEmpty, now >= answerEnds || incoming.isOverfull {
            say(problem: "bytes come in, but no complete answer: check the head's position, and that no other light reaches it")
        }
        reaction.lost(after: waited, now)
        breakOff(now)
    }

    private mutating func breakOff(_ now: Instant) {
        if phase == .awaitingRegister, clock.isAsking(for: round[asked]) { clock.failed() }
        if phase == .awaitingReadout { speeds.failed(isSlow: incoming.holdsOnlyBreaks, now: now) }
        brokenSessions += 1
        // After three a meter that only has no programming mode is read out.
        if brokenSessions > 3 {
            say(problem: "the meter answers the sign-on, but nothing after it comes undamaged: check the head's position")
        }
        beginBreak(now)
    }
}
