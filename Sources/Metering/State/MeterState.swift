/// The name of a meter in topics, and the title that users see.
package struct MeterDescription: Sendable, Equatable {
    package var name: String
    package var title: String

    package init(name: String, title: String) {
        self.name = name
        self.title = title
    }
}

/// The state of all meters, and the only place where readings are interpreted. The newest value of a register counts, totals never
/// decrease, power is estimated if a meter sends none, and a meter without readings for too long becomes unavailable.
package struct MeterState: Sendable {
    private enum Place: Sendable {
        case optical(Int)
        case pulse(Int)
        /// The light of the optical meter at this index.
        case light(Int)
    }

    private var optical: [OpticalMeterState] = []
    /// The meters behind the optical ones, by the same index.
    private var subMeters: [[SubMeterState]] = []
    private var pulse: [PulseMeterState] = []
    /// In the order of the configuration.
    private var order: [Place] = []
    private var places: [String: Place] = [:]
    /// The state from the previous run, by the index of the optical meters.
    private var remembered: [MeterMemory] = []
    private var remarks: [String] = []
    /// Counts the changes in sub-meters that have to be saved for the next start.
    private var turnsBehind = 0
    /// The index of the optical meter whose totals changed in the last readout.
    private var moved: Int?
    private var outputs: [OutputState] = []

    package init() {}

    package mutating func addOptical(
        _ meter: MeterDescription, named: [NamedRegister] = [], maxPower: Int64, staleAfter: Duration,
        remembered: MeterMemory = MeterMemory(), since now: Instant? = nil
    ) {
        add(.optical(optical.count), meter.name)
        var remembered = remembered
        remembered.channels = remembered.channels.filter { SubMeter.channels.contains($0.key) }
        optical.append(OpticalMeterState(meter, named, maxPower: maxPower, staleAfter: staleAfter, remembered: remembered, since: now))
        subMeters.append([])
        self.remembered.append(remembered)
    }

    package mutating func addPulse(
        _ meter: MeterDescription, medium: Medium, unit: Unit, pulsesPerUnit: Quantity, restored: StoredTotal, wall: WallTime
    ) {
        add(.pulse(pulse.count), meter.name)
        pulse.append(PulseMeterState(meter, medium: medium, unit: unit, pulsesPerUnit: pulsesPerUnit, restored: restored, wall: wall))
    }

    /// The pulses of `name` are the light of a meter that was added before; they are not a separate meter.
    package mutating func addLight(_ name: String, of meter: String, pulsesPerUnit: Quantity) {
        guard case .optical(let index)? = places[meter] else { preconditionFailure("the light's meter must be configured") }
        precondition(places[name] == nil, "every name must be unique")
        places[name] = .light(index)
        optical[index].followLight(pulsesPerUnit: pulsesPerUnit)
    }

    private mutating func add(_ place: Place, _ name: String) {
        precondition(places[name] == nil, "every name must be unique")
        places[name] = place
        order.append(place)
    }

    /// Returns everything that a change may have affected in one call, because separate calls would each copy everything.
    package mutating func drainChanges(
        ofPulses: Bool
    ) -> (snapshot: Snapshot, deadline: Instant?, remarks: [String]) {
        (share(), deadline(ofPulses: ofPulses), takeRemarks())
    }

    package var snapshot: Snapshot {
        var state = self
        return state.share()
    }

    private mutating func share() -> Snapshot {
        var meters: [SharedMeter] = []
        meters.reserveCapacity(order.count)
        for place in order {
            switch place {
            case .optical(let index):
                meters.append(optical[index].share())
                for sub in subMeters[index] { meters.append(SharedMeter(sub.snapshot(of: optical[index].snapshot))) }
            case .light: break
            case .pulse(let index): meters.append(pulse[index].share())
            }
        }
        return Snapshot(meters, memoryRevision: turns, outputs: outputs)
    }

    /// When `advance` is due next.
    package var deadline: Instant? { deadline(ofPulses: true) }

    /// When `advance` is due next. If `ofPulses` is false, the deadlines of pulse meters are ignored.
    package func deadline(ofPulses: Bool) -> Instant? {
        var earliest: Instant?
        for index in optical.indices { earliest = optical[index].deadline.earlier(earliest) }
        for index in pulse.indices where ofPulses { earliest = pulse[index].deadline.earlier(earliest) }
        return earliest
    }

    package mutating func advance(to now: Instant, wall: WallTime) {
        for index in optical.indices { optical[index].advance(to: now) }
        for index in pulse.indices { pulse[index].advance(to: now, wall: wall) }
    }

    // MARK: Optical meters

    package mutating func record(_ readout: Readout, of meter: String, wall: WallTime) {
        guard case .optical(let place)? = places[meter] else { return }
        let steps = optical[place].steps
        optical[place].record(readout, wall: wall)
        if optical[place].steps != steps { moved = place }
        if !optical[place].remarks.isEmpty {
            remarks += optical[place].remarks.map { "\(meter): \($0)" }
            optical[place].remarks = []
        }
        for sub in readout.subMeters {
            let index = subMeters[place].firstIndex { $0.channel == sub.channel } ?? addSubMeter(sub, at: place)
            guard let index else { continue }
            let before = subMeters[place][index].total.value
            defer { if subMeters[place][index].total.value != before { moved = place } }
            let remark = subMeters[place][index].record(sub, isChecked: readout.isChecked, at: readout.at, wall: wall)
            guard let remark else { continue }
            remarks.append(remark)
            turnsBehind += 1
        }
    }

    /// Names the meter `grid_gas`, or `grid_gas_2` with its channel if `grid_gas` is taken (possibly by a meter that has not been read
    /// since the start).
    private mutating func addSubMeter(_ sub: SubMeter, at place: Int) -> Int? {
        let parent = optical[place].snapshot
        let known = remembered[place].channels
        let others = known.compactMap { (channel, memory) -> String? in channel == sub.channel ? nil : memory.name }
        let taken = Set(snapshot.meters.map(\.name) + others)
        let plain = "\(parent.name)_\(sub.medium.rawValue)"
        // The name from the previous run is tried first.
        let numbered = "\(plain)_\(sub.channel)"
        let names = known[sub.channel]?.name == numbered ? [numbered, plain] : [plain, numbered]
        for name in names where !taken.contains(name) {
            subMeters[place].append(
                SubMeterState(
                    sub, name: name, title: "\(parent.title) \(sub.medium.rawValue)", remembered: remembered[place].channels[sub.channel]))
            return subMeters[place].count - 1
        }
        return nil
    }

    /// Messages for the log, each reported once.
    package mutating func takeRemarks() -> [String] {
        guard !remarks.isEmpty else { return [] }
        defer { remarks = [] }
        return remarks
    }

    /// Changes when something was read that must be saved for the next start: a first total, or another meter.
    package var turns: Int {
        var turns = turnsBehind
        for index in optical.indices { turns += optical[index].turns }
        return turns
    }

    /// What to save for the next start, by the names of the optical meters. What has not been read in this run is kept from the previous
    /// run.
    package var memories: [String: MeterMemory] {
        var memories: [String: MeterMemory] = [:]
        for (place, meter) in optical.enumerated() { memories[meter.snapshot.name] = memory(at: place) }
        return memories
    }

    private func memory(at place: Int) -> MeterMemory {
        var memory = optical[place].memory
        memory.channels = remembered[place].channels
        for sub in subMeters[place] { memory.channels[sub.channel] = sub.memory }
        return memory
    }

    /// The meter of the last readout, if its totals changed.
    package mutating func takeMoved() -> (meter: String, memory: MeterMemory)? {
        guard let place = moved.take() else { return nil }
        return (optical[place].snapshot.name, memory(at: place))
    }

    package mutating func countError(of meter: String, wall: WallTime) { changeOptical(meter) { $0.countError(wall: wall) } }

    package mutating func note(language: KnownLanguage, of meter: String) { changeOptical(meter) { $0.note(language: language) } }

    package mutating func note(problem: String?, of meter: String) { changeOptical(meter) { $0.note(problem: problem) } }

    // MARK: Outputs

    /// `problem`: why the output delivers nothing, or `nil`.
    package mutating func note(outputProblem problem: String?, of output: String, wall: WallTime) {
        let state = OutputState(name: output, problem: problem, since: wall)
        guard let place = outputs.firstIndex(where: { $0.name == output }) else { return outputs.append(state) }
        if outputs[place].problem != problem { outputs[place] = state }
    }

    // MARK: Pulse meters

    package mutating func record(_ reading: PulseReading, of meter: String, now: Instant, wall: WallTime) {
        if case .light(let index)? = places[meter] { optical[index].record(light: reading, name: meter, wall: wall) }
        changePulse(meter) { $0.record(reading, now: now, wall: wall) }
    }

    /// Sets a pulse meter's total; returns the reason if that is refused, or `nil`.
    package mutating func setTotal(_ total: Quantity, of meter: String, wall: WallTime) -> String? {
        guard case .pulse? = places[meter] else { return "no pulse meter named \(meter)" }
        guard total.isPossibleTotal else { return "\(total) is not a possible total" }
        changePulse(meter) { $0.set(total, wall: wall) }
        return nil
    }

    /// Continues a pulse meter whose saved total has been lost, using the total that the broker has retained.
    package mutating func settle(_ total: RememberedTotal, of meter: String, wall: WallTime) {
        changePulse(meter) { $0.settle(total, wall: wall) }
    }

    package mutating func note(savingProblem: String?, of meter: String) { changePulse(meter) { $0.note(savingProblem: savingProblem) } }

    private mutating func changeOptical(_ name: String, _ change: (inout OpticalMeterState) -> Void) {
        if case .optical(let index)? = places[name] { change(&optical[index]) }
    }

    private mutating func changePulse(_ name: String, _ change: (inout PulseMeterState) -> Void) {
        if case .pulse(let index)? = places[name] { change(&pulse[index]) }
    }
}

extension Instant? {
    fileprivate func earlier(_ other: Instant?) -> Instant? {
        guard let self, let other else { return self ?? other }
        return Swift.min(self, other)
    }
}
