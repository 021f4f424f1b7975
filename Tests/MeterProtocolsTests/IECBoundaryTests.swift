import MeterProtocols
import Metering
import Testing
import VirtualMeters

/// The limits of IEC 62056-21 telegrams, and how their kinds are distinguished.
@Suite struct IECBoundaryTests {
    private func readouts(_ bytes: [UInt8]) -> [Readout] {
        decoded(bytes).compactMap { if case .readout(let readout) = $0 { readout } else { nil } }
    }

    /// A data line of the given length.
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

    /// An endless line is rejected before its end.
    @Test(arguments: [
        (256, "!a telegram is cut off"), (257, "!a telegram or a line is too long"), (300, "!a telegram or a line is too long"),
    ])
    func aLineWithoutEnd(_ length: Int, _ noise: String) {
        for start in ["/ISK5x\r\n", "/ISK5x\r\n\u{2}", "\u{2}1.8.0(1)\r\n", "/ISK5x\r\n1.8.0(1)\r\n"] {
            let bytes = Array(start.utf8) + [UInt8](repeating: 0x31, count: length)
            #expect(scanned(bytes) == [noise] && scanned(bytes, in: 1) == [noise] && scanned(bytes, in: 50) == [noise])
        }
    }

    /// The first line of a block is not preceded by a line end.
    @Test(arguments: [(255, true), (256, false)]) func theFirstLine(_ length: Int, _ isRead: Bool) {
        #expect((readouts(framed("\(line(length))\r\n1.8.0(1*kWh)\r\n!\r\n")).count == 1) == isRead)
    }

    private static func digits(_ count: Int) -> String { String(repeating: "1", count: count) }

    /// An address has at most 32 characters, a value at most 160.
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

    /// At most 16 KiB.
    @Test func longTelegrams() {
        func text(_ length: Int) -> String {
            var text = "1.8.0(1*kWh)\r\n"
            while case let rest = length - text.utf8.count - 3, rest > 0 {
                // The shortest line has nine characters.
                let next = rest > 120 && rest < 130 ? 100 : min(rest, 120)
                text += "0.2.0(" + String(repeating: "1", count: next - 9) + ")\r\n"
            }
            return text + "!\r\n"
        }
        let longest = (16_370...16_400).last { length in
            let text = text(length)
            return text.utf8.count == length && readouts(Array("/ISK5ME162\r\n".utf8) + framed(text)).count == 1
        }
        // STX, the text and ETX together.
        #expect(longest == 16_382)
        #expect(IECDecoder.longestTelegram == 16_384 && IECDecoder.longestLine == 256)
    }

    /// A blank line means mode D; STX, or no blank line, means a requested readout.
    @Test func kinds() {
        let lines = "1-0:1.8.0*255(1*kWh)\r\n1-0:2.8.0*255(2*kWh)\r\n!\r\n"
        #expect(readouts(Array("/ISK5ME162\r\n\r\n\(lines)".utf8)).map(\.source) == [.d0Push])
        #expect(readouts(Array("/ISK5ME162\n\n\n\n\(lines)".utf8)).map(\.source) == [.d0Push])
        #expect(readouts(Array("/ISK5ME162\r\n\(lines)".utf8)).map(\.source) == [.iec62056])
        #expect(readouts(Array("/ISK5ME162\n\n\(lines)".utf8)).map(\.source) == [.iec62056])
        #expect(readouts(Array("/ISK5ME162\r\n".utf8) + framed(lines)).map(\.source) == [.iec62056])
        #expect(readouts(Array("/ISK5ME162\r\n\r\n\(lines)".utf8)).map(\.isChecked) == [false])
        #expect(readouts(Array("/ISK5ME162\r\n".utf8) + framed(lines)).map(\.isChecked) == [true])
        // The end mark may follow the last data set, but nothing else on its line.
        #expect(readouts(Array("/ISK5ME162\r\n\r\n1-0:1.8.0(1*kWh)!\r\n".utf8)).count == 1)
        #expect(readouts(Array("/ISK5ME162\r\n\r\n1-0:1.8.0(1*kWh)\r\n1!\r\n".utf8)).isEmpty)
        #expect(readouts(Array("/ISK5ME162\r\n\r\n!\r\n".utf8)).isEmpty)
    }

