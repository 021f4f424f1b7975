import MeterProtocols
import Metering
import Testing
import VirtualMeters

private typealias Entry = SMLEncoder.Entry

private func block(_ start: UInt8, _ text: String) -> [UInt8] {
    let content = Array(text.utf8) + [ControlCharacter.etx]
    return [start] + content + [BlockCheck.of(content)]
}

/// The anonymized form of `bytes`, received in portions of 16 bytes, 10 ms apart.
private func anonymized(_ bytes: [UInt8], _ name: MeterProtocol? = nil) -> Anonymizer {
    let portions = stride(from: 0, to: bytes.count, by: 16).map { start in
        Recording.Portion(at: .milliseconds(10 * (start / 16)), Array(bytes[start..<min(start + 16, bytes.count)]))
    }
    return Anonymizer(Recording(portions, length: .seconds(100)), name)
}

private func readouts(_ bytes: [UInt8]) -> [Readout] {
    decoded(bytes, by: AutoDecoder()).compactMap { if case .readout(let readout) = $0 { readout } else { nil } }
}

private func noise(_ bytes: [UInt8]) -> [Finding.Noise] {
    decoded(bytes, by: AutoDecoder()).compactMap { if case .noise(let noise) = $0 { noise } else { nil } }
}

extension [UInt8] {
    fileprivate func holds(_ text: String) -> Bool { holds(Array(text.utf8)) }
    fileprivate func holds(_ part: [UInt8]) -> Bool { indices.contains { self[$0...].starts(with: part) } }
}

private let me162 =
    Array("/ISK5ME162-0033\r\n".utf8)
    + block(
        ControlCharacter.stx,
        "C.1.0(28342193)\r\n0.0.0(28342193)\r\n1.8.0(0033402.264*kWh)\r\n2.8.0(0000013.465*kWh)\r\nF.F(0000000)\r\n!\r\n")

@Suite struct AnonymizerTests {
    /// Expects the same values at the same positions except for `texts`, no corrupted telegram, and none of `secrets` left.
    private func expectSame(
        _ original: [UInt8], but texts: [String: String], hiding secrets: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let result = anonymized(original)
        let (before, after) = (readouts(original), readouts(result.recording.bytes))
        #expect(!before.isEmpty && before.count == after.count, sourceLocation: sourceLocation)
        #expect(result.telegrams == before.count, sourceLocation: sourceLocation)
        #expect(noise(result.recording.bytes) == [], sourceLocation: sourceLocation)
        for (old, new) in zip(before, after) {
            var expected = old.registers
            for index in expected.indices {
                if let text = texts[expected[index].code.short] { expected[index].value = .text(text) }
            }
            #expect(new.registers == expected, sourceLocation: sourceLocation)
            #expect(new.source == old.source && new.isChecked == old.isChecked, sourceLocation: sourceLocation)
        }
        let plain = result.recording.bytes.map { $0 & 0x7F }
        for secret in secrets {
            #expect(original.map { $0 & 0x7F }.holds(secret), "the test is about nothing", sourceLocation: sourceLocation)
            #expect(!plain.holds(secret), "\(secret)", sourceLocation: sourceLocation)
        }
    }

    @Test func readout() {
        expectSame(me162, but: ["96.1.0": "00000001", "0.0.0": "00000001"], hiding: ["28342193"])
        #expect(readouts(anonymized(me162).recording.bytes).first?.model == "ME162-0033")
    }

    @Test func parityStaysParity() {
        let original = me162.map { $0.nonzeroBitCount % 2 == 1 ? $0 | 0x80 : $0 }
        expectSame(original, but: ["96.1.0": "00000001", "0.0.0": "00000001"], hiding: ["28342193"])
        #expect(anonymized(original).recording.bytes.allSatisfy { $0.nonzeroBitCount % 2 == 0 })
    }

    /// The echo of each request, a password, and an answer without its register's code.
    @Test func session() {
        let begin = Array("/ISK5ME162-0033\r\n\u{6}051\r\n".utf8) + block(ControlCharacter.soh, "P0\u{2}()")
        let password = block(ControlCharacter.soh, "P1\u{2}(87654321)")
        func question(_ code: String) -> [UInt8] { block(ControlCharacter.soh, "R1\u{2}\(code)()") }
        let answers =
            question("1.8.0") + block(ControlCharacter.stx, "(0033402.264*kWh)") + question("C.1.0")
            + block(ControlCharacter.stx, "(28342193)") + question("0.0.0") + block(ControlCharacter.stx, "0.0.0(28342193)")
        expectSame(
            begin + password + answers, but: ["96.1.0": anonymousSerial, "0.0.0": anonymousSerial], hiding: ["28342193", "87654321"])
    }

