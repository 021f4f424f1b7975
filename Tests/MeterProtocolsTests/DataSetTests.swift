import Metering
import Testing

@testable import MeterProtocols

@Suite struct DataSetTests {
    /// `address|value|unit`, with `-` if there is no unit; `nil` if the grammar is violated.
    private func parts(_ text: String, longest: Int? = nil) -> [String]? {
        let bytes = Array(text.utf8)
        var sets: [DataSet] = []
        let isGood =
            if let longest {
                DataSet.parse(bytes, bytes.indices, longestContent: longest, into: &sets)
            } else {
                DataSet.parse(bytes, bytes.indices, into: &sets)
            }
        return isGood
            ? sets.map { "\(bytes.string($0.address))|\(bytes.string($0.value))|\($0.unit.map { bytes.string($0) } ?? "-")" } : nil
    }

    private static let grammar: [(String, [String]?)] = [
        ("1.8.0(12*kWh)", ["1.8.0|12|kWh"]), ("(12)", ["|12|-"]), ("1.8.0()", ["1.8.0||-"]), ("1.8.0(*)", ["1.8.0||"]),
        ("1.8.0(12*)", ["1.8.0|12|"]), ("1.8.0(1*2*3)", ["1.8.0|1|2*3"]), ("a(1)(2)b(3*c)", ["a|1|-", "|2|-", "b|3|c"]), ("", []),
        ("1.8.0", nil), ("1.8.0(", nil), ("1.8.0(1", nil), ("1.8.0)", nil), ("1.8.0(1)x", nil), (")", nil), ("(", nil), ("a((1)", nil),
        // Characters allowed in addresses and in values.
        ("a b(1)", nil), ("a\u{1F}(1)", nil), ("a\u{7F}(1)", nil), ("a/(1)", nil), ("a!(1)", nil), ("a\"(1)", ["a\"|1|-"]),
        ("a~(1)", ["a~|1|-"]), ("a'(1)", ["a'|1|-"]), ("a*(1)", ["a*|1|-"]), ("a.(1)", ["a.|1|-"]), ("a0(1)", ["a0|1|-"]),
        ("a(\u{1F})", nil), ("a(\u{7F})", nil), ("a(~)", ["a|~|-"]), ("a( )", ["a| |-"]), ("a(')", ["a|'|-"]), ("a(/!)", ["a|/!|-"]),
    ]

