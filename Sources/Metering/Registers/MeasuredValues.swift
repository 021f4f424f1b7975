/// The values of one meter, by quantity. With a dozen entries a linear search is faster than hashing, and the list is copied with every
/// snapshot.
package struct MeasuredValues: Sendable {
    /// A value and its origin.
    package struct Reading: Sendable {
        let measurand: Measurand
        package let value: MeasuredValue
        /// The register, possibly derived by `canonicalRegisters`; `nil` for an estimate, or if the meter sent the value outside its
        /// registers.
        package let code: OBISCode?
        /// When the value was last read, confirmed by a reading with the same value, or estimated. If telegrams have no checksum, the value
        /// may have been sent up to two telegrams earlier.
        package let at: WallTime
    }

    /// In the order in which the quantities were first read.
    private var entries: [Reading] = []

    package init() {}

    package subscript(_ measurand: Measurand) -> MeasuredValue? { place(of: measurand).map { entries[$0].value } }

    package func reading(of measurand: Measurand) -> Reading? { place(of: measurand).map { entries[$0] } }

    /// Stores the value, or removes the entry if `value` is `nil`.
    package mutating func set(_ measurand: Measurand, _ value: MeasuredValue?, code: OBISCode? = nil, at wall: WallTime) {
        guard let value else { return removeAll { $0 == measurand } }
        let reading = Reading(measurand: measurand, value: value, code: code, at: wall)
        if let place = place(of: measurand) { entries[place] = reading } else { entries.append(reading) }
    }

    package mutating func removeAll(where mustGo: (Measurand) -> Bool) { entries.removeAll { mustGo($0.measurand) } }

    package var count: Int { entries.count }

    private func place(of measurand: Measurand) -> Int? {
        for place in entries.indices where entries[place].measurand == measurand { return place }
        return nil
    }
}

extension MeasuredValues: Equatable {
    /// Compares only the values, not their times: a value that was merely confirmed has not changed.
    package static func == (a: MeasuredValues, b: MeasuredValues) -> Bool {
        a.count == b.count && a.entries.allSatisfy { b[$0.measurand] == $0.value }
    }
}
