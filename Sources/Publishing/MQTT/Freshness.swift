import Metering

/// How long a value is true after it was said, and how often it is said again while it stays the same: three times in that while, so that
/// one that is lost does not matter.
struct Freshness: Sendable, Equatable {
    /// Home Assistant wants a minute at least.
    private static let shortest = Duration.seconds(20)

    let repeatEvery: Duration
    /// Seconds.
    let expiresAfter: Int

    /// Only power: all else either stays true, as a total does, or changes with every reading.
    init?(of unit: Unit?, every: Duration) {
        guard unit == .watts || unit == .kilowatts else { return nil }
        repeatEvery = max(Self.shortest, every)
        expiresAfter = Int((repeatEvery.nanoseconds * 3 + 999_999_999) / 1_000_000_000)
    }
}
