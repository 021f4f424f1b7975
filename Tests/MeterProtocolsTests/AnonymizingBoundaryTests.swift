import Metering
import Testing
import VirtualMeters

@testable import MeterProtocols

private typealias Entry = SMLEncoder.Entry

private let mark: [UInt8] = [0x1B, 0x1B, 0x1B, 0x1B]

private func kept(_ bytes: [UInt8], _ name: MeterProtocol? = nil) -> Anonymizer {
    Anonymizer(Recording([Recording.Portion(at: .zero, bytes)], length: .seconds(1)), name)
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes.map { $0 & 0x7F }, as: UTF8.self) }

extension [UInt8] {
    fileprivate func holds(_ part: [UInt8]) -> Bool { indices.contains { self[$0...].starts(with: part) } }
}

/// SML: which elements are masked, at which positions, and the resulting frame.
@Suite struct SMLMaskBoundaryTests {
    private static let signature = (1...20).map { UInt8($0) | 0x80 }

    private static func entry(_ code: OBISCode, _ value: [UInt8], nameLength: Int = 6, parts: Int = 7) -> [UInt8] {
        let name = Array([code.a, code.b, code.c, code.d, code.e, code.f, 0].prefix(nameLength))
        return RawSML.list(
            [RawSML.octets(name), RawSML.missing, RawSML.missing, [0x62, 30], [0x52, 0], value, RawSML.missing]
                .prefix(parts) + [[UInt8]](repeating: RawSML.missing, count: max(0, parts - 7)))
    }

    private static let power = entry(OBISCode(16, 7, 0), [0x65, 0, 0, 0, 42])

    /// A frame of three messages whose lists have the given number of elements.
    private func frame(open: Int = 6, list: Int = 7, close: Int = 1, closeTag: UInt8 = 0x02, entries: [[UInt8]] = []) -> [UInt8] {
        let opening =
            [RawSML.missing, RawSML.octets([0x81, 0x82]), RawSML.octets([1]), RawSML.octets(serverISK), RawSML.missing, RawSML.missing]
            + [[UInt8]](repeating: RawSML.missing, count: 3)
        let values =
            [
                RawSML.octets([0x81, 0x82]), RawSML.octets(serverISK), RawSML.missing, RawSML.missing, RawSML.list(entries + [Self.power]),
                RawSML.octets(Self.signature), RawSML.missing,
            ] + [[UInt8]](repeating: RawSML.missing, count: 3)
        let closing = [RawSML.octets(Self.signature), RawSML.missing, RawSML.missing]
        return SMLEncoder().framed(
            RawSML.message(0x01, RawSML.list(Array(opening.prefix(open))))
                + RawSML.message(0x07, RawSML.list(Array(values.prefix(list))))
                + RawSML.message(closeTag, RawSML.list(Array(closing.prefix(close)))))
    }

