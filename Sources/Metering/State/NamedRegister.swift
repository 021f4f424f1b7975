/// A register that the user has named: it is published under that name, as it was read.
package struct NamedRegister: Equatable, Sendable {
    package var code: OBISCode
    package var name: String
    /// `nil` until the register has been read.
    package var value: RegisterValue?
    package var at: WallTime?

    package init(_ code: OBISCode, name: String) {
        self.code = code
        self.name = name
    }

    package var unit: Unit? { if case .number(_, let unit)? = value { unit } else { nil } }
}

extension RegisterValue {
    /// The payload published to the register's topic.
    package var measured: MeasuredValue {
        switch self {
        case .number(let number, _): .number(number)
        case .text(let text): .text(text)
        }
    }

    /// Whether `other` could be another value of the same register: the same type and unit.
    package func isLike(_ other: RegisterValue) -> Bool {
        switch (self, other) {
        case (.number(_, let unit), .number(_, let otherUnit)): unit == otherUnit
        case (.text, .text): true
        default: false
        }
    }
}

extension OBISCode {
    /// Whether this is a current energy total, or the difference of two totals.
    package var isCounter: Bool { a == 1 && d == 8 && f == 255 }

    /// Excludes 16.8.0, which is import minus export and may fall, and 36.8.0, the same for L1.
    package var isRisingCounter: Bool { isCounter && c % 20 != 16 }
}

/// The registers of one meter that the user has named.
struct NamedRegisters: Sendable {
    /// A message to the customer has up to 1024 characters, sent in hex.
    private static let longestText = 2048

    private(set) var registers: [NamedRegister]
    private var totals: [MonotonicTotal]
    /// Values from a telegram without a checksum, which the next telegram must confirm.
    private var unconfirmed: [RegisterValue?]

    init(_ registers: [NamedRegister]) {
        self.registers = registers
        totals = registers.map { _ in MonotonicTotal() }
        unconfirmed = registers.map { _ in nil }
    }

    var isEmpty: Bool { registers.isEmpty }

    enum Verdict: Equatable { case good, waiting, held(String) }

    /// The verdict on each register that was read, by name.
    mutating func record(_ readout: Readout, wall: WallTime, maxPower: Int64) -> [(name: String, verdict: Verdict)] {
        registers.indices.compactMap { index in
            guard let value = readout[registers[index].code] else { return nil }
            let verdict = verdict(on: value, index, in: readout, wall: wall, maxPower: maxPower)
            if verdict == .good { (registers[index].value, registers[index].at) = (accepted(value, index), wall) }
            return (registers[index].name, verdict)
        }
    }

    /// Returns the value to publish. For a total read without a checksum, this is the previous reading.
    private func accepted(_ value: RegisterValue, _ index: Int) -> RegisterValue {
        guard case .number(_, let unit?) = value, let exponent = unit.exponentToKilo, let total = totals[index].value else { return value }
        return .number(total.scaled(by: -exponent), unit)
    }

    private mutating func verdict(
        on value: RegisterValue, _ index: Int, in readout: Readout, wall: WallTime, maxPower: Int64
    ) -> Verdict {
        if case .text(let text) = value, text.utf8.count > Self.longestText { return .held("is too long: not published") }
        guard case .number(let number, let unit?) = value else {
            defer { unconfirmed[index] = value }
            return readout.isChecked || value == unconfirmed[index] ? .good : .waiting
        }
        if let bound = unit.bound(maxPower: maxPower), number > bound || number < bound.negated {
            return .held("is more than a connection of \(maxPower) W allows: not published")
        }
        guard registers[index].code.isRisingCounter, let exponent = unit.exponentToKilo else { return .good }
        let rules = MonotonicTotal.Rules(perHour: Double(maxPower) / 1000, isChecked: readout.isChecked)
        switch totals[index].record(number.scaled(by: exponent), at: readout.at, wall: wall, rules) {
        case .accepted, .replaced: return .good
        case .waiting: return .waiting
        case .impossible: return .held("can't be \(number)")
        case .backwards: return .held("ran backwards: held until confirmed")
        case .tooFast: return .held("rose faster than \(maxPower) W: held until confirmed")
        }
    }
}

extension Unit {
    /// `nil` unless this is a unit of energy.
    fileprivate var exponentToKilo: Int? {
        switch self {
        case .wattHours, .varHours, .voltAmpereHours: -3
        case .kilowattHours, .kilovarHours, .kilovoltAmpereHours: 0
        default: nil
        }
    }

    /// The largest magnitude that is possible on a connection of `maxPower` watts; anything beyond was misread. `nil` if there is no limit.
    func bound(maxPower: Int64) -> Quantity? {
        switch self {
        case .watts, .vars, .voltAmperes: Quantity(maxPower)
        case .kilowatts, .kilovars, .kilovoltAmperes: Quantity(maxPower, exponent: -3)
        // The mains voltage is at least 100 V.
        case .amperes: Quantity(maxPower, exponent: -2)
        case .volts: Quantity(1_000)
        case .hertz: Quantity(100)
        default: nil
        }
    }
}
