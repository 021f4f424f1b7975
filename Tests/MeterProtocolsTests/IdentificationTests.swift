import MeterProtocols
import Testing

@Suite struct IdentificationTests {
    @Test func readsModeC() throws {
        let found = try #require(Identification(line: Array("/ISk5\\2\\@MT174 a-0001".utf8)))
        #expect(found.manufacturer == "ISK")
        #expect(found.speedCharacter == UInt8(ascii: "5") && found.speed == .b9600 && found.modeBSpeed == nil)
        #expect(found.escapes == Array("2@".utf8))
        #expect(found.model == "MT174 a-0001")
        #expect(found.reactionTime == .milliseconds(20))
        #expect(Identification(line: "/ISK5ME162-0033".utf8)?.reactionTime == .milliseconds(200))
    }

    @Test(arguments: zip("0123456789", [300, 600, 1200, 2400, 4800, 9600, 19200, nil, nil, nil] as [Int?]))
    func speedsOfModeC(_ character: Character, _ speed: Int?) {
        #expect(Identification(line: "/ABC\(character)x".utf8)?.speed?.rawValue == speed)
    }

    @Test(arguments: zip("ABCDEFGHI ", [600, 1200, 2400, 4800, 9600, 19200, nil, nil, nil, nil] as [Int?]))
    func speedsOfModeB(_ character: Character, _ speed: Int?) throws {
        let found = try #require(Identification(line: "/ABC\(character)x".utf8))
        #expect(found.modeBSpeed?.rawValue == speed && found.speed == nil)
    }

    @Test func readsThroughParity() {
        let line = "/ISK5ME162-0033".utf8.map { $0.nonzeroBitCount % 2 == 1 ? $0 | 0x80 : $0 }
        #expect(line != Array("/ISK5ME162-0033".utf8))
        #expect(Identification(line: line) == Identification(line: "/ISK5ME162-0033".utf8))
    }

    @Test(arguments: [
        "", "/", "/?!", "/?12345!", "/ISK", "/IS15ME162", "ISK5ME162", "/ISK5ME/162", "/ISK5ME162!", "/ISK/x", "/ISK!x", "/ISK5\u{7}",
        "/ISK5a\r",
        "/ISK5" + String(repeating: "x", count: 60),
    ])
    func isNotAnIdentification(_ line: String) { #expect(Identification(line: line.utf8) == nil) }

    /// Characters allowed as manufacturer letters and in the rest.
    private static let characters: [(line: String, isGood: Bool)] = [
        ("/ISK5", true), ("/AZa5", true), ("/zAZ5", true), ("/@SK5", false), ("/[SK5", false), ("/`SK5", false), ("/{SK5", false),
        ("/I@K5", false), ("/IS[5", false), ("/IS`5", false), ("/I{K5", false), ("/ISK ", true), ("/ISK~", true), ("/ISK\u{1F}", false),
        ("/ISK\u{7F}", false), ("/ISK5 ", true), ("/ISK5~", true), ("/ISK5\u{1F}", false), ("/ISK5\u{7F}", false), ("/ISK5a/", false),
        ("/ISK5a!", false), ("/ISK5\\~x", true), ("/ISK5\\\u{1F}x", false), ("/ISK5\\/x", false), ("/ISK5\\!x", false),
        ("?ISK5", false), ("ISK5x", false),
    ]

    @Test(arguments: characters) func theCharacters(_ line: String, _ isGood: Bool) {
        #expect((Identification(line: line.utf8) != nil) == isGood)
    }

    private static let escapes: [(line: String, escapes: String, model: String)] = [
        ("/ISK5ME", "", "ME"), ("/ISK5\\2ME", "2", "ME"), ("/ISK5\\2\\@\\1ME", "2@1", "ME"), ("/ISK5M\\2E", "", "M\\2E"),
        ("/ISK5\\2", "2", ""), ("/ISK5\\", "", "\\"), ("/ISK5\\2\\", "2", "\\"), ("/ISK5\\\\2", "\\", "2"),
    ]

    @Test(arguments: escapes) func escapesStandInFrontOfTheModel(_ line: String, _ escapes: String, _ model: String) throws {
        let found = try #require(Identification(line: line.utf8))
        #expect(found.escapes == Array(escapes.utf8) && found.model == model)
    }

    /// A lower-case third letter announces a reaction time of 20 ms; the manufacturer stays the same.
    @Test(arguments: [("/ISK5", 200), ("/ISk5", 20), ("/Isk5", 20), ("/isK5", 200)] as [(String, Int64)])
    func theReactionTime(_ line: String, _ milliseconds: Int64) throws {
        let found = try #require(Identification(line: line.utf8))
        #expect(found.reactionTime == .milliseconds(milliseconds) && found.manufacturer == "ISK")
    }

    @Test func takesLongModels() { #expect(Identification(line: ("/ISK5" + String(repeating: "x", count: 59)).utf8)?.model.count == 59) }
}

@Suite struct BlockCheckTests {
    @Test(arguments: [("B0\u{3}", "q"), ("P0\u{2}()\u{3}", "`"), ("R1\u{2}1.8.0()\u{3}", "Z"), ("R1\u{2}2.8.0()\u{3}", "Y")])
    func knownMessages(_ message: String, _ check: String) {
        #expect(BlockCheck.of(message.utf8) == check.utf8.first)
        #expect(BlockCheck.of(message.utf8.map { $0 | 0x80 }) == check.utf8.first)
    }

    @Test func theControlCharacters() {
        #expect(ControlCharacter.soh == 1 && ControlCharacter.stx == 2 && ControlCharacter.etx == 3 && ControlCharacter.eot == 4)
        #expect(ControlCharacter.ack == 6 && ControlCharacter.lf == 10 && ControlCharacter.cr == 13 && ControlCharacter.nak == 21)
        #expect(BlockCheck.of([]) == 0 && BlockCheck.of([0x41]) == 0x41 && BlockCheck.of([0xFF]) == 0x7F)
    }
}