    @Test(arguments: grammar) func theGrammar(_ text: String, _ expected: [String]?) { #expect(parts(text) == expected) }

    @Test func theLimits() {
        func text(_ address: Int, _ content: Int) -> String {
            String(repeating: "1", count: address) + "(" + String(repeating: "2", count: content) + ")"
        }
        #expect(parts(text(32, 160))?.count == 1 && parts(text(33, 1)) == nil && parts(text(1, 161)) == nil)
        #expect(parts("a(1)" + text(32, 160))?.count == 2 && parts("a(1)" + text(33, 1)) == nil && parts("a(1)" + text(1, 161)) == nil)
        #expect(parts(text(1, 200), longest: 200)?.count == 1 && parts(text(1, 201), longest: 200) == nil)
    }

    @Test func aPlaceInATelegramWithParity() {
        let bytes = withParity(Array("x)1.8.0(12*kWh)y(".utf8))
        var sets: [DataSet] = []
        #expect(DataSet.parse(bytes, 2..<15, into: &sets))
        #expect(sets == [DataSet(address: 2..<7, value: 8..<10, unit: 11..<14)])
    }

    private static let lines: [(String, [String])] = [
        ("", []), ("a", ["a"]), ("a\r\n", ["a"]), ("\r\n\r\na\rb\nc", ["a", "b", "c"]), ("\n", []), ("ab\n\n", ["ab"]),
        ("\u{9}\u{B}\u{C}\u{E}", ["\u{9}\u{B}\u{C}\u{E}"]),
    ]

    @Test(arguments: lines) func linesThatAreNotEmpty(_ text: String, _ expected: [String]) {
        let bytes = Array(text.utf8)
        var (position, found) = (0, [String]())
        while let line = bytes.nextLine(&position, before: bytes.count) { found.append(bytes.string(line)) }
        #expect(found == expected && position == bytes.count)
        // Reading stops at the given end.
        let more = bytes + Array("zz\n".utf8)
        (position, found) = (0, [])
        while let line = more.nextLine(&position, before: bytes.count) { found.append(more.string(line)) }
        #expect(found == expected && position == bytes.count)
    }

    @Test(arguments: [("", ""), (" ", ""), ("  a b  ", "a b"), ("a", "a"), ("a ", "a"), (" a", "a"), ("   ", "")])
    func blanksAround(_ text: String, _ expected: String) {
        let bytes = Array("x \(text) x".utf8)
        #expect(bytes.string(bytes.trimmed(2..<(bytes.count - 2))) == expected)
    }

    private func reading(_ code: OBISCode, _ content: String, strict: Bool) -> String {
        let text = Array("(\(content))".utf8)
        var sets: [DataSet] = []
        guard DataSet.parse(text, text.indices, into: &sets), sets.count == 1 else { return "no set" }
        switch sets[0].reading(of: code, in: text, strict: strict) {
        case .value(let value): return shown(Register(code, value)).split(separator: "=", maxSplits: 1).last.map(String.init) ?? ""
        case .empty: return "empty"
        case .corrupt: return "corrupt"
        }
    }

    private static let energy = OBISCode(1, 8, 0)
    private static let serial = OBISCode(96, 1, 0)

    /// The content, and the result with and without a checksum.
    private static let readings: [(code: OBISCode, content: String, checked: String, strict: String)] = [
        (energy, "1.5*kWh", "1.5kWh", "1.5kWh"), (energy, " 1.5 * kWh ", "1.5kWh", "1.5kWh"), (energy, "1.5", "1.5", "1.5"),
        (energy, "", "empty", "empty"), (energy, "   ", "empty", "empty"), (energy, "*kWh", "empty", "empty"),
        (energy, ",5*kWh", "0.5kWh", "corrupt"), (energy, ".5*kWh", "0.5kWh", "0.5kWh"), (energy, "1,5*kWh", "1.5kWh", "1.5kWh"),
        (energy, "1x*kWh", "corrupt", "corrupt"), (energy, "1*xyz", "t:1*xyz", "corrupt"), (energy, "1*", "1", "1"),
        (energy, "1* ", "1", "1"), (energy, "1x", "t:1x", "corrupt"), (energy, "1.5kWh", "1.5kWh", "1.5kWh"),
        (energy, "1.5 kWh", "1.5kWh", "1.5kWh"), (energy, "1.5Ah", "t:1.5Ah", "corrupt"), (energy, "1.5A", "1.5A", "1.5A"),
        (energy, "1.5%", "t:1.5%", "corrupt"), (energy, "kWh", "t:kWh", "corrupt"),
        (serial, "4711", "t:4711", "t:4711"), (serial, ",5", "t:,5", "t:,5"), (serial, "12*kWh", "12kWh", "12kWh"),
        (serial, "1x*kWh", "t:1x*kWh", "t:1x*kWh"), (serial, "1*xyz", "t:1*xyz", "t:1*xyz"), (serial, "", "empty", "empty"),
    ]

    @Test(arguments: readings) func whatASetSays(_ code: OBISCode, _ content: String, _ checked: String, _ strict: String) {
        #expect(reading(code, content, strict: false) == checked)
        #expect(reading(code, content, strict: true) == strict)
    }

    /// Texts that meters send instead of a value.
    @Test(arguments: [
        ("", true), ("  ", true), ("ERROR", true), ("ER", true), ("er01", true), (" ERR3", true), ("E", false), ("R", false), ("Er", false),
        ("eR", false), ("1", false), ("*kWh", false), ("EX", false), ("xER", false),
    ])
    func refusals(_ content: String, _ isRefusal: Bool) {
        let text = Array("(\(content))".utf8)
        var sets: [DataSet] = []
        #expect(DataSet.parse(text, text.indices, into: &sets))
        #expect(sets[0].isRefusal(in: text) == isRefusal)
    }

    @Test(arguments: [
        ("FF", "F.F"), ("F.F", "F.F"), ("FFF", ""), ("F", ""), ("EF", ""), ("FE", ""), ("1.8.0", "1.8.0"), ("", ""),
    ])
    func theRegisterThatIsNamed(_ address: String, _ code: String) {
        let text = Array("\(address)(1)".utf8)
        var sets: [DataSet] = []
        #expect(DataSet.parse(text, text.indices, into: &sets))
        #expect((sets[0].code(in: text)?.printed ?? "") == code)
    }

    private static let kinds: [(code: OBISCode, isMeasured: Bool)] = [
        (OBISCode(1, 0, 0, 8, 0, 255), false), (OBISCode(1, 0, 1, 8, 0, 255), true), (OBISCode(1, 0, 95, 8, 0, 255), true),
        (OBISCode(1, 0, 96, 8, 0, 255), false), (OBISCode(0, 0, 1, 8, 0, 255), false), (OBISCode(7, 0, 3, 0, 0, 255), true),
        (OBISCode(0, 0, 96, 7, 21, 255), true), (OBISCode(1, 0, 96, 7, 0, 255), true), (OBISCode(1, 0, 96, 6, 0, 255), false),
        (OBISCode(0, 0, 95, 7, 0, 255), false), (OBISCode(0, 0, 97, 7, 0, 255), false), (OBISCode(1, 0, 97, 7, 0, 255), false),
    ]

    @Test(arguments: kinds) func whatIsMeasured(_ code: OBISCode, _ isMeasured: Bool) { #expect(code.isMeasured == isMeasured) }

    /// By group C: 1 and 2 are active energy in each direction, 15 and 16 their sums, 3 to 8 reactive, 9 and 10 apparent; each phase is 20 higher.
    @Test func customaryUnits() {
        for c in UInt8(0)...255 {
            let inPhase = c % 20
            let expected: Metering.Unit? =
                if c > 80 {
                    nil
                } else if [1, 2, 15, 16].contains(inPhase) {
                    .kilowattHours
                } else if [3, 4, 5, 6, 7, 8].contains(inPhase) {
                    .kilovarHours
                } else if [9, 10].contains(inPhase) {
                    .kilovoltAmpereHours
                } else {
                    nil
                }
            #expect(OBISCode(c, 8, 0).customaryUnit == expected, "\(c)")
            for other in [OBISCode(c, 7, 0), OBISCode(c, 9, 0), OBISCode(0, 0, c, 8, 0, 255), OBISCode(2, 0, c, 8, 0, 255)] {
                #expect(other.customaryUnit == nil)
            }
        }
    }

    private static let spellings: [(String, Metering.Unit?)] = [
        ("kWh", .kilowattHours), ("KWH", .kilowattHours), ("V", .volts), ("A", .amperes), ("kW", .kilowatts), ("W", .watts),
        ("Wh", .wattHours), ("kvarh", .kilovarHours), ("var", .vars), ("kVAr", .kilovars), ("VArh", .varHours), ("VA", .voltAmperes),
        ("kVA", .kilovoltAmperes), ("VAh", .voltAmpereHours), ("kVAh", .kilovoltAmpereHours), ("Hz", .hertz), ("HZ", .hertz),
        ("deg", .degrees), ("%", .percent), ("GJ", .gigajoules), ("m3", .cubicMetres), ("M3", .cubicMetres), ("m3/h", .cubicMetresPerHour),
        ("m3h", .cubicMetresPerHour), ("m3ph", .cubicMetresPerHour), ("l", .litres), ("L/h", .litresPerHour), ("lph", .litresPerHour),
        ("h", .hours), ("min", .minutes), ("s", .seconds), ("C", .celsius), ("", nil), ("x", nil), ("kWhx", nil), ("xkWh", nil),
        ("m3@h", nil), ("[", nil), ("@", nil), ("Z", nil), ("\u{16}", nil), ("kWhkWhkWh", nil),
    ]

    @Test(arguments: spellings) func units(_ text: String, _ unit: Metering.Unit?) {
        let bytes = Array(" \(text) ".utf8)
        #expect(Metering.Unit(spelled: bytes, 1..<(bytes.count - 1)) == unit)
    }
}