    /// The number 1 was given to the password.
    private let anonymousSerial = "00000002"

    @Test func pushedWithoutChecksum() {
        let telegram =
            "/ESY5Q3DA1004 V3.02\r\n\r\n1-0:0.0.0*255(0273011003684)\r\n1-0:1.8.0*255(00026107.7034231*kWh)\r\n"
            + "1-0:21.7.0*255(000200.13*W)\r\n0-0:96.1.255*255(1ESY1011003684)\r\n!\r\n"
        expectSame(
            Array((telegram + telegram).utf8), but: ["0.0.0": "0000000000001", "0-0:96.1.255": "0XXX0000000002"],
            hiding: ["0273011003684", "1011003684", "11003684", "ESY101"])
    }

    @Test func serialNumberInTheIdentification() {
        let telegram = P1Encoder.telegram("/KMP5 KA6U001585575011", ["0-0:96.1.1(3132333435363738)", "1-0:1.8.1(00012.345*kWh)"])
        expectSame(telegram, but: ["0-0:96.1.1": "3030303030303031"], hiding: ["001585575011", "3132333435363738"])
        let ours = readouts(anonymized(telegram).recording.bytes).first
        #expect(ours?.serial == "00000001")
        #expect(ours?.model == " KA6U000000000002" || ours?.model == "KA6U000000000002")
    }

    @Test func p1() {
        let lines = [
            "1-3:0.2.8(50)", "0-0:96.1.1(4530303433303037303432383233393137)", "0-0:96.1.4(50217)", "1-0:1.8.1(000012.345*kWh)",
            "0-0:96.14.0(0002)", "0-0:96.13.0(48656C6C6F20576F726C64)", "0-1:24.1.0(003)", "0-1:96.1.0(4730303332353631)",
            "0-1:24.2.1(240102030000W)(00981.443*m3)",
        ]
        let texts = [
            "0-0:96.1.1": "3030303030303030303030303030303031", "0-0:96.13.0": "0000000000000000000002",
            "0-1:96.1.0": "5830303030303033",
        ]
        for check in [P1Encoder.Check.padded, .unpadded, .none] {
            // A telegram that states a version with CRC but has none would be rejected.
            let own = check == .none ? lines.filter { !$0.hasPrefix("1-3:0.2.8") && !$0.hasPrefix("0-0:96.1.4") } : lines
            let telegram = P1Encoder.telegram("/XYZ5\\2M550", own, check: check)
            expectSame(telegram + telegram, but: texts, hiding: ["30303433303037", "48656C6C6F", "3332353631"])
        }
    }

    @Test(arguments: [SMLEncoder.Check.x25, .kermit], [false, true]) func sml(check: SMLEncoder.Check, isWide: Bool) {
        var encoder = SMLEncoder()
        (encoder.check, encoder.hasWideTags) = (check, isWide)
        let key = (0..<48).map { UInt8($0 * 5 + 1) }
        // Enough frames to include message CRCs with a leading zero, before and after masking.
        let frames = (UInt32(1)...60).flatMap { number in
            encoder.telegram(
                server: serverISK,
                [
                    Entry(OBISCode(1, 0, 96, 50, 1, 1), .octets(Array("ISK".utf8))), Entry(OBISCode(96, 1, 0), .octets(serverISK)),
                    Entry(OBISCode(129, 129, 199, 130, 5, 255), .octets(key)),
                    Entry(OBISCode(0, 0, 0), .octets(Array("1ISK0012345678".utf8))),
                    Entry(OBISCode(1, 8, 0), .unsigned(123_456_789 + UInt64(number), width: 8), unit: 30, scaler: -1, status: 0x1C0104),
                    Entry(OBISCode(16, 7, 0), .signed(-Int64(number), width: 4), unit: 27, scaler: 0),
                ], number: number)
        }
        let result = anonymized(frames)
        let (before, after) = (readouts(frames), readouts(result.recording.bytes))
        #expect(before.count == 60 && after.count == 60)
        #expect(noise(result.recording.bytes) == [])
        #expect(before.map { $0[OBISCode(1, 8, 0)] } == after.map { $0[OBISCode(1, 8, 0)] })
        #expect(before.map { $0[OBISCode(16, 7, 0)] } == after.map { $0[OBISCode(16, 7, 0)] })
        #expect(Set(after.map(\.serial)) == ["1ISK0000000001"] && Set(after.map(\.manufacturer)) == ["ISK"])
        #expect(Set(after.map { $0[OBISCode(0, 0, 0)] }).count == 1)
        #expect(!result.recording.bytes.holds([0x00, 0xBC, 0x61, 0x4E]) && !result.recording.bytes.holds("12345678"))
        #expect(!result.recording.bytes.holds(Array(key[10...20])))
    }

