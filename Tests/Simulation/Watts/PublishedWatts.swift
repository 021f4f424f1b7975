import Configuration
import MeterDaemon
import MeterProtocols
import Metering
import Publishing
import SimulatedWorld
import VirtualMeters

/// The published power of a load, with times.
struct PublishedWatts {
    struct Value {
        var at: Double
        var watts: Double
        var error: Double?
    }

    let load: Load
    var values: [Value] = []

    /// Runs the complete daemon in virtual time with a virtual ME162, with or without its LED as a pulse input.
    init(of load: Load, seed: UInt64, hasLight: Bool = false) {
        self.load = load
        let house = SimulatedHouse(seed: seed, profile: load.profile)
        house.configuration.pulses = []
        // At its very first start with `auto`, jouled listens for 0.9 s before it asks; later it knows the meter's language.
        house.configuration.meters[0].meterProtocol = .iec62056
        house.configuration.meters[0].every = Configuration.Meter(name: "grid", title: "", port: "").every
        if hasLight {
            house.addLight(load.steps.map { Instant(nanoseconds: 1_000_000_000_000 + Int64($0 * 1e9)) })
        }
        house.start()
        house.run(for: .nanoseconds(Int64(load.ends * 1e9)))
        for published in house.broker.published {
            guard let number = Quantity(published.message.payload)?.approximate else { continue }
            let at = Double(published.at.nanoseconds - 1_000_000_000_000) / 1e9
            switch published.message.topic {
            case "jouled/grid/power": values.append(Value(at: at, watts: number))
            case "jouled/grid/power_error" where !values.isEmpty && values[values.count - 1].at == at:
                values[values.count - 1].error = number
            default: break
            }
        }
        // An unchanged error is not published again.
        for index in values.indices.dropFirst() where values[index].error == nil { values[index].error = values[index - 1].error }
    }

    /// The method of earlier readers: windows of at least 20 s, 50 s or 300 s with 6, 2 or 0 steps; read every 1.83 s, published after 25, 60
    /// or 120 s.
    init(byWindowsOf load: Load, seed: UInt64) {
        self.load = load
        var generator = SeededGenerator(seed: seed)
        let phase = Double(generator.number(in: 0...999)) / 1000
        var (imported, exported) = (WindowedWatts(), WindowedWatts())
        var (said, saidAt) = (Double?.none, Double(generator.number(in: 0...999)) / 1000)
        var now = saidAt
        while now < load.ends {
            let energy = load.energy(at: max((now - phase).rounded(.down) + phase, 0))
            imported.record(energy.imported.rounded(.down), at: now)
            exported.record(energy.exported.rounded(.down), at: now)
            let isExport = exported.changedAt > imported.changedAt
            if let magnitude = isExport ? exported.watts : imported.watts {
                let watts = isExport ? -magnitude : magnitude
                let silence = now - saidAt
                if silence >= 120 || silence >= 60 && magnitude >= 400 || silence >= 25 && said.map({ Self.differs(watts, $0) }) ?? true {
                    values.append(Value(at: now, watts: watts.rounded()))
                    (said, saidAt) = (watts, now)
                    imported.restart()
                    exported.restart()
                }
            }
            now += 1.83
        }
    }

    private static func differs(_ new: Double, _ old: Double) -> Bool {
        new * old < 0 || (new.magnitude <= 20) != (old.magnitude <= 20) || !(0.6...1.6).contains(new / old)
    }

    // MARK: Quality

    /// Seconds from `start` until a value within a tenth of `watts` was published.
    func seconds(from start: Double, toWithinATenthOf watts: Double) -> Double {
        let hit = values.first { $0.at >= start && ($0.watts - watts).magnitude <= (watts * 0.1).magnitude }
        return (hit?.at ?? .infinity) - start
    }

    func contains(zeroFrom start: Double) -> Bool { values.contains { $0.at >= start && $0.watts.magnitude < 1 } }

    /// The mean difference from the load, with each value held until the next one, from the first value on.
    var meanError: (absolute: Double, signed: Double) {
        guard let first = values.first else { return (.infinity, .infinity) }
        var (absolute, signed, count, index, now) = (0.0, 0.0, 0.0, 0, first.at)
        while now < load.ends {
            while index + 1 < values.count, values[index + 1].at <= now { index += 1 }
            let difference = values[index].watts - load.watts(at: now)
            absolute += difference.magnitude
            signed += difference
            count += 1
            now += 0.1
        }
        return (absolute / count, signed / count)
    }

    /// Mean and standard deviation of the values published from `start` on, relative to the load at the end.
    func spread(from start: Double) -> (bias: Double, deviation: Double) {
        let values = values.filter { $0.at >= start }
        let truth = load.watts(at: load.ends)
        let mean = values.reduce(0) { $0 + $1.watts } / Double(max(values.count, 1))
        let variance = values.reduce(0) { $0 + ($1.watts - mean) * ($1.watts - mean) } / Double(max(values.count, 1))
        return (mean / truth - 1, variance.squareRoot() / truth.magnitude)
    }

    /// The number of values that are within their own error, and the number of all.
    var kept: (promises: Int, of: Int) {
        (values.count(where: isKept), values.count)
    }

    func isKept(_ value: Value) -> Bool {
        value.error.map { (load.meanSinceStep(at: value.at) - value.watts).magnitude <= $0 + 0.5 } ?? false
    }
}

/// One direction of the window method.
private struct WindowedWatts {
    private var times = [0.0, 0.0, 0.0]
    private var counts = [0.0, 0.0, 0.0]
    private var isBegun = false
    private(set) var changedAt = 0.0
    private(set) var watts: Double?

    mutating func record(_ count: Double, at now: Double) {
        guard isBegun else {
            (times, counts, isBegun) = ([now, now, now], [count, count, count], true)
            return
        }
        guard count > counts[2] else {
            if now - changedAt > 30 { watts = watts.map { min($0, 3600 / (now - changedAt)) } }
            return
        }
        changedAt = now
        (times[1], counts[1]) = (times[2], counts[2])
        (times[2], counts[2]) = (now, count)
        if times[1] - times[0] > 60, counts[1] - counts[0] <= 1, times[2] - times[1] < 15 { restart() }
        let (seconds, steps) = (times[2] - times[0], counts[2] - counts[0])
        if seconds >= 20 && steps >= 6 || seconds >= 50 && steps >= 2 || seconds >= 300 { watts = steps * 3600 / seconds }
    }

    mutating func restart() { (times[0], counts[0]) = (times[1], counts[1]) }
}
