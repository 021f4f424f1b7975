import MeterProtocols
import Metering
import Testing

@Suite struct RecordingTests {
    private static let recording = Recording(
        [
            Recording.Portion(at: .zero, Array("/ISK5ME162-0033\r\n".utf8)),
            Recording.Portion(at: .milliseconds(16), [UInt8](0...255)),
            Recording.Portion(at: .milliseconds(61_007), [0x1B]),
        ], length: .milliseconds(62_500))

    @Test func whatWasWrittenIsRead() throws {
        let text = Self.recording.text("9600 Bd 8N1")
        #expect(text.hasPrefix("jouled recording 1\n# 9600 Bd 8N1\n0.000 2f49534b354d453136322d303033330d0a\n0.016 0001"))
        #expect(text.hasSuffix("61.007 1b\n62.500\n"))
        #expect(text.split(separator: "\n").allSatisfy { $0.utf8.count <= 80 })
        #expect(try Recording(file: Array(text.utf8)) == Self.recording)
        #expect(Self.recording.bytes.count == 17 + 256 + 1)
    }

    @Test func editedByHand() throws {
        let text = "jouled recording 1\r\n\r\n# a remark\r\n0.000 2F 49\r\n"
        #expect(throws: Recording.Fault(line: 4)) { try Recording(file: Array(text.utf8)) }
        let good = "jouled recording 1\r\n0.500 2F49  # beginning\r\n\r\n0.500 53\n1.000 4b\n"
        let read = try Recording(file: Array(good.utf8))
        #expect(
            read.portions == [
                Recording.Portion(at: .milliseconds(500), [0x2F, 0x49, 0x53]), Recording.Portion(at: .milliseconds(1000), [0x4B]),
            ])
        #expect(read.length == .seconds(1))
    }

    @Test(arguments: [
        "1.00 2f", "1 2f", "1.000 2", "1.000 2g", "-1.000 2f", "1.000 2f 2f", "1,000 2f", "x", "0.999 2f", "1234567890.000 2f",
    ])
    func linesThatAreNone(line: String) {
        let text = "jouled recording 1\n1.000 00\n\(line)\n"
        #expect(throws: Recording.Fault(line: 3)) { try Recording(file: Array(text.utf8)) }
    }

    /// Power went while it was written.
    @Test func aTornEnd() throws {
        let text = Self.recording.text("x")
        for length in 20..<text.utf8.count {
            let torn = try Recording(file: Array(text.utf8.prefix(length)))
            #expect(Self.recording.bytes.starts(with: torn.bytes))
        }
    }

    @Test func bytesWithoutTimesGetThoseOfTheLine() throws {
        let bytes = [UInt8](repeating: 0x55, count: 960)
        let paced = try Recording(file: bytes)
        #expect(paced.bytes == bytes)
        #expect(paced.length == .seconds(1))
        #expect(zip(paced.portions, paced.portions.dropFirst()).allSatisfy { $0.at < $1.at })
        #expect(paced.portions.last?.at == .seconds(1))
    }
}
