import Metering

/// When a session asks for the meter's time and date. They matter less than the measured values, so they are read once an hour, one per
/// round, and no longer if the meter does not provide them.
struct ClockCadence: Sendable {
    /// The time before the date: if midnight is in between, the date is the next day's, and it is known how much later it was read.
    private static let codes = [OBISCode(0, 9, 1), OBISCode(0, 9, 2)]
    private static let every = Duration.seconds(3600)
    /// The first minute is for the values, and for a head that is still being adjusted.
    private static let first = Duration.seconds(60)
    private static let failuresAllowed = 3

    private var dueAt: Instant?
    private var waiting: [OBISCode] = []
    private var failures = 0

    /// Drops half a pair: it can't be completed in another session.
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

    /// Whether this register of a round is one of ours.
    func isAsking(for code: OBISCode) -> Bool { waiting.first == code }

    mutating func succeeded() {
        waiting.removeFirst()
        if waiting.isEmpty { failures = 0 }
    }

    /// The register was refused, or reading it breaks the session.
    mutating func failed() {
        waiting = []
        failures += 1
    }
}
