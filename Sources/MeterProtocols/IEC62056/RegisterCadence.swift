import Metering

/// Which registers a round asks for. For a meter without a power register, power is derived from the steps of its energy register. It is
/// more precise if that register is read more often, so the register for the direction in which energy flows is read most often.
package struct RegisterCadence: Sendable {
    private static let directions = [OBISCode(1, 8, 0), OBISCode(2, 8, 0)]
    /// The power registers. If the meter has one, power need not be derived.
    private static let powers = [OBISCode(16, 7, 0), OBISCode(1, 7, 0), OBISCode(2, 7, 0)]
    /// If rounds follow back to back: how many times the active register is read before one look at the others. An ME162 takes 0.3 s per
    /// read, so there is a look every 1.6 s.
    private static let readsPerLook = 4
    /// If rounds have a fixed interval: the time between looks at the other registers. If the interval is longer, each round has a look.
    private static let longestBetweenLooks = Duration.seconds(2)

    private let isBackToBack: Bool
    private let isEven: Bool
    private let roundsPerLook: Int64
    private var rounds: Int64 = 0
    private var looks = 0
    private var active: OBISCode?
    private var last: [OBISCode: RegisterValue] = [:]

    package init(every: Duration, isEven: Bool) {
        self.isEven = isEven
        isBackToBack = every <= .zero
        roundsPerLook = isBackToBack ? 1 : max(1, Self.longestBetweenLooks.nanoseconds / every.nanoseconds)
    }

    package mutating func round(of registers: [OBISCode]) -> [OBISCode] {
        guard let active, !isEven, registers.contains(active), !registers.contains(where: Self.powers.contains) else { return registers }
        rounds += 1
        guard rounds % roundsPerLook == 0 else { return [active] }
        let others = registers.filter { $0 != active }
        guard isBackToBack else { return [active] + others }
        // Each round reads the register of the other direction, and one of the remaining registers in turn.
        let rest = others.filter { !Self.directions.contains($0) }
        looks = (looks + 1) % max(rest.count, 1)
        let look = others.filter(Self.directions.contains) + (rest.isEmpty ? [] : [rest[looks]])
        return Array(repeating: active, count: Self.readsPerLook) + look
    }

    /// Notes the first values, from the readout before the session: if the session's first values are higher, the direction is known.
    package mutating func begin(with readout: [Register]) {
        for register in readout where Self.directions.contains(register.code) { last[register.code] = register.value }
    }

    /// Notes a value that was read. Returns whether energy now flows in a different direction than before.
    package mutating func note(_ register: Register) -> Bool {
        guard Self.directions.contains(register.code), let before = last.updateValue(register.value, forKey: register.code),
            Self.hasMoved(from: before, to: register.value), register.code != active
        else { return false }
        defer { active = register.code }
        return active != nil
    }

    /// A meter may show more digits in a session than in the readout, which is not a step.
    private static func hasMoved(from old: RegisterValue, to new: RegisterValue) -> Bool {
        guard case .number(let old, _) = old, case .number(let new, _) = new, old.exponent == new.exponent else { return false }
        return old != new
    }
}
