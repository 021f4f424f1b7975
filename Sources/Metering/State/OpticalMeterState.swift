/// The state of a meter that is read through its optical port.
struct OpticalMeterState: Sendable {
    private(set) var snapshot: MeterSnapshot {
        didSet { shared = nil }
    }
    private var shared: SharedMeter?
    private let maxPower: Int64
    private let staleAfter: Duration
    private var totals: [Measurand: MonotonicTotal] = [:]
    private var sums = TariffSums()
    private var named: NamedRegisters
    private var power = DirectedPower()
    private var sendsPower = false
    private var clock = MeterClock()
    private var serial: KnownSerial
    /// The number is the address 0.0.0, not the serial number C.1.0.
    private var isAddress: Bool
    /// Messages for the log, such as a replaced meter. The caller removes the ones it takes.
    var remarks: [String] = []
    private var language: KnownLanguage?
    /// Changes when something was read that must be saved for the next start.
    private(set) var turns = 0
    /// Changes whenever a total does.
    private(set) var steps = 0
    private var lastReading: Instant?
    /// When the meter becomes unavailable for lack of readings; `nil` once that has been reported.
    private var staleAt: Instant?
    /// The time between the last two readings, if no problem occurred in between: a long readout at 300 Bd takes minutes.
    private var pace = Duration.zero
    private var isPaceKnown = false
    private var telegrams: Int64 = 0
    private var errors: Int64 = 0
    /// The problem reported by the reader, and the one found in the values.
    private var readerProblem: String?
    private var valueProblem: String?
    /// Why totals are held back, by name. An entry stays until that total is read again and accepted, because in a session each readout
    /// contains different totals.
    private var held: [String: String] = [:]
    private var lightProblem: String?
    private var problem: String? { readerProblem ?? valueProblem ?? heldProblem ?? lightProblem }
    private var heldProblem: String? {
        guard !held.isEmpty else { return nil }
        let names = Measurand.allCases.map(\.rawValue) + snapshot.named.map(\.name)
        return names.compactMap { held[$0] }.joined(separator: "; ")
    }

    /// `now` is when reading starts.
    init(
        _ meter: MeterDescription, _ named: [NamedRegister], maxPower: Int64, staleAfter: Duration, remembered: MeterMemory,
        since now: Instant?
    ) {
        snapshot = MeterSnapshot(name: meter.name, title: meter.title, kind: .optical)
        snapshot.named = named
        self.named = NamedRegisters(named)
        self.maxPower = maxPower
        self.staleAfter = staleAfter
        staleAt = now.map { $0 + staleAfter }
        serial = KnownSerial(remembered.serial)
        isAddress = remembered.isAddress
        language = remembered.language
        totals = remembered.totals.mapValues { MonotonicTotal(remembered: $0.value, at: $0.at) }
        sums = TariffSums(remembered.totals)
    }

    /// Returns the same object as before, unless something has changed since.
    mutating func share() -> SharedMeter {
        let current = shared ?? SharedMeter(snapshot)
        shared = current
        return current
    }

    /// What readings are compared with after the next start.
    var memory: MeterMemory {
        var memory = MeterMemory(serial: serial.number, isAddress: isAddress)
        memory.language = language
        for (measurand, total) in totals { memory.totals[measurand] = total.value.map { MeterMemory.Total($0, at: total.wall) } }
        return memory
    }

    private var patience: Duration { max(staleAfter, pace + pace + pace) }

    var deadline: Instant? { staleAt }

    mutating func advance(to now: Instant) {
        guard let deadline, now >= deadline else { return }
        staleAt = nil
        snapshot.isAvailable = false
        forgetSteps()
        // This replaces a problem found in the last values, but not one reported by the reader, which may know the cause better.
        if readerProblem == nil { snapshot.problem = "no valid reading for \(patience.components.seconds) s" }
    }

