/// What a counter has counted on its line. It contains only numbers, because it is passed on at every pulse.
package struct PulseCount: Sendable, Equatable {
    /// Every pulse ever counted on this input.
    package var counted: Int64 = 0
    /// The pulses since the process began that were recovered from the sequence numbers of the kernel's edge events.
    package var recovered: Int64 = 0
    /// The maximum number of pulses that may be missing since the process began.
    package var lost: Int64 = 0
    /// When the newest pulse began.
    package var lastPulse: Instant?
    /// When the pulse before the newest began; `nil` if unknown. Not every pulse is reported separately, so these two times are needed for
    /// the current power.
    package var pulseBefore: Instant?

    package init() {}
}

/// The complete state of a counter's line, so only the newest reading is needed.
@dynamicMemberLookup
package struct PulseReading: Sendable, Equatable {
    package var count = PulseCount()
    /// Why the line can't be read; `nil` while it can.
    package var problem: String?
    /// Why unsaved pulses would be lost if the process ended; `nil` if they would not.
    package var journalProblem: String?

    package init(_ count: PulseCount = PulseCount()) { self.count = count }

    package subscript<Value>(dynamicMember member: WritableKeyPath<PulseCount, Value>) -> Value {
        get { count[keyPath: member] }
        set { count[keyPath: member] = newValue }
    }
}

/// A pulse meter's total from before the process began.
package enum StoredTotal: Sendable, Equatable {
    case total(PulseTotal)
    /// The last saved total but one, and why the last one can't be used.
    case older(PulseTotal, String)
    case new
    /// A saved total exists but can't be read: the total stays unknown until it is set or the broker's is found.
    case damaged(String)
}

/// The state of a meter that sends pulses.
struct PulseMeterState: Sendable {
    private(set) var snapshot: MeterSnapshot {
        didSet { shared = nil }
    }
    private var shared: SharedMeter?
    private let pulsesPerUnit: Quantity
    private let medium: Medium
    private var reading = PulseReading()
    /// The maximum delay until a pulse is reported; the report follows the end of the pulse.
    private static let latestReport = Duration.milliseconds(200)
    /// The jitter of the contact and of the timestamp.
    private static let jitter = Duration.milliseconds(2)
    private var rate: RateEstimator
    private var totalProblem: String?
    private var savingProblem: String?

    init(_ meter: MeterDescription, medium: Medium, unit: Unit, pulsesPerUnit: Quantity, restored: StoredTotal, wall: WallTime) {
        snapshot = MeterSnapshot(
            name: meter.name, title: meter.title, kind: .pulse(medium), volumeUnit: unit == .kilowattHours ? nil : unit)
        snapshot.expected = snapshot.volumeUnit == nil ? [.power, .powerError] : [.flow]
        self.pulsesPerUnit = pulsesPerUnit
        self.medium = medium
        switch restored {
        case .total(var total), .older(var total, _):
            total.changePulsesPerUnit(pulsesPerUnit)
            reading.counted = total.pulses
            snapshot.total = total
            totalProblem = total.originProblem
        case .new: snapshot.total = PulseTotal(pulsesPerUnit: pulsesPerUnit)
        case .damaged(let why): totalProblem = "the saved total can't be read (\(why)): set it"
        }
        // The estimate needs the count at the time the process began.
        rate = RateEstimator(refresh: .zero, count: reading.counted)
        noteProblem()
        noteDrift(wall)
        publish(wall)
    }

    /// Returns the same object as before, unless something has changed since.
    mutating func share() -> SharedMeter {
        let current = shared ?? SharedMeter(snapshot)
        shared = current
        return current
    }

    /// When the estimated power falls unless a pulse comes.
    private(set) var deadline: Instant?

    mutating func advance(to now: Instant, wall: WallTime) {
        guard let due = deadline, now >= due else { return }
        rate.quiet(until: now - Self.latestReport)
        estimatePower(at: now, wall)
    }

    mutating func record(_ new: PulseReading, now: Instant, wall: WallTime) {
        if new.counted > reading.counted {
            snapshot.readings += 1
            snapshot.readAt = wall
            snapshot.values.set(.lastReading, .time(wall), at: wall)
            // Records nothing if this pulse has already been recorded as the newest one.
            if let before = new.pulseBefore { recordRate(new.counted - 1, at: before) }
            recordRate(new.counted, at: new.lastPulse ?? now)
        }
        let isOldProblem = new.problem == reading.problem && new.journalProblem == reading.journalProblem
        reading = new
        // Pulses that came while the line was not being read have no timestamp.
        new.problem == nil ? rate.quiet(until: now - Self.latestReport) : rate.forget()
        snapshot.isAvailable = new.problem == nil
        if !isOldProblem { noteProblem() }
        publish(wall)
        estimatePower(at: now, wall)
    }

