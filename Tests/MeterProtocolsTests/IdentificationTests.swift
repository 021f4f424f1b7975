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

    @Test func takesLongModels() { #expect(Identification(line: ("/ISK5" + String(repeating: "x", count: 59)).utf8)?.model.count == 59) }
}

@Suite struct BlockCheckTests {
    @Test(arguments: [("B0\u{3}", "q"), ("P0\u{2}()\u{3}", "`"), ("R1\u{2}1.8.0()\u{3}", "Z"), ("R1\u{2}2.8.0()\u{3}", "Y")])
    func knownMessages(_ message: String, _ check: String) {
        #expect(BlockCheck.of(message.utf8) == check.utf8.first)
        #expect(BlockCheck.of(message.utf8.map { $0 | 0x80 }) == check.utf8.first)
    }
}
