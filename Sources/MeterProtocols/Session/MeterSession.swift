import Metering

/// The host's side of the dialogue with a meter on a serial port, as a value: it is fed events and returns what to do.
package protocol MeterSession: Sendable {
    /// When `timedOut` has to be called.
    var deadline: Instant? { get }
    /// How long the caller may collect received bytes before passing them on.
    var gathering: Duration? { get }
    /// What to send when reading ends.
    var farewell: [UInt8] { get }

    /// To be called when the port has been opened with `LineSettings.opening`.
    mutating func opened(_ now: Instant) -> [MeterAction]
    mutating func received(_ bytes: [UInt8], _ now: Instant) -> [MeterAction]
    mutating func timedOut(_ now: Instant) -> [MeterAction]
    /// To be called when the port has been closed.
    mutating func closed() -> [MeterAction]
}

extension LineSettings {
    /// The settings with which a port is opened: 9600 7E1. The session applies other settings if it needs them.
    package static let opening = LineSettings(.b9600)
}
