import Metering

/// What a session wants done.
package enum MeterAction: Equatable, Sendable {
    case send([UInt8])
    case apply(LineSettings)
    case deliver(Readout)
    case noise(Noise)
    /// Why nothing can be read, in words; `nil` when it can again.
    case problem(String?)

    /// Damaged or missing, counted and never a value.
    package enum Noise: String, Sendable, Equatable {
        case damaged = "a message was damaged"
        case wrongCheck = "a checksum is wrong"
        case wrongParity = "a character's parity is wrong"
        case silence = "no answer"
        case unexpected = "an unexpected message"
        case refused = "the meter refused a register"
    }
}