    /// Discards the steps: what was consumed while the meter was not being read arrives as one step at a meaningless time.
    private mutating func forgetSteps() {
        power.forget()
    }

    mutating func note(problem: String?) {
        readerProblem = problem
        snapshot.problem = self.problem
        guard problem != nil else { return }
        isPaceKnown = false
        forgetSteps()
    }

    /// Notes the language of the last readout.
    mutating func note(language: KnownLanguage) {
        guard language != self.language else { return }
        self.language = language
        turns += 1
    }

    mutating func countError(wall: WallTime) {
        errors += 1
        snapshot.values.set(.errors, .number(Quantity(errors)), at: wall)
    }

    mutating func record(_ readout: Readout, wall: WallTime) {
        readerProblem = nil
        valueProblem = readout.isLocked ? "the meter only shows whole kWh, and no power, until its PIN is entered" : nil
        if recognise(readout, wall: wall) { recordRegisters(of: readout, wall: wall) }
        telegrams += 1
        if let lastReading, isPaceKnown { pace = readout.at - lastReading }
        isPaceKnown = true
        lastReading = readout.at
        staleAt = readout.at + patience
        snapshot.values.set(.telegrams, .number(Quantity(telegrams)), at: wall)
        snapshot.values.set(.errors, .number(Quantity(errors)), at: wall)
        snapshot.values.set(.lastReading, .time(wall), at: wall)
        snapshot.readings += 1
        snapshot.readAt = wall
        snapshot.isAvailable = true
        snapshot.problem = problem
    }

    private mutating func recordRegisters(of readout: Readout, wall: WallTime) {
        // `canonicalRegisters` contains each register only once.
        for register in readout.canonicalRegisters { record(register, in: readout, wall: wall) }
        if !named.isEmpty { recordNamed(in: readout, wall: wall) }
        if let offset = clock.offset(in: readout, wall: wall) {
            snapshot.values.set(.meterClockOffset, .number(Quantity(offset)), at: wall)
        }
        estimatePower(wall: wall)
        expectPower(after: readout)
    }

    private mutating func recordNamed(in readout: Readout, wall: WallTime) {
        for (name, verdict) in named.record(readout, wall: wall, maxPower: maxPower) {
            switch verdict {
            case .good: held[name] = nil
            case .waiting: break
            case .held(let why): hold(name, why)
            }
        }
        snapshot.named = named.registers
    }

    // MARK: The light

    mutating func followLight(pulsesPerUnit: Quantity) { power.follow(lightOfWatts: 3_600_000 / pulsesPerUnit.approximate) }

    mutating func record(light: PulseReading, name: String, wall: WallTime) {
        if light.problem != nil { power.losesLight() }
        if let at = light.lastPulse { power.recordLight(light.counted, at: at, after: light.pulseBefore) }
        lightProblem = light.problem.map { "\(name): \($0)" }
        guard snapshot.isAvailable else { return }
        snapshot.problem = problem
        estimatePower(wall: wall)
    }

    // MARK: Identity

    /// Returns false while the readout is from another meter that is not confirmed yet.
    private mutating func recognise(_ readout: Readout, wall: WallTime) -> Bool {
        // C.1.0 is the meter's serial number and 0.0.0 its address. They are often equal, but must not be compared with each other.
        let number = readout.source == .iec62056 ? label(OBISCode(96, 1, 0), in: readout) : readout.numberAndCode
        let isKnown = serial.number != nil
        let heard = number ?? (isKnown && !isAddress ? nil : label(OBISCode(0, 0, 0), in: readout))
        if let number, isAddress { serial.correct(number.text) }
        if heard != nil { isAddress = number == nil }
        let goesOn = heard == nil && serial.isDoubted && continues(in: readout, wall: wall)
        switch serial.hear(goesOn ? serial.number : heard?.text, at: readout.at) {
        case .same: break
        case .stranger(let other):
            errors += 1
            valueProblem = "the serial number is now \(other), no longer \(serial.number ?? ""): held until confirmed"
            return false
        case .exchanged(let old): beginAgain(after: old)
        }
        if readout.manufacturer != snapshot.manufacturer, let manufacturer = readout.manufacturer, manufacturer.isLabel {
            snapshot.manufacturer = manufacturer
        }
        if readout.model != snapshot.model, let model = readout.model, model.isLabel { snapshot.model = model }
        if let number = serial.number, heard != nil || snapshot.serial != number {
            snapshot.serial = number
            snapshot.values.set(.serial, .text(number), code: heard?.code, at: wall)
        }
        return true
    }

