import Metering

/// A meter at the other end of a serial port, from the host's side, as a value: it is told what happened and says what to do.
package protocol MeterSession: Sendable {
    /// When `timedOut` is due.
    var deadline: Instant? { get }
    /// How long bytes may gather before they are asked for.
    var gathering: Duration? { get }
    /// What to send when reading stops.
    var farewell: [UInt8] { get }

    /// The port is open, with `LineSettings.opening`.
    mutating func opened(_ now: Instant) -> [MeterAction]
    mutating func received(_ bytes: [UInt8], _ now: Instant) -> [MeterAction]
    mutating func timedOut(_ now: Instant) -> [MeterAction]
    /// The port is gone.
    mutating func closed() -> [MeterAction]
}

extension LineSettings {
    /// A port is opened at 9600 7E1; what the session needs then, it applies.
    package static let opening = LineSettings(.b9600)
}
