import Metering

/// How long a published value is valid, and how often it is repeated while it does not change: three times within that period, so that one
/// lost message does not matter.
struct Freshness: Sendable, Equatable {
    /// Three times this makes a minute, the least that Home Assistant needs.
    private static let shortest = Duration.seconds(20)

    let repeatEvery: Duration
    /// Seconds.
    let expiresAfter: Int

    /// Only for power: all other values either stay valid, as a total does, or change with every reading.
    init?(of unit: Unit?, every: Duration) {
        guard unit == .watts || unit == .kilowatts else { return nil }
        repeatEvery = max(Self.shortest, every)
        expiresAfter = Int((repeatEvery.nanoseconds * 3 + 999_999_999) / 1_000_000_000)
    }
}
