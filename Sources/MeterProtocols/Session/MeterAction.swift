import Metering

/// What a session asks its caller to do.
package enum MeterAction: Equatable, Sendable {
    case send([UInt8])
    case apply(LineSettings)
    case deliver(Readout)
    case noise(Noise)
    /// Why nothing can be read, as text; `nil` once the meter can be read again.
    case problem(String?)

    /// Data that was corrupted or missing. It is counted as an error, and never becomes a value.
    package enum Noise: String, Sendable, Equatable {
        case damaged = "a message was damaged"
        case wrongCheck = "a checksum is wrong"
        case wrongParity = "a character's parity is wrong"
        case silence = "no answer"
        case unexpected = "an unexpected message"
        case refused = "the meter refused a register"
    }
}
