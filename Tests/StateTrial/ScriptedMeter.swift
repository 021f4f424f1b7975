import MeterProtocols
import Metering

/// A mode C meter that answers immediately with the script's contents and a correct check character.
struct ScriptedMeter {
    var identification = "/ISk5ME162-0033"
    /// The readout up to the `!`.
    var lines = "C.1.0(12345678)\r\n1.8.0(001234.567*kWh)\r\n2.8.0(000001.234*kWh)\r\n"
    /// The contents of the brackets in the next answers, in turn.
    var values = ["1234.567*kWh"]
    private var turn = 0

    init() {}

    mutating func answer(to bytes: [UInt8]) -> [UInt8] {
        let text = bytes.map { $0 & 0x7F }
        if text.contains(ControlCharacter.soh) {
            guard text.starts(with: [ControlCharacter.soh, UInt8(ascii: "R")]) else { return [] }
            turn += 1
            return framed(ControlCharacter.stx, "(\(values[turn % max(values.count, 1)]))")
        }
        if text.first == ControlCharacter.ack {
            let isProgramming = text.dropFirst(3).first == UInt8(ascii: "1")
            return isProgramming ? framed(ControlCharacter.soh, "P0\u{2}()") : framed(ControlCharacter.stx, lines + "!\r\n")
        }
        return text.contains(UInt8(ascii: "?")) ? Array((identification + "\r\n").utf8) : []
    }

    private func framed(_ start: UInt8, _ text: String) -> [UInt8] {
        let content = Array(text.utf8) + [ControlCharacter.etx]
        return [start] + content + [BlockCheck.of(content)]
    }
}