    /// An answer without an address takes the code of the request before it; only read commands count.
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
        // An answer with its register's code needs no request, and each request has only one answer.
        let twice = scanned(bytes + framed("(0000123.458*kWh)"))
        #expect(twice.count { $0.first != "!" } == (isAnswered ? 1 : 0))
        #expect(scanned(bytes + framed("2.8.0(0000001.000*kWh)")).last == "ISK:1-0:2.8.0*255=1.000kWh")
    }

    /// A terminal that turns CR into LF, with any check character.
    @Test func withoutReturns() {
        var checks: Set<UInt8> = []
        for number in 0..<300 {
            let telegram = Array("/ISK5ME162\r\n".utf8) + framed("1.8.0(\(number)*kWh)\r\n2.8.0(2*kWh)\r\n!\r\n")
            checks.insert(telegram[telegram.count - 1])
            let found = scanned(telegram.map { $0 == 0x0D ? 0x0A : $0 })
            #expect(found == ["ISK:1-0:1.8.0*255=\(number)kWh 1-0:2.8.0*255=2kWh"], "\(number)")
            // Any other check character is wrong.
            var damaged = telegram
            damaged[telegram.count - 1] ^= 0x40
            #expect(readouts(damaged.map { $0 == 0x0D ? 0x0A : $0 }).isEmpty)
        }
        #expect(checks.count > 10)
    }

    /// Blocks that end with EOT are continued in the next one.
    @Test func blocks() {
        let (first, second) = ("1.8.0(1*kWh)\r\n2.8", ".0(2*kWh)\r\n!\r\n")
        let whole = Array("/ISK5ME162\r\n".utf8) + framed(first, end: ControlCharacter.eot) + framed(second)
        #expect(scanned(whole) == ["ISK:1-0:1.8.0*255=1kWh 1-0:2.8.0*255=2kWh"])
        #expect(scanned(Array(whole.dropLast(second.utf8.count + 3))).last == "!a telegram is cut off")
        #expect(scanned(Array("/ISK5ME162\r\n".utf8) + framed(second)).allSatisfy { $0.first == "!" || !$0.contains("1.8.0") })
    }
}

/// How telegrams begin and end, and what may come in between.
@Suite struct IECTelegramEndsTests {
    private static let lines = "1.8.0(1*kWh)\r\n2.8.0(2*kWh)\r\n"
    private static let read = "ISK:1-0:1.8.0*255=1kWh 1-0:2.8.0*255=2kWh"
    private static let cutOff = "!a telegram is cut off"
    private static let corrupt = "!a telegram without checksum has a corrupt line"
    private static let unasked = "!an answer does not match the request before it"

    /// Incomplete telegrams at the end of a recording.
    private static let ends: [(String, [String])] = [
        ("/", []), ("/ISK", []), ("/ISK5x", []), ("/ISK5x\r", []), ("/ISK5x\r\n", []), ("/ISK5x\r\n\r\n", []),
        ("/ISK5x\r\na", [cutOff]), ("/ISK5x\r\n\(lines)", [cutOff]), ("/ISK5x\r\n\(lines)3", [cutOff]), ("/ISK5x\r\n\(lines)!", [read]),
        ("/ISK5x\r\n\(lines)!\r", [read]), ("/ISK5x\r\n\(lines)!\r\n", [read]), ("/ISK5x\r\n1.8.0(1*kWh)!", ["ISK:1-0:1.8.0*255=1kWh"]),
        ("/ISK5x\r\n\(lines)x!", [cutOff]), ("/ISK5x\r\n!", ["!a telegram contains no register"]), ("\u{2}", [cutOff]),
        ("\u{2}1\u{3}", [cutOff]),
        ("\u{1}", [cutOff]), ("\u{1}B0\u{3}", [cutOff]), ("", []), ("x", []),
    ]

