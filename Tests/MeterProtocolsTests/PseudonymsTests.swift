import MeterProtocols
import Metering
import Testing
import VirtualMeters

private typealias Entry = SMLEncoder.Entry

private func kept(_ bytes: [UInt8], _ name: MeterProtocol? = nil) -> Anonymizer {
    Anonymizer(Recording([Recording.Portion(at: .zero, bytes)], length: .seconds(1)), name)
}

/// What each character and each byte of a name is replaced with.
@Suite struct PseudonymsTests {
    /// Register 0.0.0 of a readout that contains the given names, after masking.
    private func masked(_ names: [String]) -> [String] {
        let lines = names.map { "0.0.0(\($0))\r\n" }.joined()
        let readout = Array("/ISK5ME162\r\n".utf8) + framed("1.8.0(0033402.264*kWh)\r\n" + lines + "!\r\n")
        let bytes = kept(readout).recording.bytes
        let text = String(decoding: bytes, as: UTF8.self)
        return text.split(separator: "0.0.0(").dropFirst().map { String($0.prefix { $0 != ")" }) }
    }

    /// Digits become 0, letters X, or 0 if all are hex digits; the rest is kept. The last characters become the name's number.
    @Test(arguments: [
        ("0099887766", "0000000001"), ("09/:", "01/:"), ("AMZ@[x", "XXX@[1"), ("amz`{X", "XXX`{1"),
        ("0123456789ABCDEFabcdef", "0000000000000000000001"),
        ("ABCDEFG", "XXXXXX1"), ("-A9-", "-X1-"), ("ABC def", "XXX XX1"), ("Z", "1"), ("1ISK0012345678", "0XXX0000000001"),
    ])
    func eachCharacter(_ name: String, _ expected: String) { #expect(masked([name]) == [expected]) }

    /// The tenth name gets a number of two digits; the same name always gets the same number.
    @Test func numbersOfNames() {
        let names = (0..<12).map { "\(77_000_000 + $0 * 11)" }
        let numbers = (1...12).map { String(repeating: "0", count: $0 < 10 ? 7 : 6) + "\($0)" }
        #expect(masked(names + names.reversed()) == numbers + numbers.reversed())
        #expect(masked(["000000", "      ", "12345678"]) == ["000000", "      ", "00000001"], "nothing to hide is no name")
    }

    /// A name of six characters is searched for everywhere. One of five may occur by chance, for example in the identification or a status.
    @Test(arguments: [("0123456", "0000000"), ("0012345", "0012345"), ("123456", "000001"), ("12345", "12345")])
    func whatIsTooShortForASecret(_ name: String, _ elsewhere: String) {
        let readout = Array("/ISK5ME162\r\n".utf8) + framed("C.1.0(\(name))\r\n0.2.0(\(name))\r\n1.8.0(1*kWh)\r\n!\r\n")
        let text = String(decoding: kept(readout).recording.bytes, as: UTF8.self)
        #expect(text.contains("0.2.0(\(elsewhere))"), "\(text)")
    }

    // MARK: Bytes

    /// A name in an SML list after masking; `nil` if the telegram was dropped.
    private func masked(octets: [UInt8]) -> [UInt8]? {
        let entries = [
            Entry(OBISCode(0, 0, 0), .octets(octets)), Entry(OBISCode(1, 8, 0), .unsigned(5, width: 4), unit: 30, scaler: -1),
        ]
        let bytes = kept(SMLEncoder().telegram(server: [], entries), .sml).recording.bytes
        let before = SMLEncoder().telegram(server: [], entries)
        guard bytes.count == before.count else { return nil }
        guard let place = before.indices.first(where: { before[$0...].starts(with: octets) }) else { return nil }
        return Array(bytes[place..<(place + octets.count)])
    }

    /// Registers that identify a meter are masked, the texts of the others are kept.
    @Test(arguments: [
        (OBISCode(0, 0, 0), true), (OBISCode(0, 0, 9), true), (OBISCode(0, 1, 0), false), (OBISCode(1, 0, 1), false),
        (OBISCode(42, 0, 0), true),
        (OBISCode(41, 0, 0), false), (OBISCode(43, 0, 0), false), (OBISCode(42, 1, 0), false), (OBISCode(96, 13, 0), true),
        (OBISCode(96, 12, 0), false), (OBISCode(96, 14, 0), false), (OBISCode(96, 90, 0), true), (OBISCode(96, 89, 0), false),
        (OBISCode(96, 91, 0), false), (OBISCode(97, 13, 0), false), (OBISCode(95, 90, 0), false), (OBISCode(96, 1, 0), true),
        (OBISCode(96, 1, 4), true), (OBISCode(0, 0, 96, 1, 4, 255), false), (OBISCode(0, 0, 96, 1, 3, 255), true),
        (OBISCode(0, 0, 96, 1, 5, 255), true), (OBISCode(0, 1, 96, 1, 4, 255), true), (OBISCode(129, 129, 199, 130, 5, 255), true),
        (OBISCode(129, 129, 199, 130, 3, 255), false), (OBISCode(1, 0, 199, 130, 5, 255), false),
        (OBISCode(129, 129, 199, 129, 5, 255), false),
        (OBISCode(129, 129, 198, 130, 5, 255), false), (OBISCode(128, 129, 199, 130, 5, 255), false),
    ])
    func namesByRegister(_ code: OBISCode, _ isName: Bool) {
        let text: [UInt8] = [0x91, 0x92, 0x93]
        let entries = [Entry(code, .octets(text)), Entry(OBISCode(1, 8, 0), .unsigned(5, width: 4), unit: 30, scaler: -1)]
        let result = kept(SMLEncoder().telegram(server: [], entries), .sml)
        #expect(
            result.telegrams == 1 && result.recording.bytes.indices.contains { result.recording.bytes[$0...].starts(with: text) } != isName)
    }