    /// Lists may have additional elements after the specified ones. If a specified one is missing, the others can't be identified.
    @Test func partsOfMessages() {
        for open in 3...9 { #expect(kept(frame(open: open), .sml).telegrams == (open >= 4 ? 1 : 0), "\(open) in the opening") }
        for list in 5...10 { #expect(kept(frame(list: list), .sml).telegrams == (list >= 6 ? 1 : 0), "\(list) in the list") }
        for close in 0...3 { #expect(kept(frame(close: close), .sml).telegrams == (close == 1 ? 1 : 0), "\(close) at the end") }
        for tag in [UInt8(0x03), 0x05, 0x06] { #expect(kept(frame(closeTag: tag), .sml).telegrams == 0, "\(tag)") }
    }

    @Test func entriesOfAnotherForm() {
        let total = OBISCode(1, 8, 0)
        for length in 5...7 {
            let entry = Self.entry(total, [0x62, 5], nameLength: length)
            #expect(kept(frame(entries: [entry]), .sml).telegrams == (length == 6 ? 1 : 0), "a name of \(length)")
        }
        for parts in 6...8 {
            let entry = Self.entry(total, [0x62, 5], parts: parts)
            #expect(kept(frame(entries: [entry]), .sml).telegrams == (parts == 7 ? 1 : 0), "\(parts) parts")
        }
    }

    /// A serial number encoded as a number: its header is kept, and its value becomes the pseudonym's number.
    @Test(arguments: [[0x65, 1, 2, 3, 4], [0x63, 0x11, 0x22], [0x62, 0x9A], [0x55, 0x7F, 2, 3, 4]] as [[UInt8]])
    func aNumberThatIsAName(_ value: [UInt8]) {
        let original = frame(entries: [Self.entry(OBISCode(96, 1, 0), value)])
        let bytes = kept(original, .sml).recording.bytes
        #expect(bytes.count == original.count && original.holds(value))
        // The client is pseudonym 1, the server 2.
        let masked = [value[0]] + [UInt8](repeating: 0, count: value.count - 2) + [3]
        #expect(!bytes.holds(value) && bytes.holds([0x52, 0] + masked + [0x01]))
    }

    /// The printed serial number may occur in a text: exactly its eight digits are searched for.
    @Test(arguments: [("x12345678", true), ("5512345678", true), ("x2345678x", false), ("0012345", false)])
    func theDigitsOfTheServerInATextOfItsOwn(_ content: String, _ isMasked: Bool) {
        let value = Array(content.utf8)
        let bytes = kept(frame(entries: [Self.entry(OBISCode(1, 0, 96, 5, 0, 255), RawSML.octets(value))]), .sml).recording.bytes
        #expect(!bytes.isEmpty && bytes.holds(value) != isMasked)
    }

    /// A value that is neither a text nor a number can't be masked.
    @Test(arguments: [[0x42, 0x01], [0x71, 0x01], [0x72, 0x62, 0x01, 0x65, 0, 0, 0, 5]] as [[UInt8]]) func aNameOfAnotherKind(
        _ value: [UInt8]
    ) {
        #expect(kept(frame(entries: [Self.entry(OBISCode(96, 1, 0), value)]), .sml).telegrams == 0)
        #expect(kept(frame(entries: [Self.entry(OBISCode(96, 1, 0), RawSML.missing)]), .sml).telegrams == 1)
    }

    /// Octets that contain a name but are not one themselves are replaced with zeros.
    @Test func aNameInOtherOctets() {
        let value = [0x81] + serverISK
        let bytes = kept(frame(entries: [Self.entry(OBISCode(1, 0, 96, 5, 0, 255), RawSML.octets(value))]), .sml).recording.bytes
        #expect(bytes.holds([0x0C] + [UInt8](repeating: 0, count: value.count) + [0x01]))
    }

    /// Only names, signatures and checksums change.
    @Test func theRestStays() {
        let original = frame(entries: [Self.entry(OBISCode(1, 8, 0), [0x69, 0, 0, 0, 0, 7, 8, 9, 10])])
        let bytes = kept(original, .sml).recording.bytes
        #expect(bytes.count == original.count)
        let changed = zip(original, bytes).count { $0 != $1 }
        // Two clients, four bytes of each of two server IDs, two signatures, and two bytes of each of four checksums.
        #expect(changed > 40 && changed <= 2 * 2 + 2 * 4 + 2 * 20 + 4 * 2, "\(changed)")
    }

    /// An empty frame, a shorter one, and one with more fill bytes than content.
    @Test func theShortestFrame() {
        func frame(_ content: [UInt8], fill: UInt8) -> [UInt8] {
            let bytes = mark + [1, 1, 1, 1] + content + mark + [0x1A, fill]
            let crc = CRC16.x25(bytes[...])
            return bytes + [UInt8(crc & 0xFF), UInt8(crc >> 8)]
        }
        func masked(_ frame: [UInt8]) -> [UInt8]? { SMLMask(frame)?.masked(by: Pseudonyms()) }
        #expect(masked(frame([], fill: 0)) == frame([], fill: 0) && SMLMask(Array(frame([], fill: 0).dropFirst())) == nil)
        for fill in UInt8(0)...4 { #expect(masked(frame([0, 0, 0, 0], fill: fill)) == frame([0, 0, 0, 0], fill: fill), "\(fill)") }
        #expect(SMLMask(frame([0, 0, 0, 0], fill: 5)) == nil && SMLMask(frame([], fill: 1)) == nil)
        // Escaped fill bytes.
        #expect(masked(frame(mark + mark, fill: 4)) == frame([0, 0, 0, 0], fill: 4))
        #expect(SMLMask(frame(mark + mark, fill: 3)) == nil && SMLMask(frame(mark + mark, fill: 5)) == nil)
        #expect(SMLMask(frame([0x76, 0x01], fill: 0)) == nil)
    }

    /// Checksums with a leading zero may be encoded shorter, before or after masking: frames are padded to a multiple of four bytes again.
    @Test(arguments: [SMLEncoder.Check.x25, .kermit]) func framesAreFilled(_ check: SMLEncoder.Check) {
        var encoder = SMLEncoder()
        encoder.check = check
        var lengths: Set<Int> = []
        for number in UInt32(1)...400 {
            let frame = encoder.telegram(server: serverISK, [Entry(OBISCode(16, 7, 0), .signed(7, width: 4), unit: 27)], number: number)
            var pseudonyms = Pseudonyms()
            guard let mask = SMLMask(frame) else { return #expect(Bool(false), "\(number)") }
            mask.learn(&pseudonyms)
            let bytes = mask.masked(by: pseudonyms) ?? []
            #expect(bytes.count % 4 == 0 && bytes.count >= 16 && bytes[bytes.count - 3] < 4, "\(number)")
            lengths.insert(bytes.count - Int(bytes[bytes.count - 3]) - frame.count + Int(frame[frame.count - 3]))
            // The messages' own checksums are only checked where there is no frame.
            let bare = bytes[8..<(bytes.count - 8 - Int(bytes[bytes.count - 3]))]
            #expect(decoded(Array(bare), by: SMLDecoder()).count == 1, "\(number)")
        }
        #expect(lengths.contains(0) && lengths.contains(1) && lengths.allSatisfy { (0...3).contains($0) }, "\(lengths)")
        // The number of surplus fill bytes is kept.
        encoder.extraFill = 4
        let filled = encoder.telegram(server: serverISK, [Entry(OBISCode(16, 7, 0), .signed(7, width: 4), unit: 27)], number: 3)
        #expect(SMLMask(filled)?.masked(by: Pseudonyms())?.count == filled.count)
    }
}

/// Text telegrams.
@Suite struct TextMaskBoundaryTests {
    private static let identifications: [(String, String)] = [
        ("ISK5ME1234", "ISK5ME1234"), ("ISK5ME12345", "ISK5ME00001"), ("ISK5A1234B12345C", "ISK5A1234B00001C"),
        ("ISK5\\2M550T-1012", "ISK5\\2M550T-1012"),
    ]

    /// Four digits are a model; five may be a serial number.
    @Test func numbersInAnIdentification() {
        for (identification, expected) in Self.identifications {
            let bytes = kept(Array("/\(identification)\r\n".utf8) + framed("1.8.0(1*kWh)\r\n!\r\n")).recording.bytes
            #expect(text(bytes).hasPrefix("/\(expected)\r\n"), "\(text(bytes))")
        }
    }

    /// The CRC of P1 keeps its format: with leading zeros if it had four digits, without them otherwise.
    @Test func checksOfP1() {
        var leading = 0
        for number in 0..<160 {
            let lines = ["0-0:96.1.1(45303034333\(number % 10)3037)", "1-0:1.8.1(\(100_000 + 37 * number).345*kWh)"]
            for check in [P1Encoder.Check.padded, .unpadded] {
                let telegram = P1Encoder.telegram("/XYZ5M", lines, check: check)
                let bytes = kept(telegram, .p1).recording.bytes
                let after = text(bytes).split(separator: "!").last.map { String($0.prefix { $0 != "\r" }) } ?? ""
                let mark = bytes.lastIndex(of: UInt8(ascii: "!")) ?? 0
                #expect(UInt16(after, radix: 16) == CRC16.arc(bytes[...mark]), "\(number)")
                let digits = String(CRC16.arc(bytes[...mark]), radix: 16, uppercase: true)
                let isFull = telegram.suffix(7).first == UInt8(ascii: "!")
                #expect(after == (isFull ? String(repeating: "0", count: 4 - digits.utf8.count) + digits : digits), "\(number)")
                if digits.utf8.count < 4 { leading += 1 }
            }
        }
        #expect(leading > 2)
    }

    /// The equipment identifier of P1 is hex-encoded text. The decoded text is searched for as well, but only in P1.
    @Test func whatStandsInHexIsLookedForInPlain() {
        let lines = ["0-0:96.1.1(4530303433303037)", "0-0:96.1.4(E0043007)", "1-0:1.8.1(000012.345*kWh)"]
        let bytes = kept(P1Encoder.telegram("/XYZ5M", lines), .p1).recording.bytes
        #expect(text(bytes).contains("0-0:96.1.4(00000000)") && !text(bytes).contains("4530303433303037"))
        let readout = Array("/ISK5ME162\r\n".utf8) + framed("0.0.0(4530303433303037)\r\n0.2.0(E0043007)\r\n1.8.0(1*kWh)\r\n!\r\n")
        #expect(text(kept(readout).recording.bytes).contains("0.2.0(E0043007)"))
    }

    @Test func aCheckInSmallLettersStaysSmall() {
        var letters = 0
        for number in 0..<32 {
            var telegram = P1Encoder.telegram("/XYZ5M", ["0-0:96.1.1(4530303433)", "1-0:1.8.1(0000\(10 + number).345*kWh)"])
            let mark = telegram.lastIndex(of: UInt8(ascii: "!")) ?? 0
            for index in (mark + 1)..<telegram.count where telegram[index] >= UInt8(ascii: "A") { telegram[index] |= 0x20 }
            guard telegram[(mark + 1)...].contains(where: { $0 >= UInt8(ascii: "a") }) else { continue }
            let bytes = kept(telegram, .p1).recording.bytes
            guard let end = bytes.lastIndex(of: UInt8(ascii: "!")) else { return #expect(Bool(false), "\(number)") }
            let crc = String(CRC16.arc(bytes[...end]), radix: 16)
            #expect(text(Array(bytes[(end + 1)...])).hasPrefix(String(repeating: "0", count: 4 - crc.utf8.count) + crc), "\(number)")
            letters += 1
        }
        #expect(letters > 10)
    }
}

/// Which telegrams are found, and which count as unchanged after masking.
@Suite struct FoundTelegramBoundaryTests {
    /// A telegram may begin with a slash or with STX; 64 candidates are tried, backwards from the end.
    @Test(arguments: [60, 62, 63, 64]) func manyBeginnings(_ slashes: Int) {
        let line = "0.2.0(\(String(repeating: "/", count: slashes)))\r\n"
        let readout = Array("/ISK5ME162\r\n".utf8) + framed("1.8.0(1*kWh)\r\n" + line + "!\r\n")
        let result = kept(readout, .iec62056)
        // The 64th candidate is the identification or the STX.
        let leftOut = slashes <= 62 ? 0 : slashes == 63 ? "/ISK5ME162\r\n".utf8.count : readout.count
        #expect(result.telegrams == (slashes <= 63 ? 1 : 0) && result.leftOut == leftOut, "\(result.leftOut)")
    }

    @Test func whatIsTheSame() throws {
        func readout(_ lines: String) -> [UInt8] { Array("/ISK5ME162\r\n".utf8) + framed(lines + "!\r\n") }
        let (total, name) = ("1.8.0(12.5*kWh)\r\n", "0.0.0(123456)\r\n")
        let original = readout(total + name)
        let found = try #require(FoundTelegram.all(in: original, .iec62056).first)
        #expect(found.range == original.indices && found.isSame(in: original))
        #expect(found.isSame(in: readout(total + "0.0.0(000001)\r\n")), "a name")
        for other in [
            "1.8.0(12.6*kWh)\r\n" + name, "1.8.0(12.50*kWh)\r\n" + name, "1.8.0(12.5*Wh)\r\n" + name, "2.8.0(12.5*kWh)\r\n" + name, total,
            total + name + "2.8.0(0*kWh)\r\n", name + total, "1.8.0(x)\r\n" + name,
        ] { #expect(!found.isSame(in: readout(other)), "\(other)") }
        // The same telegram without a checksum is a different one.
        let unchecked = Array("/ISK5ME162\r\n\r\n".utf8) + Array((total + name + "!\r\n").utf8)
        #expect(!found.isSame(in: unchecked) && !found.isSame(in: []) && !found.isSame(in: original + original))
    }

    @Test func theSameDirection() throws {
        func frame(_ status: UInt32) -> [UInt8] {
            SMLEncoder().telegram(server: serverISK, [Entry(OBISCode(1, 8, 0), .unsigned(5, width: 4), unit: 30, status: status)])
        }
        let found = try #require(FoundTelegram.all(in: frame(0x182), .sml).first)
        #expect(found.isSame(in: frame(0x182)) && found.isSame(in: frame(0x80)) && !found.isSame(in: frame(0x1A2)))
        #expect(!found.isSame(in: frame(0x08)))
    }
}

@Suite struct PseudonymsLimitTests {
    /// Enough for the meters of a street; more are refused.
    @Test func twoHundredSecrets() {
        var pseudonyms = Pseudonyms()
        for number in 1...200 {
            #expect(!pseudonyms.isFull, "\(number)")
            pseudonyms.learn(Array("\(100_000 + number)".utf8))
        }
        #expect(pseudonyms.isFull && pseudonyms.secrets.count == 200)
    }

    /// Leading zeros and surrounding blanks are not part of the secret.
    @Test func whatIsKeptSecret() {
        var pseudonyms = Pseudonyms()
        for name in ["  00123456  ", "0012345", "12345 ", "      ", "123456"] { pseudonyms.keepSecret(Array(name.utf8)) }
        #expect(pseudonyms.secrets == [Array("123456".utf8)])
        pseudonyms.keepSecret([0, 0, 0x30, 1, 2, 3, 4, 5, 0x20, 6, 0x20])
        #expect(pseudonyms.secrets.last == [1, 2, 3, 4, 5, 0x20, 6])
        #expect(pseudonyms.isNamed(in: Array("x123456x".utf8)) && !pseudonyms.isNamed(in: Array("x12345x".utf8)))
        #expect(pseudonyms.isNamed(in: Array("x123456".utf8).map { $0 | 0x80 }), "with parity")
    }

    @Test func places() {
        let bytes = Array("abaababa".utf8)
        #expect(bytes.places(of: Array("aba".utf8)) == [0..<3, 3..<6, 5..<8])
        #expect(bytes.places(of: bytes) == [0..<8] && bytes.places(of: bytes + bytes) == [] && bytes.places(of: []) == [])
        #expect(bytes.places(of: Array("x".utf8)) == [] && [].places(of: Array("x".utf8)) == [])
    }
}

/// The timestamps of bytes in a telegram that got shorter or longer.
@Suite struct AnonymizedTimesTests {
    private func portions(_ bytes: [UInt8], size: Int) -> Recording {
        Recording(
            stride(from: 0, to: bytes.count, by: size).map {
                Recording.Portion(at: .milliseconds($0), Array(bytes[$0..<min($0 + size, bytes.count)]))
            }, length: .seconds(60))
    }

    @Test(arguments: [1, 7, 64, 1000]) func aShorterOneEndsSooner(_ size: Int) {
        let server: [UInt8] = [0x0A, 0x01] + Array("ISK".utf8) + [0x1B, 0x1B, 0x1B, 0x1B, 0x1B]
        let frame = SMLEncoder().telegram(server: server, [Entry(OBISCode(1, 8, 0), .unsigned(7, width: 4), unit: 30)])
        let original = [0x00, 0x00, 0x55] + frame + frame
        let result = Anonymizer(portions(original, size: size), .sml)
        let one = result.recording.bytes.count / 2
        #expect(result.telegrams == 2 && one < frame.count && result.leftOut == 3)
        for portion in result.recording.portions {
            #expect(portion.at >= .zero && portion.at < .milliseconds(original.count) && portion.bytes.count <= size)
        }
        if size == 1 {
            let expected = Array(3..<(3 + one)) + Array((3 + frame.count)..<(3 + frame.count + one))
            #expect(result.recording.portions.map(\.at) == expected.map { .milliseconds($0) })
        }
    }

    @Test func aLongerOneEndsWithItsLastPortion() throws {
        // Its checksums have leading zeros, which are omitted, and don't have them after masking.
        let (frame, masked) = try #require(
            (UInt32(1)...1000).lazy.map { number -> ([UInt8], Int) in
                let filler = Entry(OBISCode(1, 0, 96, 5, 0, 255), .octets([UInt8](repeating: 0x2E, count: Int(number % 4))))
                let power = Entry(OBISCode(16, 7, 0), .signed(7, width: 4), unit: 27)
                let frame = SMLEncoder().telegram(server: serverISK, [filler, power], number: number)
                return (frame, kept(frame, .sml).recording.bytes.count)
            }.first { $0.1 > $0.0.count })
        let result = Anonymizer(portions(frame, size: 1), .sml)
        #expect(result.recording.portions.count == frame.count)
        #expect(result.recording.portions.map(\.at) == frame.indices.map { .milliseconds($0) })
        #expect(result.recording.portions.dropLast().allSatisfy { $0.bytes.count == 1 })
        #expect(result.recording.portions.last?.bytes.count == masked - frame.count + 1)
    }
}
