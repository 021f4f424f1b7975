import MeterProtocols
import Metering
import Testing
import VirtualMeters

@Suite struct MutationTests {
    /// The xor check detects every change of one character, so no value may come out if a character between STX and the check is changed, even
    /// if it becomes STX, ETX or another control character and splits the block.
    @Test func oneChangedCharacterUnderABlockCheckGivesNoValue() {
        for index in 17..<modeC.count {
            for character in UInt8(0)..<128 where character != modeC[index] {
                var bytes = modeC
                bytes[index] = character
                #expect(!scanned(bytes).contains { $0.first != "!" }, "\(character) at \(index)")
            }
        }
    }

    /// Blocks in which one of the two parts passes the check as well: a value that was completely cut off may be missing, but none is invented.
    @Test func aCutThatPassesTheCheckByChanceMakesNoValueUp() {
        // 1.8.0(5*kWh) is left of 21.8.0(5*kWh) when its 2 becomes STX; the padding makes the xor of the first part zero.
        for padding in UInt8(0x2B)..<0x7F {
            let text = "0.2.2(" + String(UnicodeScalar(padding)) + ")\r\n21.8.0(5*kWh)\r\n!\r\n"
            for start in ["/ABC5x\r\n", ""] {
                let original = Array(start.utf8) + framed(text)
                let sent = Set(registers(of: original))
                #expect(sent.count == 2)
                for index in start.utf8.count..<original.count {
                    for control in [ControlCharacter.stx, ControlCharacter.soh, ControlCharacter.etx, ControlCharacter.eot]
                        + Array("/!\r\n".utf8) where control != original[index]
                    {
                        var bytes = original
                        bytes[index] = control
                        #expect(sent.isSuperset(of: registers(of: bytes)), "\(control) at \(index)")
                    }
                }
            }
        }
    }

    /// 10^5 corrupted streams. One change may lose a telegram but must never create a value that was not sent. Any number of changes must
    /// neither trap nor let memory grow.
    @Test func seededMutations() {
        var random = SeededGenerator(seed: 62056)
        let stream =
            Array("/ABC5x\r\n".utf8) + framed("0.0.0(1)\r\n1.8.0(12.3*kWh)\r\n!\r\n") + question + framed("(12.4*kWh)")
        let truth = Set(registers(of: stream))
        #expect(truth.count == 3)
        for round in 0..<100_000 {
            var bytes = stream
            let single = round % 2 == 0
            for _ in 0..<(single ? 1 : Int.random(in: 2...8, using: &random)) {
                let index = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 2 where !single: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
                case 3 where !single: bytes.remove(at: index)
                default: bytes[index] = [1, 2, 3, 4, 6, 10, 13, 21, 33, 40, 41, 42, 46, 47][Int.random(in: 0..<14, using: &random)]
                }
            }
            let found = registers(of: bytes)
            if single, !truth.isSuperset(of: found) { Issue.record("round \(round): \(found.filter { !truth.contains($0) })") }
        }
    }

    /// Noise of all kinds with telegrams in between: complete telegrams are found, at bounded cost.
    @Test func garbageAround() {
        var random = SeededGenerator(seed: 1107)
        var telegrams = 0
        for _ in 0..<2000 {
            var bytes: [UInt8] = []
            for _ in 0..<3 {
                bytes += (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
                // At least one line end: garbage right before the identification would become part of it.
                bytes += Array("\r\n".utf8) + (Bool.random(using: &random) ? modeC : modeD)
            }
            telegrams += scanned(bytes, in: 7).filter { $0 == modeCShown || $0 == modeDShown }.count
        }
        #expect(telegrams == 6000)
    }

    @Test func hostileStreamsAreCheap() {
        for pattern in [
            "/", "/a", "\u{2}", "\u{1}R1\u{2}", "x/ABC5a\r\n", "/ABC5a\r\n", "/ABC5a\r\n\r\n1.8.0(1)\r\n", "\u{2}x/ABC5a\r\n\r\n", "(",
            "\r\n",
        ] {
            for start in ["", "/ABC5a\r\n", "\u{2}", "\u{1}R1"] {
                let bytes = Array(start.utf8) + Array(String(repeating: pattern, count: 60_000 / pattern.utf8.count).utf8)
                #expect(!scanned(bytes, in: 4096).contains { $0.first != "!" })
            }
        }
    }

    private func registers(of bytes: [UInt8]) -> [Register] {
        decoded(bytes).flatMap { found -> [Register] in if case .readout(let readout) = found { readout.registers } else { [] } }
    }
}
