import Metering

/// Finds telegrams in bytes that arrive unasked: from a meter that pushes, or from a recording. The bytes may be pushed in pieces of any
/// size. A corrupted telegram becomes noise and never a value, and the intact telegrams after it are still found.
package protocol PushDecoder: Sendable {
    mutating func push(_ bytes: [UInt8], at now: Instant) -> [Finding]
    /// Ends the recording: a telegram that is incomplete now was cut off.
    mutating func finish() -> [Finding]
}

package enum Finding: Hashable, Sendable {
    case readout(Readout)
    case noise(Noise)

    package enum Noise: Hashable, Sendable {
        case wrongCheck, cutOff, tooLong, corruptLine, wrongParity, withoutStart, withoutRegisters, withoutQuestion, malformed
        /// This many lines passed the checksum but are not data lines; the other lines are in the preceding readout.
        case unreadableLines(Int)
        /// The meter's error text, such as `ERROR`.
        case refused(String)
    }
}

extension Finding.Noise: CustomStringConvertible {
    package var description: String {
        switch self {
        case .wrongCheck: "a checksum is wrong"
        case .cutOff: "a telegram is cut off"
        case .tooLong: "a telegram or a line is too long"
        case .corruptLine: "a telegram without checksum has a corrupt line"
        case .wrongParity: "a telegram without checksum has a parity error"
        case .withoutStart: "the start of a block is missing"
        case .withoutRegisters: "a telegram contains no register"
        case .withoutQuestion: "an answer does not match the request before it"
        case .malformed: "a telegram with a valid checksum is malformed"
        case .unreadableLines(let count): count == 1 ? "a line is not a data line" : "\(count) lines are not data lines"
        case .refused(let words): "the meter refused a register" + (words.isEmpty ? "" : ": \(words)")
        }
    }
}
