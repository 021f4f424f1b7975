import Metering

/// A virtual sensor of Domoticz: the meter and the quantity that it shows.
package struct DomoticzDevice: Sendable, Equatable {
    /// The types of virtual sensors, by their names in Domoticz: P1 Smart Meter, Gas, Electric (instant and counter), Usage, Counter,
    /// Voltage, Ampere (1 or 3 phases), Custom Sensor.
    package enum Kind: String, Sendable, CaseIterable {
        case p1, p1Gas = "p1-gas", kwh, usage, counter, voltage, current, current3 = "current-3", custom
    }

    package var idx: Int
    package var meter: String
    package var kind: Kind
    /// The quantity to show; only for kinds that can show more than one.
    package var quantity: Measurand?
    /// `p1` only: the tariffs are reported separately.
    package var hasTariffs = false
    /// `p1` only: the meter counts the energy that is fed into the grid.
    package var hasExport = true

    package init(idx: Int, meter: String, kind: Kind) {
        self.idx = idx
        self.meter = meter
        self.kind = kind
    }

    /// What is sent to Domoticz: the complete line, and the counters in it, which must never decrease.
    struct Reading: Equatable {
        var svalue: String
        var counters: [Int64] = []
    }

    /// The candidates for a counter, in order of preference; the first one that the meter has is used.
    private static let totals: [Measurand] = [.energy, .volume, .energyImport]

    /// The quantities that the line is made of, in order.
    func parts(of meter: MeterSnapshot) -> [Measurand] {
        switch kind {
        case .p1: energies + [.power]
        case .p1Gas: [.volume]
        case .kwh: [.power, quantity ?? total(of: meter)]
        case .usage: [quantity ?? .power]
        case .counter: [quantity ?? total(of: meter)]
        case .voltage: [quantity ?? .voltageL1]
        case .current: [quantity ?? .currentL1]
        case .current3: [.currentL1, .currentL2, .currentL3]
        case .custom: quantity.map { [$0] } ?? []
        }
    }

    private var energies: [Measurand] {
        if hasTariffs { return [.energyImportT1, .energyImportT2] + (hasExport ? [.energyExportT1, .energyExportT2] : []) }
        return [.energyImport] + (hasExport ? [.energyExport] : [])
    }

    private func total(of meter: MeterSnapshot) -> Measurand { Self.totals.first { meter.values[$0] != nil } ?? Self.totals[0] }

    /// Returns `nil` while a part is missing, because a partial line would corrupt the history.
    func reading(of meter: MeterSnapshot) -> Reading? {
        let numbers = parts(of: meter).map { meter.number($0) }
        let known = numbers.compactMap(\.self)
        guard known.count == numbers.count, !known.isEmpty else { return nil }
        switch kind {
        case .p1: return p1(known)
        case .kwh:
            guard let watts = power(known[0]), let counter = count(known[1], of: meter) else { return nil }
            return Reading(svalue: "\(watts);\(counter)", counters: [counter])
        case .p1Gas, .counter:
            guard let counter = count(known[0], of: meter) else { return nil }
            return Reading(svalue: "\(counter)", counters: [counter])
        case .usage: return known[0].whole(of: 0).map { Reading(svalue: "\($0)") }
        case .voltage, .current, .current3, .custom: return Reading(svalue: known.map(\.description).joined(separator: ";"))
        }
    }

    /// Import per tariff, export per tariff, then power in each direction: unsigned, in Wh and W.
    private func p1(_ parts: [Quantity]) -> Reading? {
        let counters = parts.dropLast().compactMap { $0.whole(of: -3) }
        guard counters.count == parts.count - 1, let watts = parts.last?.whole(of: 0) else { return nil }
        let perDirection = hasTariffs ? 2 : 1
        var line: [Int64] = []
        for direction in 0..<2 {
            for tariff in 0..<2 {
                let index = direction * perDirection + tariff
                line.append(tariff < perDirection && index < counters.count ? counters[index] : 0)
            }
        }
        guard line.allSatisfy({ $0 >= 0 }) else { return nil }
        let powers = [max(watts, 0), max(-watts, 0)]
        return Reading(svalue: (line + powers).map(String.init).joined(separator: ";"), counters: line)
    }

    /// The power in watts; for a counter of one direction, 0 while energy flows in the other direction.
    private func power(_ power: Quantity) -> Int64? {
        guard let watts = power.whole(of: 0) else { return nil }
        return quantity == .energyExport ? max(-watts, 0) : quantity == .energyImport ? max(watts, 0) : watts
    }

    /// The total in whole Wh or litres.
    private func count(_ total: Quantity, of meter: MeterSnapshot) -> Int64? {
        guard !total.isNegative else { return nil }
        return total.whole(of: meter.volumeUnit == .litres ? 0 : -3)
    }
}
