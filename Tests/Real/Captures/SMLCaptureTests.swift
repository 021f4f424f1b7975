import JSONReading
import MeterProtocols
import Metering
import Testing

/// SML frames of real meters, compared with the results of independent decoders.
@Suite struct SMLCaptureTests {
    /// No valid check at all: messages that were cut out of their frame, then modified by their publisher.
    static let unchecked: Set<String> = ["EMH_two_direction_negative_payload_only"]

    struct Capture: Sendable {
        var name: String
        var bytes: [UInt8]
        var expected: JSONText
        /// Messages without a frame: nothing else may surround them.
        var isBare: Bool { name.hasSuffix("payload_only") }
        var lists: [JSONText] { SMLCaptureTests.unchecked.contains(name) ? [] : expected["lists"]?.elements ?? [] }
    }

    /// Empty, with a message, if there are no recordings next to the repository.
    static let captures: [Capture] = {
        guard let files = CaptureFiles("sml") else {
            print("SML captures: skipped, there are none beside the repository")
            return []
        }
        return files.names.filter { $0.hasSuffix(".bin") }.compactMap { file in
            let name = String(file.dropLast(4))
            guard let bytes = files.bytes(of: file), let json = files.bytes(of: name + ".expected.json"),
                let expected = JSONText(String(decoding: json, as: UTF8.self))
            else { return nil }
            return Capture(name: name, bytes: bytes, expected: expected)
        }
    }()

    @Test func readsTheRecordings() {
        var (readouts, values, malformed) = (0, 0, 0)
        for capture in Self.captures {
            let found = decoded(capture.bytes, by: SMLDecoder())
            readouts += found.readouts.count
            if capture.lists.isEmpty { malformed += 1 }
            values += compare(found.readouts, with: capture)
            let errors = capture.expected["framesCrcError"]
            #expect(errors == .number("0") || !found.noise.isEmpty, "\(capture.name)")
            #expect(found.readouts.allSatisfy { $0.serial != nil || capture.name.hasPrefix("EBZ_DD3_smllib_issue8") }, "\(capture.name)")
        }
        guard !Self.captures.isEmpty else { return }
        print("SML captures: \(Self.captures.count) files, \(readouts) frames, \(values) values compared, \(malformed) without any")
        #expect(Self.captures.count >= 42 && readouts >= 120 && values >= 900)
    }

    @Test(arguments: [1, 7, 4096]) func readsThemInPieces(_ size: Int) {
        for capture in Self.captures {
            #expect(decoded(capture.bytes, in: size, by: SMLDecoder()) == decoded(capture.bytes, by: SMLDecoder()), "\(capture.name)")
            #expect(decoded(capture.bytes, in: size, by: AutoDecoder()).readouts == decoded(capture.bytes, by: SMLDecoder()).readouts)
        }
    }

    /// Every split of the short ones, a hundred of the long ones; and garbage before, between and after.
    @Test func readsThemSplitAndAmongGarbage() {
        var random = SplitMix(state: 1)
        for capture in Self.captures {
            let whole = decoded(capture.bytes, by: SMLDecoder())
            let all = 0...capture.bytes.count
            for cut in capture.bytes.count < 256 ? Array(all) : (0..<100).map({ _ in Int.random(in: all, using: &random) }) {
                #expect(decoded(capture.bytes, cutAt: cut, by: SMLDecoder()) == whole, "\(capture.name) cut at \(cut)")
            }
            guard !capture.isBare else { continue }
            for _ in 0..<20 {
                let garbage = (0..<3).map { _ in
                    (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
                }
                let around = garbage[0] + capture.bytes + garbage[1] + capture.bytes + garbage[2]
                #expect(decoded(around, by: SMLDecoder()).readouts == whole.readouts + whole.readouts, "\(capture.name)")
            }
        }
    }

    private func compare(_ readouts: [Readout], with capture: Capture) -> Int {
        var compared = 0
        #expect(readouts.count == capture.lists.count, "\(capture.name)")
        for (readout, list) in zip(readouts, capture.lists) {
            let entries = (list["entries"]?.elements ?? []).filter { $0["value"] != .null }
            #expect(readout.registers.count == entries.count, "\(capture.name)")
            for (register, entry) in zip(readout.registers, entries) {
                #expect(register.code.description == entry["obis"]?.string, "\(capture.name)")
                let text = entry["value"]?.string ?? ""
                switch register.value {
                case .number(let number, let unit):
                    #expect(number == Quantity(text) || number.description == text, "\(capture.name) \(register)")
                    let known = entry["unit"]?.string.flatMap { $0.isEmpty ? nil : $0 }
                    #expect(unit?.rawValue == known, "\(capture.name) \(register)")
                case .text(let own):
                    // The other decoder shows some texts in hex.
                    let hex = own.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
                    #expect(own == text || hex == text, "\(capture.name) \(register)")
                }
                compared += 1
            }
        }
        return compared
    }
}