    /// Whether the totals continue those of the known meter. If they do, only the serial number was misread.
    private func continues(in readout: Readout, wall: WallTime) -> Bool {
        var goesOn = false
        for register in readout.registers {
            guard let measurand = Measurand(register.code), let total = totals[measurand],
                case .number(let number, let sent?) = register.value,
                number.mantissa != 0, let unit = measurand.unit, let exponent = sent.exponent(to: unit)
            else { continue }
            guard total.fits(number.scaled(by: exponent), at: readout.at, wall: wall, rules(readout)) else { return false }
            goesOn = true
        }
        return goesOn
    }

    /// Starts again with another meter, whose totals start from its current readings.
    private mutating func beginAgain(after old: String) {
        totals = [:]
        held = [:]
        sums = TariffSums()
        snapshot.named = snapshot.named.map { NamedRegister($0.code, name: $0.name) }
        named = NamedRegisters(snapshot.named)
        sendsPower = false
        snapshot.expected = []
        forgetSteps()
        clock = MeterClock()
        snapshot.values.removeAll { !$0.isDiagnostic || $0 == .meterClockOffset }
        turns += 1
        remarks.append("the meter was replaced: \(serial.number ?? "") instead of \(old)")
    }

    private func label(_ code: OBISCode, in readout: Readout) -> (text: String, code: OBISCode?)? {
        switch readout[code] {
        case .text(let text) where text.isLabel: (text, code)
        case .number(let number, _): (number.description, code)
        default: nil
        }
    }

    private mutating func record(_ register: Register, in readout: Readout, wall: WallTime) {
        guard let measurand = Measurand(register.code), measurand != .serial else { return }
        switch register.value {
        case .text(let text):
            guard measurand.isDiagnostic, text.isLabel else { return }
            snapshot.values.set(measurand, .text(text), code: register.code, at: wall)
        case .number(let number, let sent):
            let facts = measurand.facts
            guard let unit = facts.unit else {
                guard facts.isDiagnostic else { return recordMomentary(number, of: measurand, register.code, wall: wall) }
                return snapshot.values.set(measurand, .text(number.description), code: register.code, at: wall)
            }
            guard let exponent = (sent ?? unit).exponent(to: unit) else { return }
            let value = number.scaled(by: exponent)
            guard facts.isTotal else { return recordMomentary(value, of: measurand, register.code, wall: wall) }
            // A tariff is missing: the sum of the others is useless.
            guard sums.isWhole(register.code, in: readout) else { return errors += 1 }
            recordTotal(value, of: measurand, register.code, in: readout, wall: wall)
        }
    }

    private mutating func recordTotal(_ value: Quantity, of measurand: Measurand, _ code: OBISCode, in readout: Readout, wall: WallTime) {
        var total = totals[measurand] ?? MonotonicTotal()
        let (before, turnsBefore) = (total.value, total.turns)
        let verdict = total.record(value, at: readout.at, wall: wall, rules(readout))
        turns += total.turns - turnsBefore
        if total.value != before { steps += 1 }
        totals[measurand] = total
        switch verdict {
        case .accepted: publish(total.value ?? value, of: measurand, code, in: readout, wall: wall)
        case .replaced(let old):
            publish(value, of: measurand, code, in: readout, wall: wall)
            turns += 1
            remarks.append("\(measurand.rawValue) went from \(old) to \(value): it stayed there, so the meter was replaced or set")
        case .waiting: break
        case .impossible: hold(measurand.rawValue, "can't be \(value)")
        // The message leaves out the reading, which changes each time, so that it is reported only once.
        case .backwards: hold(measurand.rawValue, "ran backwards: held at \(heldText(measurand))")
        case .tooFast: hold(measurand.rawValue, "rose faster than \(maxPower) W: held until confirmed")
        }
    }

