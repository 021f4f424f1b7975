import Metering

/// Finds telegrams in bytes that come by themselves: from a meter that pushes, or from a recording. It may be pushed pieces of any size;
/// what is damaged becomes noise and never a value, and what is whole behind it is found all the same.
package protocol PushDecoder: Sendable {
    mutating func push(_ bytes: [UInt8], at now: Instant) -> [Finding]
    /// The recording is over: what is not complete now is cut off.
    mutating func finish() -> [Finding]
}

package enum Finding: Hashable, Sendable {
    case readout(Readout)
    case noise(Noise)

    package enum Noise: Hashable, Sendable {
        case wrongCheck, cutOff, tooLong, corruptLine, wrongParity, withoutStart, withoutRegisters, withoutQuestion, malformed
        /// So many lines came through the checksum and are not data lines; the others are in the readout before.
        case unreadableLines(Int)
        /// The meter's own words: `ERROR`.
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
        case .withoutRegisters: "a telegram holds no register"
        case .withoutQuestion: "an answer does not belong to the question before it"
        case .malformed: "a telegram passes its checksum and breaks the grammar"
        case .unreadableLines(let count): count == 1 ? "a line is not a data line" : "\(count) lines are not data lines"
        case .refused(let words): "the meter refused a register" + (words.isEmpty ? "" : ": \(words)")
        }
    }
}
