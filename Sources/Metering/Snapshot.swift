/// Everything that is known at one moment, for the sinks. Only the newest matters: its totals contain all before it.
package struct Snapshot: Sendable, Equatable {
    /// In the order of the configuration.
    package var meters: [MeterSnapshot]

    package init(meters: [MeterSnapshot]) { self.meters = meters }

    package subscript(_ name: String) -> MeterSnapshot? { meters.first { $0.name == name } }

    /// What must survive a restart, by the names of the meters.
    package var totals: [String: PulseTotal] {
        Dictionary(uniqueKeysWithValues: meters.compactMap { meter in meter.total.map { (meter.name, $0) } })
    }

    /// The same totals in the same places.
    package func hasTotals(of other: Snapshot) -> Bool {
        guard meters.count == other.meters.count else { return false }
        for index in meters.indices where meters[index].total != other.meters[index].total { return false }
        return true
    }
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
