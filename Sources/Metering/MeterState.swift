/// The name a meter has in topics, and the one that people see.
package struct MeterDescription: Sendable, Equatable {
    package var name: String
    package var title: String

    package init(name: String, title: String) {
        self.name = name
        self.title = title
    }
}

/// All meters: the only place where meaning is combined. Newest register wins, totals never run backwards, power is estimated where a
/// meter sends none, and a meter that is silent for too long is said to be.
package struct MeterState: Sendable {
    private enum Place: Sendable {
        case optical(Int)
        case pulse(Int)
        /// The light of the optical meter.
        case light(Int)
    }

    private var optical: [OpticalMeterState] = []
    /// Behind the optical meters, by their places there.
    private var subMeters: [[SubMeterState]] = []
    private var pulse: [PulseMeterState] = []
    /// In the order of the configuration.
    private var order: [Place] = []
    private var places: [String: Place] = [:]

    package init() {}

    package mutating func addOptical(_ meter: MeterDescription, maxPower: Int64, staleAfter: Duration) {
        add(.optical(optical.count), meter.name)
        optical.append(OpticalMeterState(meter, maxPower: maxPower, staleAfter: staleAfter))
        subMeters.append([])
    }

    package mutating func addPulse(
        _ meter: MeterDescription, medium: Medium, unit: Unit, pulsesPerUnit: Quantity, restored: StoredTotal
    ) {
        add(.pulse(pulse.count), meter.name)
        pulse.append(PulseMeterState(meter, medium: medium, unit: unit, pulsesPerUnit: pulsesPerUnit, restored: restored))
    }

    /// The pulses of `name` are the light of a meter that was added before: they are no meter of their own.
    package mutating func addLight(_ name: String, of meter: String, pulsesPerUnit: Quantity) {
        guard case .optical(let index)? = places[meter] else { preconditionFailure("the configuration names a meter that there is") }
        precondition(places[name] == nil, "the configuration names each meter once")
        places[name] = .light(index)
        optical[index].followLight(pulsesPerUnit: pulsesPerUnit)
    }

    private mutating func add(_ place: Place, _ name: String) {
        precondition(places[name] == nil, "the configuration names each meter once")
        places[name] = place
        order.append(place)
    }

    package var snapshot: Snapshot {
        Snapshot(
            meters: order.flatMap { place -> [MeterSnapshot] in
                switch place {
                case .optical(let index):
                    let meter = optical[index].snapshot
                    return [meter] + subMeters[index].map { $0.snapshot(of: meter) }
                case .light: return []
                case .pulse(let index): return [pulse[index].snapshot]
                }
            })
    }

    /// When `advance` is due next.
    package var deadline: Instant? {
        var earliest: Instant?
        for index in optical.indices { earliest = optical[index].deadline.earlier(earliest) }
        for index in pulse.indices { earliest = pulse[index].deadline.earlier(earliest) }
        return earliest
    }

    package mutating func advance(to now: Instant) {
        for index in optical.indices { optical[index].advance(to: now) }
        for index in pulse.indices { pulse[index].advance(to: now) }
    }

    // MARK: Optical meters

    package mutating func record(_ readout: Readout, of meter: String, wall: WallTime) {
        changeOptical(meter) { $0.record(readout, wall: wall) }
        guard case .optical(let place)? = places[meter] else { return }
        for sub in readout.subMeters {
            let index = subMeters[place].firstIndex { $0.channel == sub.channel } ?? addSubMeter(sub, at: place)
            if let index { subMeters[place][index].record(sub, at: readout.at, wall: wall) }
        }
    }

    /// `grid_gas`, and where that is taken, `grid_gas_2` by its channel.
    private mutating func addSubMeter(_ sub: SubMeter, at place: Int) -> Int? {
        let parent = optical[place].snapshot
        let taken = Set(snapshot.meters.map(\.name))
        for suffix in ["", "_\(sub.channel)"] {
            let name = "\(parent.name)_\(sub.medium.rawValue)\(suffix)"
            guard !taken.contains(name) else { continue }
            subMeters[place].append(SubMeterState(sub, name: name, title: "\(parent.title) \(sub.medium.rawValue)"))
            return subMeters[place].count - 1
        }
        return nil
    }

    package mutating func countError(of meter: String) { changeOptical(meter) { $0.countError() } }

    package mutating func note(problem: String?, of meter: String) { changeOptical(meter) { $0.note(problem: problem) } }

    // MARK: Pulse meters

    package mutating func record(_ reading: PulseReading, of meter: String, now: Instant, wall: WallTime) {
        if case .light(let index)? = places[meter] { optical[index].record(light: reading, name: meter) }
        changePulse(meter) { $0.record(reading, now: now, wall: wall) }
    }

    /// Sets a pulse meter's total; says why not, or `nil`.
    package mutating func setTotal(_ total: Quantity, of meter: String, wall: WallTime) -> String? {
        guard case .pulse? = places[meter] else { return "no pulse meter is called \(meter)" }
        guard !total.isNegative, total <= Quantity(1_000_000_000), total.exponent >= -9 else { return "\(total) is no possible total" }
        changePulse(meter) { $0.set(total, wall: wall) }
        return nil
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
