/// Everything that is known at one moment, for the sinks. Only the newest matters: its totals contain all before it.
package struct Snapshot: Sendable {
    /// In the order of the configuration.
    package let shared: [SharedMeter]
    /// Another one when something came that the next start must know about: a first total, or another meter.
    package let memoryRevision: Int

    package init(_ shared: [SharedMeter], memoryRevision: Int = 0) {
        self.shared = shared
        self.memoryRevision = memoryRevision
    }

    package init(meters: [MeterSnapshot]) { self.init(meters.map { SharedMeter($0) }) }

    package var meters: [MeterSnapshot] { shared.map(\.meter) }

    package subscript(_ name: String) -> MeterSnapshot? { shared.first { $0.meter.name == name }?.meter }

    /// What must survive a restart, by the names of the meters.
    package var totals: [String: PulseTotal] {
        Dictionary(uniqueKeysWithValues: shared.compactMap { shared in shared.meter.total.map { (shared.meter.name, $0) } })
    }

    /// The same totals in the same places.
    package func hasTotals(of other: Snapshot) -> Bool {
        shared.elementsEqual(other.shared) { $0 === $1 || $0.meter.total == $1.meter.total }
    }
}

/// One meter of a snapshot. Most often it is another one that has something new: this one is handed on as it is, not copied.
package final class SharedMeter: Sendable {
    package let meter: MeterSnapshot

    package init(_ meter: MeterSnapshot) { self.meter = meter }
}

package enum MeterKind: Sendable, Equatable {
    case optical, pulse(Medium)
    /// Behind an optical one.
    case sub(Medium)
}

package enum Medium: String, Sendable, Equatable, CaseIterable { case electricity, gas, water, heat }

package struct MeterSnapshot: Sendable, Equatable {
    package var name: String
    package var title: String
    package var kind: MeterKind
    /// The unit of `volume` (m³ or L); `flow` is per hour. `nil` for electricity.
    package var volumeUnit: Unit?
    /// A value that was never read is not here.
    package var values = MeasuredValues()
    /// What its owner has named, in the order of the configuration, read or not.
    package var named: [NamedRegister] = []
    /// The meter is being read.
    package var isAvailable = false
    /// Why it is not being read (or not right), in words.
    package var problem: String?
    package var manufacturer: String?
    package var model: String?
    package var serial: String?
    /// Counts the readings that are in here; the time of the newest.
    package var readings = 0
    package var readAt: WallTime?
    /// What must survive a restart; only of pulse meters whose saved total could be read.
    package var total: PulseTotal?
    /// Nobody here knows the total of this pulse meter.
    package var lacksTotal = false
    /// The total as it may be shown.
    package var knownTotal: PulseTotal? { lacksTotal ? nil : total }

    package init(name: String, title: String, kind: MeterKind, volumeUnit: Unit? = nil) {
        self.name = name
        self.title = title
        self.kind = kind
        self.volumeUnit = volumeUnit
    }
}