    /// For some DZG meters the serial number decides how the power is decoded, so its millions are kept.
    @Test func valuesThatGoByTheSerialNumber() {
        let server: [UInt8] = [0x0A, 0x01] + Array("DZG".utf8) + [0x00, 0x02, 0xC3, 0xA1, 0x23]
        let frame = SMLEncoder().telegram(server: server, [Entry(OBISCode(16, 7, 0), .signed(-29912, width: 2), unit: 27, scaler: -2)])
        let after = readouts(anonymized(frame).recording.bytes)
        #expect(after.first?[OBISCode(16, 7, 0)] == .number(Quantity(35624, exponent: -2), .watts))
        #expect(after.first?.serial == "1DZG0046000001")
    }

    /// Masked bytes and CRCs may no longer contain the runs of 1b that had to be escaped, which changes the frame's length.
    @Test func escapes() {
        let server: [UInt8] = [0x0A, 0x01] + Array("ISK".utf8) + [0x1B, 0x1B, 0x1B, 0x1B, 0x1B]
        let frame = SMLEncoder().telegram(
            server: server, [Entry(OBISCode(1, 8, 0), .unsigned(0x1B1B_1B1B, width: 4), unit: 30, scaler: 0)])
        let result = anonymized(frame + frame)
        #expect(result.recording.bytes.count < 2 * frame.count)
        let after = readouts(result.recording.bytes)
        #expect(after.map { $0[OBISCode(1, 8, 0)] } == readouts(frame + frame).map { $0[OBISCode(1, 8, 0)] })
        #expect(after.count == 2 && noise(result.recording.bytes) == [])
    }

    /// A recording that begins in the middle of a telegram and contains flipped bits.
    @Test func whatIsInNoWholeTelegramIsLeftOut() {
        var damaged = me162
        damaged[40] ^= 1
        for start in stride(from: 0, to: me162.count, by: 7) {
            let original = Array(me162[start...]) + me162 + damaged + me162 + me162.prefix(50)
            let result = anonymized(original)
            #expect(result.telegrams == readouts(original).count && result.telegrams >= 2)
            #expect(!result.recording.bytes.holds("28342193") && !result.recording.bytes.holds("342193"))
            #expect(result.leftOut == original.count - result.recording.bytes.count)
        }
        #expect(anonymized(Array("28342193".utf8)).recording.portions == [])
    }

    @Test func everyByteKeepsItsTime() {
        let original = [UInt8](repeating: 0, count: 37) + me162 + [0, 0, 0] + me162
        let portions = original.enumerated().map { Recording.Portion(at: .milliseconds($0.offset), [$0.element]) }
        let result = Anonymizer(Recording(portions, length: .seconds(1))).recording
        let kept = Array(37..<(37 + me162.count)) + Array((40 + me162.count)..<original.count)
        #expect(result.portions.map(\.at) == kept.map { .milliseconds($0) })
        #expect(result.length == .seconds(1))
    }

    /// Whatever is corrupted, the telegrams that are kept decode, and contain no serial number.
    @Test func damagedRecordings() {
        let p1 = P1Encoder.telegram("/XYZ5\\2M550", ["1-3:0.2.8(50)", "0-0:96.1.1(4530303433303037)", "1-0:1.8.1(000012.345*kWh)"])
        let original = me162 + smlTelegram() + p1 + smlTelegram() + me162
        var generator = SeededGenerator(seed: 7)
        var kept = 0
        for _ in 0..<80 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] ^= 1 << UInt8.random(in: 0...7, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: index)
                }
            }
            let result = anonymized(bytes)
            let masked = result.recording.bytes
            #expect(readouts(masked).count == result.telegrams)
            #expect(!masked.holds("28342193") && !masked.holds(serverISK) && !masked.holds("4530303433303037"))
            kept += result.telegrams
        }
        #expect(kept > 80)
    }
}