    @Test(arguments: ends) func whatIsLeft(_ text: String, _ expected: [String]) {
        #expect(scanned(Array(text.utf8)) == expected)
        #expect(scanned(Array(text.utf8), in: 1) == expected)
        var decoder = IECDecoder()
        let now = Instant(nanoseconds: 0)
        _ = (decoder.push(Array(text.utf8), at: now), decoder.finish())
        #expect(decoder.push(modeC, at: now).map(shown) == [modeCShown] && decoder.finish() == [], "it begins anew")
    }

    /// Between an identification and its data there may be line ends, the echo of the acknowledgement, and noise from the change of speed.
    private static let between: [(String, [String])] = [
        ("", [read]), ("\r\n", [read]), ("\u{6}050\r\n", [read]), ("\u{6}\u{6}050\r\n\u{6}050\n", [read]), ("\u{0}\u{7F}\u{1F}", [read]),
        ("\r\n\u{15}", [read]), ("\u{6}/x\n", [read]), ("/ISK5y\r\n", [read]), ("\u{6}050\r", ["ISK:1-0:2.8.0*255=2kWh"]),
        // An invalid character in a line or after it.
        ("a\u{7F}\r\n", []), ("a\u{6}", []), ("1.8.1(1)\r\n\u{7F}", [corrupt]), ("1.8.1(1)\r\n\u{6}", [corrupt]),
        ("1.8.1(1)\r\n2\u{1F}", [corrupt]),
        ("x\r\n", [corrupt]), ("1.8.1(1)\r\n/", [cutOff]), ("a~", [corrupt]),
    ]

    @Test(arguments: between) func whatIsBetween(_ text: String, _ expected: [String]) {
        let bytes = Array("/ISK5x\r\n\(text)\(Self.lines)!\r\n".utf8)
        #expect(scanned(bytes) == expected)
        #expect(scanned(bytes, in: 1) == expected)
        #expect(scanned(bytes + modeC).last == modeCShown)
    }

    /// A block lasts until its check character; a new beginning within it cuts it off.
    private static let blocks: [(String, [String])] = [
        ("\(lines)!\r\n", [read]), ("\(lines)xyz\r\n!\r\n", [read, "!a line is not a data line"]),
        ("x\r\n\(lines)y\r\n!\r\n", [read, "!2 lines are not data lines"]), ("\(lines)!\r\n\r\n\r\n", [read]), ("\(lines)!", [read]),
        ("!\r\n", ["!a telegram contains no register"]), ("x\r\n!\r\n", ["!a telegram contains no register"]),
        (lines, [cutOff]), ("", [cutOff]), ("\(lines)x", [cutOff]), ("\r\n", [cutOff]),
    ]

    @Test(arguments: blocks) func whatABlockHolds(_ text: String, _ expected: [String]) {
        let bytes = Array("/ISK5x\r\n".utf8) + framed(text)
        #expect(scanned(bytes) == expected)
        #expect(scanned(bytes, in: 1) == expected)
    }

    @Test func whatCutsABlockOff() {
        let cases: [([UInt8], String)] = [
            ([0x7F], "!a checksum is wrong"), ([0x1F], "!a checksum is wrong"), ([0], "!a checksum is wrong"),
            ([ControlCharacter.soh], Self.cutOff),
            ([ControlCharacter.stx], Self.cutOff), (Array("\r\n/".utf8), Self.cutOff), ([ControlCharacter.ack], "!a checksum is wrong"),
        ]
        for (character, noise) in cases {
            let bytes = [ControlCharacter.stx] + Array("1.8.0(1".utf8) + character + modeC
            #expect(scanned(bytes).first == noise && scanned(bytes).last == modeCShown, "\(character)")
        }
        #expect(scanned([ControlCharacter.stx] + modeC) == [Self.cutOff, modeCShown])
        // Within a line a `/` is an ordinary character.
        #expect(scanned(framed("0.0.0(a/b)\r\n!\r\n")) == ["-:1-0:0.0.0*255=t:a/b"])
    }