    private static let isk = Array("ISK".utf8)
    private static let dzg = Array("DZG".utf8)

    /// Ten bytes are a server ID: medium and letters are kept, the number is replaced. Anything else becomes zeros and the name's number.
    @Test(
        arguments: [
            ([0x0A, 0x01] + isk + [0x00, 0x00, 0xBC, 0x61, 0x4E], [0x0A, 0x01] + isk + [0x00, 0, 0, 0, 1]),
            ([0x09, 0x01] + isk + [0x01, 0x00, 0xBC, 0x61, 0x4E], [0x09, 0x01] + isk + [0x01, 0, 0, 0, 1]),
            ([0x06] + isk + [0x01, 0x07, 0x00, 0xBC, 0x61, 0x4E], [0x06] + isk + [0x01, 0x07, 0, 0, 0, 1]),
            ([0x0A, 0x01] + Array("AZ@".utf8) + [0x00, 0x00, 0xBC, 0x61, 0x4E], [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ([0x0A, 0x01] + Array("AZ[".utf8) + [0x00, 0x00, 0xBC, 0x61, 0x4E], [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ([0x0A, 0x01] + Array("AZA".utf8) + [0x00, 0x00, 0xBC, 0x61, 0x4E], [0x0A, 0x01] + Array("AZA".utf8) + [0x00, 0, 0, 0, 1]),
            ([0x0B, 0x01] + isk + [0x00, 0x00, 0xBC, 0x61, 0x4E], [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ([0x08, 0x01] + isk + [0x00, 0x00, 0xBC, 0x61, 0x4E], [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            // The millions are kept for DZG only.
            ([0x0A, 0x01] + dzg + [0x00, 0x03, 0x0D, 0x40, 0x85], [0x0A, 0x01] + dzg + [0x00, 0x03, 0x0A, 0x32, 0xC1]),
            ([0x0A, 0x01] + Array("DZH".utf8) + [0x00, 0x03, 0x0D, 0x40, 0x85], [0x0A, 0x01] + Array("DZH".utf8) + [0x00, 0, 0, 0, 1]),
            ([0x81, 0x02, 0x03], [0, 0, 1]), ([0x81, 0x02, 0x03, 0, 0, 0, 0, 0, 0x09], [0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ([0x1F, 0x30, 0x41, 0x42], [0, 0, 0, 1]), ([0x7F, 0x30, 0x41, 0x42], [0, 0, 0, 1]),
            ([0x20, 0x30, 0x41, 0x7E], [0x20, 0x30, 0x31, 0x7E]),
        ] as [([UInt8], [UInt8])])
    func eachByte(_ octets: [UInt8], _ expected: [UInt8]) { #expect(masked(octets: octets) == expected) }
}

/// Consecutive telegrams, with and without bytes in between: each is found from its first to its last byte.
@Suite struct FoundTelegramTests {
    private static let p1Lines = ["0-0:96.1.1(4530303433303037)", "1-0:1.8.1(000012.345*kWh)", "0-0:96.14.0(0002)"]
    private static let kinds: [(String, [UInt8], MeterProtocol)] = [
        ("mode C", modeC, .iec62056), ("mode D", modeD, .d0Push), ("SML", smlTelegram(), .sml), ("P1", dsmr5, .p1), ("DSMR 3", dsmr3, .p1),
        ("P1 without a check", P1Encoder.telegram("/XYZ5M", p1Lines, check: .none), .p1),
        ("mode D with parity", withParity(modeD), .d0Push), ("mode C with parity", withParity(modeC), .iec62056),
    ]

    @Test(arguments: kinds.indices) func fromTheFirstByteToTheLast(_ index: Int) {
        let (name, telegram, source) = Self.kinds[index]
        let single = kept(telegram, source)
        #expect(single.telegrams == 1 && single.recording.bytes.count + single.leftOut == telegram.count, "\(name)")
        // In telegrams with a checksum the line end after the last character is not included.
        #expect(single.leftOut <= 2, "\(name): \(single.leftOut)")
        let one = single.recording.bytes
        for separator in [[], [0x0D, 0x0A], [0x00], [0x00, 0x00, 0x00], [UInt8](repeating: 0xFF, count: 300)] as [[UInt8]] {
            let row = kept(telegram + separator + telegram + separator + telegram, source)
            #expect(row.telegrams == 3, "\(name)")
            #expect(
                row.leftOut == 3 * single.leftOut + 2 * separator.count, "\(name) with \(separator.count) bytes between: \(row.leftOut)")
            #expect(row.recording.bytes == one + one + one, "\(name) with \(separator.count) bytes between")
        }
    }

    /// A telegram may begin anywhere in the pieces that are searched.
    @Test func whereverItBegins() {
        for shift in [0, 1, 100, 254, 255, 256, 257, 511, 512, 513] {
            for (name, telegram, source) in Self.kinds.prefix(5) {
                let result = kept([UInt8](repeating: 0, count: shift) + telegram, source)
                #expect(result.telegrams == 1 && result.leftOut - shift <= 2, "\(name) after \(shift)")
            }
        }
    }

    /// The longest P1 telegram, 16 KiB, with some noise.
    @Test func longTelegrams() {
        let message = String(repeating: "41", count: 500)
        let lines = (0..<14).map { "0-0:96.13.\($0)(\(message))" } + ["1-0:1.8.1(000012.345*kWh)"]
        let telegram = P1Encoder.telegram("/XYZ5M", lines)
        let result = kept(telegram + telegram, .p1)
        #expect(result.telegrams == 2 && telegram.count > 14_000)
    }
}

/// Which elements of SML are masked, and which are kept.
@Suite struct SMLMaskTests {
    private func entry(_ code: OBISCode, _ value: [UInt8], signature: [UInt8]) -> [UInt8] {
        RawSML.list([
            RawSML.octets([code.a, code.b, code.c, code.d, code.e, code.f]), RawSML.missing, RawSML.missing, [0x62, 30], [0x52, 0], value,
            signature,
        ])
    }

    private static let client: [UInt8] = [0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87]
    private static let listSignature = (1...40).map { UInt8($0) | 0x80 }
    private static let entrySignature = (1...20).map { UInt8($0) | 0x40 }
    private static let closeSignature = (1...24).map { UInt8(0xFF - $0) }

    private func frame(check: (ArraySlice<UInt8>) -> [UInt8], number: [UInt8] = [0x65, 0x01, 0x02, 0x03, 0x04]) -> [UInt8] {
        let open = RawSML.list([
            RawSML.missing, RawSML.octets(Self.client), RawSML.octets([0, 0, 1]), RawSML.octets(serverISK), RawSML.missing, RawSML.missing,
        ])
        let entries = RawSML.list([
            entry(OBISCode(1, 8, 0), [0x65, 0, 1, 0xE2, 0x40], signature: RawSML.octets(Self.entrySignature)),
            // A serial number encoded as a number, and a text that contains it.
            entry(OBISCode(96, 1, 0), number, signature: RawSML.missing),
            entry(OBISCode(1, 0, 96, 5, 0, 255), RawSML.octets(Array("by".utf8) + serverISK), signature: RawSML.missing),
            entry(OBISCode(1, 0, 96, 5, 1, 255), RawSML.octets(Array("free".utf8)), signature: RawSML.missing),
        ])
        let values = RawSML.list([
            RawSML.octets(Self.client), RawSML.octets(serverISK), RawSML.missing, RawSML.missing, entries,
            RawSML.octets(Self.listSignature), RawSML.missing,
        ])
        let close = RawSML.list([RawSML.octets(Self.closeSignature)])
        return SMLEncoder().framed(
            RawSML.message(0x01, open, check: check) + RawSML.message(0x07, values, check: check)
                + RawSML.message(0x02, close, check: check))
    }

    private func expectMasked(_ frame: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) -> [UInt8] {
        let before = decoded(frame, by: SMLDecoder()).compactMap { if case .readout(let readout) = $0 { readout } else { nil } }
        #expect(before.count == 1, sourceLocation: sourceLocation)
        let result = kept(frame, .sml)
        #expect(result.telegrams == 1 && result.leftOut == 0, sourceLocation: sourceLocation)
        let bytes = result.recording.bytes
        let findings = decoded(bytes, by: SMLDecoder())
        #expect(findings.count == 1, sourceLocation: sourceLocation)
        guard case .readout(let after)? = findings.first else { return bytes }
        #expect(after[OBISCode(1, 8, 0)] == before[0][OBISCode(1, 8, 0)] && after[OBISCode(1, 8, 0)] != nil, sourceLocation: sourceLocation)
        for secret in [Self.client, Self.listSignature, Self.entrySignature, Self.closeSignature, serverISK] {
            #expect(!bytes.indices.contains { bytes[$0...].starts(with: secret.suffix(5)) }, sourceLocation: sourceLocation)
        }
        #expect(bytes.indices.contains { bytes[$0...].starts(with: "free".utf8) }, sourceLocation: sourceLocation)
        return bytes
    }

    @Test func allThatIsSigned() {
        let bytes = expectMasked(frame(check: RawSML.x25))
        #expect(!bytes.indices.contains { bytes[$0...].starts(with: [0x65, 0x01, 0x02, 0x03, 0x04]) })
        // Replaced with the same number of zeros.
        #expect(bytes.count == frame(check: RawSML.x25).count)
        #expect(bytes.indices.contains { bytes[$0...].starts(with: [UInt8](repeating: 0, count: 40)) })
    }

    /// Wrong checksums of messages stay wrong; correct ones of the other kind stay correct.
    @Test func checkSumsOfMessages() {
        let wrong = expectMasked(frame(check: { _ in [0x63, 0x12, 0x34] }))
        #expect(wrong.indices.count { wrong[$0...].starts(with: [0x63, 0x12, 0x34]) } == 3)
        let kermit = expectMasked(
            frame(check: { bytes in
                let crc = CRC16.kermit(bytes)
                return [0x63, UInt8(crc >> 8), UInt8(crc & 0xFF)]
            }))
        // A wide checksum stays wide.
        let wide = expectMasked(
            frame(check: { bytes in
                let crc = CRC16.x25(bytes).byteSwapped
                return [0x65, 0, 0, UInt8(crc >> 8), UInt8(crc & 0xFF)]
            }))
        for bytes in [kermit, wide] {
            var damaged = bytes
            #expect(damaged.count > 200)
            // The frame's CRC is correct; the messages' checksums are only checked without a frame.
            damaged.removeFirst(8)
            damaged.removeLast(8 + Int(bytes[bytes.count - 3]))
            let bare = decoded(damaged, by: SMLDecoder())
            #expect(bare.count == 1)
            if case .readout? = bare.first {} else { Issue.record("the messages' check sums are wrong: \(bare)") }
        }
    }
}
