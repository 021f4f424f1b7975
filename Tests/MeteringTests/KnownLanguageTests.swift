import Metering
import Testing

@Suite struct KnownLanguageTests {
    private static let languages = [
        KnownLanguage(.sml, speed: 9600), KnownLanguage(.p1, speed: 115_200), KnownLanguage(.d0Push, speed: 2400), KnownLanguage(.iec62056),
    ]

    @Test(arguments: languages) func isWrittenAndRead(_ language: KnownLanguage) throws {
        let bytes = Array(try #require(KnownLanguageRecord.text(of: language)).utf8)
        #expect(KnownLanguageRecord.parse(bytes) == language && bytes.count <= KnownLanguageRecord.limit)
    }

    @Test func staysReadable() {
        let text = "jouled language 1\nlanguage p1\nspeed 115200\ncheck 027a7dd3\n"
        #expect(KnownLanguageRecord.text(of: KnownLanguage(.p1, speed: 115_200)) == text)
    }

    /// Truncated anywhere, any bit flipped, with lines of a later version: nothing is known.
    @Test func noDamageIsALanguage() throws {
        let whole = Array(try #require(KnownLanguageRecord.text(of: Self.languages[1])).utf8)
        for index in whole.indices {
            #expect(KnownLanguageRecord.parse(Array(whole[..<index])) == nil)
            for bit in 0..<8 {
                var damaged = whole
                damaged[index] ^= 1 << bit
                #expect(KnownLanguageRecord.parse(damaged) == nil)
            }
        }
        for body in ["jouled language 1\n", "jouled language 1\nspeed 9600\n", "jouled language 1\nlanguage p1\nframing 8N1\n", ""] {
            #expect(KnownLanguageRecord.parse(Array(CheckSum.sealed(body).utf8)) == nil, "\(body)")
        }
        let long = "jouled language 1\nlanguage p1\n" + String(repeating: "speed 9600\n", count: 100)
        #expect(KnownLanguageRecord.parse(Array(CheckSum.sealed(long).utf8)) == nil)
    }

    /// A name that would be read back as something else.
    @Test(arguments: ["", "a b", "p1\nspeed 5", "é", String(repeating: "x", count: 65)]) func someNamesCanNotBeWritten(_ name: String) {
        #expect(KnownLanguageRecord.text(of: KnownLanguage(MeterProtocol(rawValue: name))) == nil)
    }

    /// It is kept until the meter is read in another language, which has to be saved soon.
    @Test func isPartOfTheMemory() {
        var state = MeterState()
        var memory = MeterMemory()
        memory.language = Self.languages[0]
        state.addOptical(
            MeterDescription(name: "grid", title: "Grid"), maxPower: 25_000, staleAfter: .seconds(30), remembered: memory)
        let turns = state.turns
        #expect(state.memories["grid"]?.language == Self.languages[0])
        state.note(language: Self.languages[0], of: "grid")
        #expect(state.turns == turns)
        state.note(language: Self.languages[1], of: "grid")
        #expect(state.turns == turns + 1 && state.memories["grid"]?.language == Self.languages[1])
        state.note(language: Self.languages[2], of: "nobody")
        #expect(state.turns == turns + 1)
    }
}