    /// An answer to a request, with something in between.
    @Test func whatEndsAQuestion() {
        let answer = framed("(1*kWh)")
        let shown = "1-0:1.8.0*255=1kWh"
        let cases: [([UInt8], [String])] = [
            ([], ["-:" + shown]), ([0, 0x7F, 0x0D, 0x0A, 0x15], ["-:" + shown]), (Array("/IS\u{7F}".utf8), ["-:" + shown]),
            (Array("/x\r\n".utf8), ["-:" + shown]), (Array("/ISK5x\r\n".utf8), [Self.cutOff]),
            ([ControlCharacter.stx, 0x31, 0x7F], ["!a checksum is wrong", Self.unasked]), ([ControlCharacter.soh, 0x58], [Self.unasked]),
            (framed("B0", by: ControlCharacter.soh), [Self.unasked]), (framed("W1\u{2}1.8.0(1)", by: ControlCharacter.soh), [Self.unasked]),
            (framed("2.8.0(5*kWh)"), [Self.unasked, Self.unasked]),
            (framed("(ERROR)"), ["!the meter refused a register: ERROR", Self.unasked]),
            (framed("x", end: ControlCharacter.eot), ["!a telegram contains no register"]),
        ]
        for (index, (between, expected)) in cases.enumerated() {
            #expect(scanned(question + between + answer) == expected, "\(index)")
        }
    }

