import Metering

/// The host's side of the dialogue with a meter on a serial port, as a value: it is fed events and returns what to do.
package protocol MeterSession: Sendable {
    /// When `timedOut` has to be called.
    var deadline: Instant? { get }
    /// How long received bytes may be collected before the session needs them.
    var gathering: Duration? { get }
    /// What to send when reading ends.
    var farewell: [UInt8] { get }

    /// The port was opened with `LineSettings.opening`.
    mutating func opened(_ now: Instant) -> [MeterAction]
    mutating func received(_ bytes: [UInt8], _ now: Instant) -> [MeterAction]
    mutating func timedOut(_ now: Instant) -> [MeterAction]
    /// The port was closed.
    mutating func closed() -> [MeterAction]
}

extension LineSettings {
    /// A port is opened at 9600 7E1; the session applies other settings if it needs them.
    package static let opening = LineSettings(.b9600)
}
