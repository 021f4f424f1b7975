import Metering

/// What a recording of a meter holds: a readout, or one answer of a programming session.
package struct Telegram: Hashable, Sendable {
    /// The last one before it; answers belong to the sign-on of their session.
    package var identification: Identification?
    package var registers: [Register]
    /// Lines that came through the block check and are not data lines.
    package var badLines: Int
    /// It had a block check; mode D and lines copied from a terminal have none.
    package var isChecked: Bool
}

package enum ScannedTelegram: Hashable, Sendable {
    case telegram(Telegram)
    case noise(Noise)

    package enum Noise: Hashable, Sendable {
        case wrongBlockCheck, cutOff, tooLong, corruptLine, wrongParity, withoutStart, withoutRegisters, withoutQuestion
        /// The meter's own words: `ERROR`.
        case refused(String)
    }
}

extension ScannedTelegram.Noise: CustomStringConvertible {
    package var description: String {
        switch self {
        case .wrongBlockCheck: "the block check is wrong"
        case .cutOff: "a telegram is cut off"
        case .tooLong: "a telegram or a line is too long"
        case .corruptLine: "a telegram without block check has a corrupt line"
        case .wrongParity: "a telegram without block check has a parity error"
        case .withoutStart: "the start of a block is missing"
        case .withoutRegisters: "a telegram holds no register"
        case .withoutQuestion: "an answer does not belong to the question before it"
        case .refused(let words): "the meter refused a register" + (words.isEmpty ? "" : ": \(words)")
        }
    }
}

extension [Register] {
    /// What is printed on the meter, as far as it says so: the maker's serial number before the utility's property number.
    package var serial: String? {
        for (c, d, e) in [(96, 1, 0), (96, 1, 255), (0, 0, 9), (0, 0, 0), (96, 1, 1), (0, 0, 1)] as [(UInt8, UInt8, UInt8)] {
            for register in self where register.code.c == c && register.code.d == d && register.code.e == e && register.code.f == 255 {
                if case .text(let text) = register.value { return text }
            }
        }
        return nil
    }
}