    /// A command is a letter and a digit, followed by STX if there are data; at most 255 characters.
    @Test func commands() {
        for command in ["B0", "E0", "P0\u{2}()", "P1\u{2}(00000000)", "R9\u{2}x", "W0\u{2} ~"] {
            let bytes = framed(command, by: ControlCharacter.soh)
            #expect(
                scanned(bytes) == [] && scanned(bytes.dropLast() + [bytes[bytes.count - 1] ^ 1]) == ["!a checksum is wrong"], "\(command)")
        }
        // These are not even reported as corrupted.
        for command in ["A0", "C0", "Q0", "S0", "X0", "B/", "B:", "B", "R1x", "R1\u{2}\u{1F}", "R1\u{2}\u{7F}"] {
            let bytes = [ControlCharacter.soh] + Array(command.utf8) + [ControlCharacter.etx, 0x7A]
            #expect(scanned(bytes + modeC) == [modeCShown] || command.hasPrefix("R1\u{2}"), "\(command)")
            #expect(scanned(bytes + modeC).last == modeCShown)
        }
        for (length, isCommand) in [(255, true), (256, false), (257, false)] {
            let text = "W1\u{2}" + String(repeating: "1", count: length - 4)
            #expect(
                scanned(framed(text, by: ControlCharacter.soh)).contains("!a telegram or a line is too long") == !isCommand, "\(length)")
        }
    }

    /// The line ends after an identification: a blank line means mode D.
    @Test(arguments: [
        ("\r\n\r\n", true), ("\n\n\n\n", true), ("\r\n", false), ("\n", false), ("\n\n", false), ("\n\n\n", false), ("\r\n\r", false),
        ("\r\n\n", false), ("\r\n\n\n", false), ("\n\n\r\n", false), ("\r\r\r\r", false), ("\n\r\n\r", false), ("\r\r\n\n", false),
        ("\r\n\r\r", false), ("\n\n\n\r", false), ("\r\n\r\n\r\n", true), ("\r\r\n\r\n", false), ("\r\n\u{7F}\r\n", true),
    ])
    func theBlankLine(_ lineEnds: String, _ isPush: Bool) {
        let found = decoded(Array("/ISK5x\(lineEnds)\(Self.lines)!\r\n".utf8))
        let sources = found.compactMap { if case .readout(let readout) = $0 { readout.source } else { nil } }
        #expect(sources == [isPush ? .d0Push : .iec62056], "\(found)")
    }

    /// Continued blocks have at most 16 KiB in total.
    @Test(arguments: [(16_384, true), (16_385, false)]) func theLongestOfManyBlocks(_ length: Int, _ isRead: Bool) {
        let first = "1.8.0(1*kWh)\r\n"
        var (rest, bytes) = (length - first.utf8.count, Array("/ISK5x\r\n".utf8) + framed(first, end: ControlCharacter.eot))
        while rest > 0 {
            let count = rest > 160 ? 100 : rest
            bytes += framed("0.2.0(" + String(repeating: "1", count: count - 9) + ")\r\n", end: ControlCharacter.eot)
            rest -= count
        }
        let found = scanned(bytes + framed("2.8.0(2*kWh)\r\n!\r\n"))
        #expect((found.count == 1 && found[0].hasSuffix("2.8.0*255=2kWh") && found[0].contains("1.8.0*255=1kWh")) == isRead)
        #expect(found.contains("!a telegram or a line is too long") == !isRead)
    }

    /// The last of several blocks decides whether the readout is complete.
    @Test(arguments: [("2.8.0(2*kWh)\r\n!\r\n", true), ("2.8.0(2*kWh)\r\n", false)]) func aWholeReadoutEnds(_ last: String, _ isWhole: Bool)
    {
        let bytes = Array("/ISK5x\r\n".utf8) + framed("1.8.0(1*kWh)\r\n", end: ControlCharacter.eot) + framed(last)
        let found = decoded(bytes).compactMap { if case .readout(let readout) = $0 { readout.isWhole } else { nil } }
        #expect(found == [isWhole])
    }

    /// Without a block check, a possible bit error makes the whole telegram noise; with one, the value becomes text.
    @Test(arguments: ["1.7.0(1*kWj)", "1.7.0(1x)", "1.7.0(,5*kW)"]) func whatCouldBeATurnedBit(_ line: String) {
        #expect(scanned(Array("/ISK5x\r\n\r\n1.8.0(1*kWh)\r\n\(line)\r\n!\r\n".utf8)) == [Self.corrupt])
        let checked = scanned(Array("/ISK5x\r\n".utf8) + framed("1.8.0(1*kWh)\r\n\(line)\r\n!\r\n"))
        #expect(checked.count == 1 && checked[0].hasPrefix("ISK:1-0:1.8.0*255=1kWh 1-0:1.7.0*255="))
    }

    /// An identification has at most 64 characters.
    @Test(arguments: [(59, "ISK"), (60, "-")]) func theLongestIdentification(_ model: Int, _ name: String) {
        let bytes = Array("/ISK5\(String(repeating: "x", count: model))\r\n".utf8) + framed("1.8.0(1*kWh)\r\n!\r\n")
        #expect(scanned(bytes) == ["\(name):1-0:1.8.0*255=1kWh"])
        #expect(scanned(bytes, in: 1) == ["\(name):1-0:1.8.0*255=1kWh"])
    }
}

/// The transmission time of characters: ten bit times each.
@Suite struct LineSettingsTests {
    @Test func duration() {
        #expect(LineSettings(.b300).duration(of: 30) == .seconds(1) && LineSettings(.b9600).duration(of: 960) == .seconds(1))
        #expect(LineSettings(.b9600).duration(of: 9_600_000) == .seconds(10_000))
        #expect(LineSettings(.b115200).duration(of: 1) == .nanoseconds(86_805) && LineSettings(.b300).duration(of: 0) == .zero)
        #expect(LineSettings(.b9600, .eightNone).description == "9600 Bd 8N1" && LineSettings(.b300).description == "300 Bd 7E1")
        for (slower, faster) in zip(BaudRate.allCases, BaudRate.allCases.dropFirst()) { #expect(slower < faster && !(faster < slower)) }
    }
}