    private mutating func recordRate(_ count: Int64, at: Instant) { rate.record(count, asked: at - Self.jitter, answered: at) }

    /// Why the count can't be saved; `nil` if it can.
    mutating func note(savingProblem: String?) {
        self.savingProblem = savingProblem
        noteProblem()
    }

    mutating func set(_ total: Quantity, wall: WallTime) {
        let wasLost = snapshot.lacksTotal
        var new = snapshot.total ?? PulseTotal(pulses: reading.counted, pulsesPerUnit: pulsesPerUnit)
        new.set(total, at: wall, wasLost: wasLost)
        snapshot.total = new
        totalProblem = nil
        noteProblem()
        noteDrift(wall)
        snapshot.readings += 1
        publish(wall)
    }

    mutating func settle(_ remembered: RememberedTotal, wall: WallTime) {
        guard snapshot.lacksTotal else { return }
        var total = snapshot.total ?? PulseTotal(pulses: reading.counted, pulsesPerUnit: pulsesPerUnit, origin: .unsettled)
        switch remembered {
        case .found(let known):
            guard total.settle(from: known, at: wall) else { return settle(.unreadable("\(known) has too many digits"), wall: wall) }
            snapshot.total = total
            totalProblem = total.originProblem
        case .nothing:
            // If there is a saved total that can't be read, the total was certainly not 0.
            guard snapshot.total != nil, total.settle(from: nil, at: wall) else { return }
            snapshot.total = total
            totalProblem = nil
        case .unreadable(let why): totalProblem = totalProblem ?? "no saved total, and the broker's can't be read (\(why)): set it"
        case .unanswered:
            totalProblem = totalProblem ?? "no saved total, and the broker, which may have retained it, can't be asked: wait, or set it"
        }
        noteProblem()
        publish(wall)
    }

    private mutating func noteProblem() {
        let problems = [reading.problem, totalProblem, savingProblem, reading.journalProblem].compactMap(\.self)
        snapshot.problem = problems.isEmpty ? nil : problems.joined(separator: "; ")
    }

    private mutating func noteDrift(_ wall: WallTime) {
        let drift = snapshot.total?.drift
        snapshot.values.set(.drift, drift.map { .text($0.cause.description) }, at: wall)
        snapshot.values.set(.driftPulses, drift.map { .number(Quantity($0.pulses)) }, at: wall)
        snapshot.values.set(.driftPercent, drift?.percent.map { .number($0) }, at: wall)
    }

    private mutating func publish(_ wall: WallTime) {
        snapshot.values.set(.pulsesLost, .number(Quantity(reading.lost)), at: wall)
        snapshot.values.set(.pulsesRecovered, .number(Quantity(reading.recovered)), at: wall)
        let counted = reading.counted
        snapshot.total?.pulses = counted
        snapshot.lacksTotal = snapshot.total.map { $0.origin == .unsettled } ?? true
        guard let total = snapshot.knownTotal else { return }
        snapshot.values.set(.pulses, .number(Quantity(total.pulses)), at: wall)
        snapshot.values.set(snapshot.volumeUnit == nil ? .energy : .volume, .number(total.total), at: wall)
    }

    private mutating func estimatePower(at now: Instant, _ wall: WallTime) {
        deadline = rate.fallsAt.map { max($0 + Self.latestReport, now + max(.seconds(2), (now - $0) / 10)) }
        guard let estimate = rate.estimate else { return }
        let unitsPerHour = 3600 / pulsesPerUnit.approximate
        let (flow, error) = (estimate.rate * unitsPerHour, estimate.error * unitsPerHour)
        if snapshot.volumeUnit == nil {
            snapshot.values.set(.power, .number(Quantity(Int64(nearest: flow * 1000))), at: wall)
            snapshot.values.set(.powerError, .number(Quantity(Int64(nearest: (error * 1000 + 0.5).rounded(.up)))), at: wall)
        } else {
            snapshot.values.set(.flow, .number(Quantity(Int64(nearest: flow * 1000), exponent: -3)), at: wall)
        }
        if estimate.rate == 0 { deadline = nil }
    }
}

extension PulseTotal {
    /// The problem that is reported until the user sets the total.
    fileprivate var originProblem: String? {
        guard case .broker = origin else { return nil }
        return
            "the saved total was lost and continues from the broker's: pulses that were not published are missing; compare it with the display, and set it"
    }
}
