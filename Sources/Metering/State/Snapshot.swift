/// The state of all meters at one moment, for the outputs. Only the newest one is needed: its totals include everything before.
package struct Snapshot: Sendable {
    /// In the order of the configuration.
    package let shared: [SharedMeter]
    /// Changes when something was read that must be saved for the next start: a first total, or another meter.
    package let memoryRevision: Int
    /// In the order in which they were first reported.
    package let outputs: [OutputState]

    package init(_ shared: [SharedMeter], memoryRevision: Int = 0, outputs: [OutputState] = []) {
        self.shared = shared
        self.memoryRevision = memoryRevision
        self.outputs = outputs
    }

    package init(meters: [MeterSnapshot]) { self.init(meters.map { SharedMeter($0) }) }

    package var meters: [MeterSnapshot] { shared.map(\.meter) }

    package subscript(_ name: String) -> MeterSnapshot? { shared.first { $0.meter.name == name }?.meter }

    /// The totals that must survive a restart, by the names of the meters.
    package var totals: [String: PulseTotal] {
        Dictionary(uniqueKeysWithValues: shared.compactMap { shared in shared.meter.total.map { (shared.meter.name, $0) } })
    }

    /// Every meter that is not being read, and every output that delivers nothing, in words.
    package var problems: [String] {
        meters.compactMap { meter in meter.failure.map { "\(meter.name): \($0)" } }
            + outputs.compactMap { output in output.problem.map { "\(output.name): \($0)" } }
    }

    /// Whether both snapshots have the same totals for the same meters.
    package func hasTotals(of other: Snapshot) -> Bool {
        shared.elementsEqual(other.shared) { $0 === $1 || $0.meter.total == $1.meter.total }
    }
}

/// One meter of a snapshot. Most changes affect another meter, so this one is passed on by reference instead of being copied.
package final class SharedMeter: Sendable {
    package let meter: MeterSnapshot

    package init(_ meter: MeterSnapshot) { self.meter = meter }
}

package enum MeterKind: Sendable, Equatable {
    case optical, pulse(Medium)
    /// A meter behind an optical one.
    case sub(Medium)
}

package enum Medium: String, Sendable, Equatable, CaseIterable { case electricity, gas, water, heat }

package struct MeterSnapshot: Sendable, Equatable {
    package var name: String
    package var title: String
    package var kind: MeterKind
    /// The unit of `volume` (m³ or L); `flow` is per hour. `nil` for electricity.
    package var volumeUnit: Unit?
    /// Values that have never been read are missing here.
    package var values = MeasuredValues()
    /// Values that will follow, although none may be known yet: an estimate needs several readings or pulses.
    package var expected: Set<Measurand> = []
    /// The registers that the user has named, in the order of the configuration, read or not.
    package var named: [NamedRegister] = []
    /// The meter is being read.
    package var isAvailable = false
    /// Why the meter is not being read (or not correctly), in words.
    package var problem: String?
    /// The problem, including that of a meter that has never been read.
    package var failure: String? { problem ?? (isAvailable ? nil : "has not been read yet") }
    package var manufacturer: String?
    package var model: String?
    package var serial: String?
    /// The number of readings included; `readAt` is the time of the newest.
    package var readings = 0
    package var readAt: WallTime?
    /// The total that must survive a restart; only for pulse meters whose saved total could be read.
    package var total: PulseTotal?
    /// This pulse meter's total is unknown until it is set or the broker's is found.
    package var lacksTotal = false
    /// The total, unless it is unknown.
    package var knownTotal: PulseTotal? { lacksTotal ? nil : total }

    package init(name: String, title: String, kind: MeterKind, volumeUnit: Unit? = nil) {
        self.name = name
        self.title = title
        self.kind = kind
        self.volumeUnit = volumeUnit
    }
}
