import Metering

/// Which registers a round asks for. For a meter without a power register, power is derived from the steps of its energy register, and is
/// more precise the more often that is read: so the direction in which energy flows is read more often than the other.
package struct RegisterCadence: Sendable {
    private static let directions = [OBISCode(1, 8, 0), OBISCode(2, 8, 0)]
    /// A meter with a power register needs no steps.
    private static let powers = [OBISCode(16, 7, 0), OBISCode(1, 7, 0), OBISCode(2, 7, 0)]
    /// Back to back: this many reads, then one look at the others, every 1.6 s with the 0.3 s of an ME162.
    private static let readsPerLook = 4
    /// With rounds at fixed intervals: the time between looks, or in each round if rounds are further apart.
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
        // The other direction in each round, and one of the rest in turn.
        let rest = others.filter { !Self.directions.contains($0) }
        looks = (looks + 1) % max(rest.count, 1)
        let look = others.filter(Self.directions.contains) + (rest.isEmpty ? [] : [rest[looks]])
        return Array(repeating: active, count: Self.readsPerLook) + look
    }

    /// Returns whether energy flows in another direction than before.
    package mutating func note(_ register: Register) -> Bool {
        guard Self.directions.contains(register.code), let before = last.updateValue(register.value, forKey: register.code),
            before != register.value, register.code != active
        else { return false }
        defer { active = register.code }
        return active != nil
    }
}
