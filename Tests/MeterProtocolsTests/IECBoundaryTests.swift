import MeterProtocols
import Metering
import Testing
import VirtualMeters

/// Where the limits of IEC 62056-21 telegrams are, and how its kinds are told apart.
@Suite struct IECBoundaryTests {
    private func readouts(_ bytes: [UInt8]) -> [Readout] {
        decoded(bytes).compactMap { if case .readout(let readout) = $0 { readout } else { nil } }
    }

    /// A data line of so many characters.
    private func line(_ length: Int) -> String {
        let first = "0.2.0(" + String(repeating: "1", count: 150) + ")"
        return first + "(" + String(repeating: "2", count: length - first.utf8.count - 2) + ")"
    }

    @Test func linesOf255Characters() {
        for (length, isRead) in [(254, true), (255, true), (256, false), (257, false)] {
            let text = "1.8.0(1*kWh)\r\n\(line(length))\r\n2.8.0(2*kWh)\r\n!\r\n"
            let block = Array("/ISK5ME162\r\n".utf8) + framed(text)
            #expect((readouts(block).first?.registers.count == 3) == isRead, "\(length) in a block")
            let pushed = Array("/ISK5ME162\r\n\r\n\(text)".utf8)
            #expect((readouts(pushed).first?.registers.count == 3) == isRead, "\(length) in mode D")
            for chunk in [1, 7, 100] {
                #expect(scanned(pushed, in: chunk) == scanned(pushed) && scanned(block, in: chunk) == scanned(block))
            }
        }
    }

    private static func digits(_ count: Int) -> String { String(repeating: "1", count: count) }

    /// The address has 32 characters at most, a content 160.
    private static let lines: [(String, Bool)] = [
        (digits(31) + ".(1)", false), ("1-0:0.2.0(" + digits(160) + ")", true),
        ("1-0:0.2.0(" + digits(161) + ")", false), ("1-0:0.2.0()", true), ("1-0:0.2.0( ~)", true),
        ("1-0:0.2.0(\u{1F})", false),
        ("1-0:0.2.0(\u{7F})", false), ("1-0:0.2.0((1)", false), ("1-0:0.2.0(1))", false), ("1-0:0.2.0 (1)", false),
        ("1-0:0.2.0/(1)", false),
        ("1-0:0.2.0(1)x", false), ("1-0:0.2.0(1", false), ("1-0:0.2.0", false),
    ]

    @Test(arguments: lines) func groups(_ line: String, _ isGood: Bool) {
        let found = scanned(Array("/ISK5ME162\r\n\r\n1-0:1.8.0(1*kWh)\r\n\(line)\r\n!\r\n".utf8))
        #expect((found.count == 1 && found[0].first != "!") == isGood, "\(found)")
    }

    /// No more than 16 KiB.
    @Test func longTelegrams() {
        func text(_ length: Int) -> String {
            var text = "1.8.0(1*kWh)\r\n"
            while case let rest = length - text.utf8.count - 3, rest > 0 {
                // No line has fewer than nine characters.
                let next = rest > 120 && rest < 130 ? 100 : min(rest, 120)
                text += "0.2.0(" + String(repeating: "1", count: next - 9) + ")\r\n"
            }
            return text + "!\r\n"
        }
        let longest = (16_370...16_400).last { length in
            let text = text(length)
            return text.utf8.count == length && readouts(Array("/ISK5ME162\r\n".utf8) + framed(text)).count == 1
        }
        // STX, the text, ETX.
        #expect(longest == 16_382)
        #expect(IECDecoder.longestTelegram == 16_384 && IECDecoder.longestLine == 256)
    }

    /// A blank line makes it mode D, the start character a readout that was asked for.
    @Test func kinds() {
        let lines = "1-0:1.8.0*255(1*kWh)\r\n1-0:2.8.0*255(2*kWh)\r\n!\r\n"
        #expect(readouts(Array("/ISK5ME162\r\n\r\n\(lines)".utf8)).map(\.source) == [.d0Push])
        #expect(readouts(Array("/ISK5ME162\n\n\n\n\(lines)".utf8)).map(\.source) == [.d0Push])
        #expect(readouts(Array("/ISK5ME162\r\n\(lines)".utf8)).map(\.source) == [.iec62056])
        #expect(readouts(Array("/ISK5ME162\n\n\(lines)".utf8)).map(\.source) == [.iec62056])
        #expect(readouts(Array("/ISK5ME162\r\n".utf8) + framed(lines)).map(\.source) == [.iec62056])
        #expect(readouts(Array("/ISK5ME162\r\n\r\n\(lines)".utf8)).map(\.isChecked) == [false])
        #expect(readouts(Array("/ISK5ME162\r\n".utf8) + framed(lines)).map(\.isChecked) == [true])
        // The end mark may stand behind the last data set, and nowhere else.
        #expect(readouts(Array("/ISK5ME162\r\n\r\n1-0:1.8.0(1*kWh)!\r\n".utf8)).count == 1)
        #expect(readouts(Array("/ISK5ME162\r\n\r\n1-0:1.8.0(1*kWh)\r\n1!\r\n".utf8)).isEmpty)
        #expect(readouts(Array("/ISK5ME162\r\n\r\n!\r\n".utf8)).isEmpty)
    }

