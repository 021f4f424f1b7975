import Metering

/// When a session asks for the meter's time and date. They matter less than the measured values, so they are read only once an hour, one of
/// them per round, and no more after three failures.
struct ClockCadence: Sendable {
    /// The time is read before the date. If midnight is in between, the date is the next day's, which can be corrected because it is known
    /// how much later the date was read.
    private static let codes = [OBISCode(0, 9, 1), OBISCode(0, 9, 2)]
    private static let every = Duration.seconds(3600)
    /// The clock is not read in the first minute, while the first values are read and the head may still be being adjusted.
    private static let first = Duration.seconds(60)
    private static let failuresAllowed = 3

    private var dueAt: Instant?
    private var waiting: [OBISCode] = []
    private var failures = 0

    /// Starts a session. If only the time was read in the last session, it is dropped: the date of another session does not belong to it.
    mutating func begin(_ now: Instant) {
        if !waiting.isEmpty { dueAt = nil }
        waiting = []
        dueAt = max(dueAt ?? now, now + Self.first)
    }

    /// The register to read in this round besides `registers`.
    mutating func question(besides registers: [OBISCode], _ now: Instant) -> OBISCode? {
        guard failures < Self.failuresAllowed, !registers.contains(where: Self.codes.contains) else { return nil }
        if waiting.isEmpty, let dueAt, dueAt <= now {
            waiting = Self.codes
            self.dueAt = now + Self.every
        }
        return waiting.first
    }

    /// Whether this register was asked for by the cadence, as its next clock register.
    func isAsking(for code: OBISCode) -> Bool { waiting.first == code }

    mutating func succeeded() {
        waiting.removeFirst()
        if waiting.isEmpty { failures = 0 }
    }

    /// To be called when the meter refused the register, or reading it broke the session.
    mutating func failed() {
        waiting = []
        failures += 1
    }
}