    private func rules(_ readout: Readout) -> MonotonicTotal.Rules {
        MonotonicTotal.Rules(perHour: Double(maxPower) / 1000, isChecked: readout.isChecked)
    }

    private mutating func publish(_ value: Quantity, of measurand: Measurand, _ code: OBISCode, in readout: Readout, wall: WallTime) {
        if !held.isEmpty { held[measurand.rawValue] = nil }
        if snapshot.values[measurand] == nil { turns += 1 }
        snapshot.values.set(measurand, .number(value), code: code, at: wall)
        if measurand == .energyImport { power.record(value, .imported, in: readout) }
        if measurand == .energyExport { power.record(value, .exported, in: readout) }
    }

    private mutating func hold(_ name: String, _ why: String) {
        errors += 1
        held[name] = "\(name) \(why)"
    }

    private func heldText(_ measurand: Measurand) -> String { totals[measurand]?.value?.description ?? "the last value" }

    private mutating func recordMomentary(_ value: Quantity, of measurand: Measurand, _ code: OBISCode, wall: WallTime) {
        if let bound = measurand.bound(maxPower: maxPower), value > bound || value < bound.negated {
            // From now on power is not estimated either: a meter that has sent its power will send it again.
            if measurand == .power || measurand == .powerImport { takePowerFromMeter() }
            errors += 1
            valueProblem = "\(measurand.rawValue) is more than a connection of \(maxPower) W allows: not published"
            return
        }
        snapshot.values.set(measurand, .number(value), code: code, at: wall)
        switch measurand {
        case .power: takePowerFromMeter()
        case .powerImport, .powerExport:
            guard case .number(let power)? = snapshot.values[.powerImport] else { return }
            takePowerFromMeter()
            guard case .number(let export)? = snapshot.values[.powerExport] else {
                return snapshot.values.set(.power, .number(power), code: code, at: wall)
            }
            if let net = Quantity.adding(power, export.negated) { snapshot.values.set(.power, .number(net), at: wall) }
        default: break
        }
    }

    private mutating func takePowerFromMeter() {
        guard !sendsPower else { return }
        sendsPower = true
        snapshot.expected = []
        // The error of the last estimate does not apply to the power that the meter sends.
        snapshot.values.removeAll { $0 == .powerError }
    }

    /// Announces that power will be estimated. A meter that pushes sends its power, if it has any, in every whole telegram. The registers of
    /// one that is asked arrive one by one, so its power may still follow; then the announcement is corrected.
    private mutating func expectPower(after readout: Readout) {
        guard !sendsPower, snapshot.expected.isEmpty, readout.source == .iec62056 || readout.isWhole else { return }
        guard isFine(.energyImport) || isFine(.energyExport) else { return }
        snapshot.expected = [.power, .powerError]
    }

    /// Whether the total has decimals. With whole kWh, as a locked meter sends them, the first estimate would take hours or days. Some
    /// meters send decimals that are always 0.
    private func isFine(_ total: Measurand) -> Bool {
        if case .number(let number)? = snapshot.values[total] { number.units(of: 0) == nil } else { false }
    }

    private mutating func estimatePower(wall: WallTime) {
        guard !sendsPower, let estimate = power.estimate(below: maxPower) else { return }
        snapshot.values.set(.power, .number(Quantity(estimate.watts)), at: wall)
        snapshot.values.set(.powerError, .number(Quantity(estimate.error)), at: wall)
    }
}