    /// What was asked for says what the answer is; only a read asks.
    @Test(arguments: [
        ("R1\u{2}1.8.0()", true), ("R5\u{2}1.8.0()", true), ("R0\u{2}1.8.0()", true), ("R9\u{2}1.8.0()", true), ("W1\u{2}1.8.0()", false),
        ("E2\u{2}1.8.0()", false), ("P1\u{2}1.8.0()", false), ("B0", false), ("R1\u{2}", false), ("R1", false), ("R/\u{2}1.8.0()", false),
        ("R:\u{2}1.8.0()", false), ("R1\u{3}1.8.0()", false), ("X1\u{2}1.8.0()", false), ("R1\u{2}x()", false), ("R1\u{2}1.8.0", false),
    ])
    func answersNeedTheirQuestion(_ command: String, _ isAnswered: Bool) {
        let bytes = Array("/ISK5ME162\r\n".utf8) + framed(command, by: ControlCharacter.soh) + framed("(0000123.457*kWh)")
        let found = scanned(bytes)
        #expect(found.contains("ISK:1-0:1.8.0*255=123.457kWh") == isAnswered, "\(found)")
        #expect(isAnswered == (found.count == 1 && found[0].first != "!"), "\(found)")
        // An answer that names its register needs none, but one question has one answer.
        let twice = scanned(bytes + framed("(0000123.458*kWh)"))
        #expect(twice.count { $0.first != "!" } == (isAnswered ? 1 : 0))
        #expect(scanned(bytes + framed("2.8.0(0000001.000*kWh)")).last == "ISK:1-0:2.8.0*255=1.000kWh")
    }

    /// A tty that reads CR as LF, whatever the check character is.
    @Test func withoutReturns() {
        var checks: Set<UInt8> = []
        for number in 0..<300 {
            let telegram = Array("/ISK5ME162\r\n".utf8) + framed("1.8.0(\(number)*kWh)\r\n2.8.0(2*kWh)\r\n!\r\n")
            checks.insert(telegram[telegram.count - 1])
            let found = scanned(telegram.map { $0 == 0x0D ? 0x0A : $0 })
            #expect(found == ["ISK:1-0:1.8.0*255=\(number)kWh 1-0:2.8.0*255=2kWh"], "\(number)")
            // Any other character in place of the check is wrong.
            var damaged = telegram
            damaged[telegram.count - 1] ^= 0x40
            #expect(readouts(damaged.map { $0 == 0x0D ? 0x0A : $0 }).isEmpty)
        }
        #expect(checks.count > 10)
    }

    /// Blocks that end with EOT go on in the next one.
    @Test func blocks() {
        let (first, second) = ("1.8.0(1*kWh)\r\n2.8", ".0(2*kWh)\r\n!\r\n")
        let whole = Array("/ISK5ME162\r\n".utf8) + framed(first, end: ControlCharacter.eot) + framed(second)
        #expect(scanned(whole) == ["ISK:1-0:1.8.0*255=1kWh 1-0:2.8.0*255=2kWh"])
        #expect(scanned(Array(whole.dropLast(second.utf8.count + 3))).last == "!a telegram is cut off")
        #expect(scanned(Array("/ISK5ME162\r\n".utf8) + framed(second)).allSatisfy { $0.first == "!" || !$0.contains("1.8.0") })
    }
}

/// What is on the way of a line of characters: ten bit times each.
@Suite struct LineSettingsTests {
    @Test func duration() {
        #expect(LineSettings(.b300).duration(of: 30) == .seconds(1) && LineSettings(.b9600).duration(of: 960) == .seconds(1))
        #expect(LineSettings(.b115200).duration(of: 1) == .nanoseconds(86_805) && LineSettings(.b300).duration(of: 0) == .zero)
        #expect(LineSettings(.b9600, .eightNone).description == "9600 Bd 8N1" && LineSettings(.b300).description == "300 Bd 7E1")
        for (slower, faster) in zip(BaudRate.allCases, BaudRate.allCases.dropFirst()) { #expect(slower < faster && !(faster < slower)) }
    }
}
