import Metering

/// When a session asks for the meter's time and date. They interest nobody as much as what the meter measures: one of them a round, once an
/// hour, and no more where the meter does not give them.
struct ClockCadence: Sendable {
    /// The time before the date: at midnight the later one is of the next day, and it is known how much later it was read.
    private static let codes = [OBISCode(0, 9, 1), OBISCode(0, 9, 2)]
    private static let every = Duration.seconds(3600)
    /// The first minute belongs to the values, and to the head that is still being turned.
    private static let first = Duration.seconds(60)
    private static let failuresAllowed = 3

    private var dueAt: Instant?
    private var waiting: [OBISCode] = []
    private var failures = 0

    /// Half of a pair is of no use in another session.
    mutating func begin(_ now: Instant) {
        if !waiting.isEmpty { dueAt = nil }
        waiting = []
        dueAt = max(dueAt ?? now, now + Self.first)
    }

    /// What a round shall ask for besides `registers`.
    mutating func question(besides registers: [OBISCode], _ now: Instant) -> OBISCode? {
        guard failures < Self.failuresAllowed, !registers.contains(where: Self.codes.contains) else { return nil }
        if waiting.isEmpty, let dueAt, dueAt <= now {
            waiting = Self.codes
            self.dueAt = now + Self.every
        }
        return waiting.first
    }

    /// Of the registers that a round asks for, this one is ours.
    func isAsking(for code: OBISCode) -> Bool { waiting.first == code }

    mutating func succeeded() {
        waiting.removeFirst()
        if waiting.isEmpty { failures = 0 }
    }

    /// It was refused, or spoils the session.
    mutating func failed() {
        waiting = []
        failures += 1
    }
}
