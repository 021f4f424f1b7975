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
        ".000 2f", "2.0000 2f", "2.0 2f", "2.000.000 2f", "2.00/ 2f", "2.00: 2f", "/.000 2f", ":.000 2f", "2.000 2/", "2.000 2:",
        "2.000 2@",
        "2.000 2G", "2.000 2`", "2.000 /2",
    ])
    func linesThatAreNone(line: String) {
        let text = "jouled recording 1\n1.000 00\n\(line)\n"
        #expect(throws: Recording.Fault(line: 3)) { try Recording(file: Array(text.utf8)) }
    }

    /// Power failed during the write.
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

    @Test(arguments: ["1.000 2f", "999999999.999 2f", "1.000", "2.000 # 2", "# x", "", "\r", "2.000 \r"])
    func linesThatAreGood(line: String) throws {
        _ = try Recording(file: Array("jouled recording 1\n1.000 00\n\(line)\n".utf8))
    }

    @Test func everyDigit() throws {
        let text = "jouled recording 1\n123456789.987 0123456789abcdefABCDEF\n"
        let recording = try Recording(file: Array(text.utf8))
        #expect(recording.bytes == [0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xAB, 0xCD, 0xEF])
        #expect(recording.length == .milliseconds(123_456_789_987) && recording.portions[0].at == recording.length)
        #expect(recording.text("x").hasSuffix("123456789.987 0123456789abcdefabcdef\n123456789.987\n"))
    }

    /// A line holds 32 bytes; times are truncated to milliseconds and never negative.
    private static let written: [(count: Int, at: Duration, expected: [String])] = [
        (0, .zero, []), (1, .milliseconds(7), ["0.007 55"]), (2, .milliseconds(70), ["0.070 5555"]),
        (2, .milliseconds(700), ["0.700 5555"]), (1, .milliseconds(999), ["0.999 55"]), (1, .seconds(1), ["1.000 55"]),
        (1, .microseconds(1999), ["0.001 55"]), (1, .milliseconds(-1), ["0.000 55"]), (1, .milliseconds(-1500), ["0.000 55"]),
        (31, .zero, ["0.000 " + String(repeating: "55", count: 31)]), (32, .zero, ["0.000 " + String(repeating: "55", count: 32)]),
        (33, .zero, ["0.000 " + String(repeating: "55", count: 32), "0.000 55"]),
    ]

    @Test(arguments: written) func lines(_ count: Int, _ at: Duration, _ expected: [String]) {
        let portion = Recording.Portion(at: at, [UInt8](repeating: 0x55, count: count))
        #expect(Recording.lines(portion) == expected.map { $0 + "\n" }.joined())
    }

    /// Portions of 15 bytes, as from a USB adapter, each timed by its last byte at 1/960 s per byte.
    @Test(arguments: [0, 1, 14, 15, 16, 30, 31]) func thePaceOfTheLine(count: Int) throws {
        let paced = try Recording(file: [UInt8](repeating: 0x55, count: count))
        let sizes = paced.portions.map(\.bytes.count)
        #expect(sizes == [Int](repeating: 15, count: count / 15) + (count % 15 > 0 ? [count % 15] : []))
        for (index, portion) in paced.portions.enumerated() {
            let bytes = min(15 * (index + 1), count)
            #expect(portion.at == .nanoseconds(Int64(bytes) * 1_000_000_000 / 960))
        }
        #expect(paced.length == .nanoseconds(Int64(count) * 1_000_000_000 / 960))
    }

    @Test func whatIsARecording() throws {
        #expect(Recording.isRecording(Array("jouled recording 1".utf8)) && !Recording.isRecording(Array("jouled recording 2\n".utf8)))
        #expect(try Recording(file: Array("jouled recording 1".utf8)) == Recording([], length: .zero))
        #expect(
            try Recording(file: Array("jouled recording 1\n0.500 41\n0.700".utf8)).length == .milliseconds(500), "not written to its end")
    }
}
