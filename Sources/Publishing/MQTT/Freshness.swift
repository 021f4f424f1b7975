import Metering

/// How long a published value is valid, and how often it is repeated while it does not change: three times within its validity, so that
/// losing one message does no harm.
struct Freshness: Sendable, Equatable {
    /// Three times this is a minute, the shortest validity that works with Home Assistant.
    private static let shortest = Duration.seconds(20)

    let repeatEvery: Duration
    /// The validity in seconds.
    let expiresAfter: Int

    /// `nil` for anything but power: all other values either stay valid, as a total does, or change with every reading.
    init?(of unit: Unit?, every: Duration) {
        guard unit == .watts || unit == .kilowatts else { return nil }
        repeatEvery = max(Self.shortest, every)
        expiresAfter = Int((repeatEvery.nanoseconds * 3 + 999_999_999) / 1_000_000_000)
    }
}
