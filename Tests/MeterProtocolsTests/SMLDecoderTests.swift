import MeterProtocols
import Metering
import Testing
import VirtualMeters

private typealias Entry = SMLEncoder.Entry
let serverISK: [UInt8] = [0x0A, 0x01] + Array("ISK".utf8) + [0x00, 0x00, 0xBC, 0x61, 0x4E]

/// The telegram of a meter with a text, two totals and power.
func smlTelegram(_ encoder: SMLEncoder = SMLEncoder(), watts: Int64 = 1234) -> [UInt8] {
    encoder.telegram(
        server: serverISK,
        [
            Entry(OBISCode(1, 0, 96, 50, 1, 1), .octets(Array("ISK".utf8))),
            Entry(OBISCode(96, 1, 0), .octets(serverISK)),
            Entry(OBISCode(1, 8, 0), .unsigned(123_456_789, width: 8), unit: 30, scaler: -1, status: 0x1C0104),
            Entry(OBISCode(2, 8, 0), .unsigned(42, width: 2), unit: 30, scaler: -1),
            Entry(OBISCode(16, 7, 0), .signed(watts, width: 4), unit: 27, scaler: 0),
        ])
}
let smlShown =
    "ISK:1-0:96.50.1*1=t:ISK 1-0:96.1.0*255=t:0a0149534b0000bc614e 1-0:1.8.0*255=12345678.9Wh 1-0:2.8.0*255=4.2Wh 1-0:16.7.0*255=1234W"

/// The decoded registers of a telegram with one entry, as text.
private func shown(_ entry: Entry, server: [UInt8] = serverISK) -> String {
    decoded(SMLEncoder().telegram(server: server, [entry]), by: SMLDecoder()).map(shown).joined(separator: " ")
}

@Suite struct CRC16Tests {
    @Test func checkValues() {
        let text = Array("123456789".utf8)
        #expect(CRC16.x25(text[...]) == 0x906E && CRC16.kermit(text[...]) == 0x2189 && CRC16.arc(text[...]) == 0xBB3D)
        #expect(CRC16.x25([]) == 0 && CRC16.arc(text[3..<4]) == CRC16.arc([0x34]))
    }

    /// The CRC bit by bit, as in its definition.
    private func slow(_ bytes: ArraySlice<UInt8>, polynomial: UInt16, start: UInt16) -> UInt16 {
        bytes.reduce(start) { remainder, byte in
            (0..<8).reduce(remainder ^ UInt16(byte)) { rest, _ in rest % 2 == 1 ? (rest / 2) ^ polynomial : rest / 2 }
        }
    }

    @Test func everyLengthAtEveryPlace() {
        var random = SeededGenerator(seed: 16)
        let bytes = (0..<64).map { _ in UInt8.random(in: 0...255, using: &random) }
        for start in 0..<20 {
            for end in start...bytes.count {
                let part = bytes[start..<end]
                #expect(CRC16.arc(part) == slow(part, polynomial: 0xA001, start: 0))
                #expect(CRC16.x25(part) == ~slow(part, polynomial: 0x8408, start: 0xFFFF))
                #expect(CRC16.kermit(part) == slow(part, polynomial: 0x8408, start: 0))
            }
        }
    }
}

@Suite struct SMLDecoderTests {
    static let variants: [SMLEncoder] = {
        var kermit = SMLEncoder(), wide = SMLEncoder(), bare = SMLEncoder(), filled = SMLEncoder()
        kermit.check = .kermit
        wide.hasWideTags = true
        bare.hasBareTime = true
        filled.extraFill = 4
        return [SMLEncoder(), kermit, wide, bare, filled]
    }()

    /// Frames with runs of 0 to 17 bytes 1b, at each alignment in a text and at the end of the list.
    static let escaped: [[UInt8]] = (0...17).flatMap { count in
        (0..<4).map { offset in
            let text = [UInt8](repeating: 0x20, count: offset) + [UInt8](repeating: 0x1B, count: count)
            return SMLEncoder().telegram(server: serverISK, [Entry(OBISCode(96, 1, 0), .octets(text))])
        }
    }

    @Test(arguments: variants) func readsAFrame(_ encoder: SMLEncoder) {
        let frame = smlTelegram(encoder)
        #expect(scanned(frame, by: SMLDecoder()) == [smlShown])
        #expect(scanned(frame, in: 1, by: SMLDecoder()) == [smlShown])
        for cut in 0...frame.count { #expect(scanned(frame, cutAt: cut, by: SMLDecoder()) == [smlShown], "cut at \(cut)") }
        let garbage: [UInt8] = [0x1B, 0x1B, 0x1B, 0x00, 0x1B, 0x1B, 0x1B, 0x1B, 0x01, 0x01, 0x02, 0x76]
        #expect(scanned(garbage + frame + garbage + frame + garbage, in: 5, by: SMLDecoder()) == [smlShown, smlShown])
        #expect(scanned(frame + frame + frame, by: SMLDecoder()).count == 3)
    }

    @Test func aFrameIsDeliveredWithItsLastByte() {
        var decoder = SMLDecoder()
        let frame = smlTelegram()
        #expect(decoder.push(frame.dropLast(), at: Instant(nanoseconds: 1)) == [])
        guard case .readout(let readout)? = decoder.push([frame[frame.count - 1]], at: Instant(nanoseconds: 2)).first else {
            Issue.record("nothing was delivered")
            return
        }
        #expect(readout.at == Instant(nanoseconds: 2) && readout.source == .sml && readout.isChecked)
        #expect(readout.serial == "1ISK0012345678" && readout.direction == .importing)
    }

    @Test func takesEscapedBytesBack() {
        for (index, frame) in Self.escaped.enumerated() {
            let (count, offset) = (index / 4, index % 4)
            let hex = String(repeating: "20", count: offset) + String(repeating: "1b", count: count)
            let text = count == 0 ? "" : hex
            let expected = count == 0 && offset == 0 ? "ISK:1-0:96.1.0*255=t:" : "ISK:1-0:96.1.0*255=t:" + text
            let found = scanned(frame, in: 1, by: SMLDecoder())
            #expect(count + offset == 0 ? found == ["!a telegram contains no register"] : found == [expected], "\(count) at \(offset)")
            // The payload ends with a run of 1b, just before the end sequence.
            let bare = [UInt8](repeating: 0x20, count: offset) + [UInt8](repeating: 0x1B, count: count)
            let malformed = SMLEncoder().framed(bare)
            #expect(scanned(malformed, by: SMLDecoder()).allSatisfy { $0.hasPrefix("!a telegram") }, "\(count) at \(offset)")
        }
    }

    /// The example from the sml-rs project's description of the transport: a payload and its encoding.
    @Test func framesAsOthersDo() {
        let frame: [UInt8] = [
            0x1B, 0x1B, 0x1B, 0x1B, 0x01, 0x01, 0x01, 0x01, 0x12, 0x34, 0x56, 0x78, 0x1B, 0x1B, 0x1B, 0x1B, 0x1A, 0x00, 0xB8, 0x7B,
        ]
        #expect(SMLEncoder().framed([0x12, 0x34, 0x56, 0x78]) == frame)
        #expect(scanned(frame, by: SMLDecoder()) == ["!a telegram with a valid checksum is malformed"])
    }

    @Test(arguments: 1...8) func integersOfEveryWidth(_ width: Int) {
        let unsigned: UInt64 = width == 8 ? 0x7FFF_FFFF_FFFF_FFFF : (1 << (8 * UInt64(width))) - 1
        let smallest = Int64(-1) << (8 * Int64(width) - 1)
        let code = OBISCode(16, 7, 0)
        #expect(shown(Entry(code, .unsigned(unsigned, width: width), unit: 27)) == "ISK:1-0:16.7.0*255=\(unsigned)W")
        #expect(shown(Entry(code, .signed(smallest, width: width), unit: 27)) == "ISK:1-0:16.7.0*255=\(smallest)W")
        #expect(shown(Entry(code, .signed(-1, width: width), unit: 27)) == "ISK:1-0:16.7.0*255=-1W")
    }

    @Test func scalersAndUnits() {
        let total = OBISCode(1, 8, 0)
        #expect(shown(Entry(total, .unsigned(2043, width: 2), unit: 30, scaler: 3)) == "ISK:1-0:1.8.0*255=2043000Wh")
        #expect(shown(Entry(total, .unsigned(45_009_189_911, width: 5), unit: 30, scaler: -5)) == "ISK:1-0:1.8.0*255=450091.89911Wh")
        #expect(shown(Entry(OBISCode(81, 7, 1), .signed(120, width: 2), unit: 8)) == "ISK:1-0:81.7.1*255=120°")
        // Without a unit, energy is in Wh; with an unsupported unit the value becomes text.
        #expect(shown(Entry(total, .unsigned(7, width: 1))) == "ISK:1-0:1.8.0*255=7Wh")
        #expect(shown(Entry(total, .unsigned(7, width: 1), unit: 26)) == "ISK:1-0:1.8.0*255=t:7")
        #expect(shown(Entry(total, .unsigned(7, width: 1), unit: 30, scaler: 100)) == "!a telegram contains no register")
        #expect(shown(Entry(total, .unsigned(.max, width: 8), unit: 30)) == "ISK:1-0:1.8.0*255=t:18446744073709551615")
    }

    @Test func valuesOfOtherKinds() {
        let code = OBISCode(1, 0, 96, 50, 2, 6)
        #expect(shown(Entry(code, .missing)) == "!a telegram contains no register")
        #expect(shown(Entry(code, .time(77))) == "ISK:1-0:96.50.2*6=77")
        #expect(shown(Entry(code, .octets([0x42, 0x2C]))) == "ISK:1-0:96.50.2*6=t:B,")
        #expect(shown(Entry(code, .octets([0x00, 0xFF]))) == "ISK:1-0:96.50.2*6=t:00ff")
    }

    /// Positive values that look negative in two bytes: only the affected meters are corrected.
    @Test func unsignedShortPower() {
        func dzg(_ number: UInt32) -> [UInt8] {
            [0x0A, 0x01] + Array("DZG".utf8) + [0x00] + (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
        }
        let short = Entry(OBISCode(16, 7, 0), .signed(-29912, width: 2), unit: 27, scaler: -2)
        let long = Entry(OBISCode(16, 7, 0), .signed(-29912, width: 4), unit: 27, scaler: -2)
        #expect(shown(short, server: dzg(42_000_000)) == "DZG:1-0:16.7.0*255=356.24W")
        #expect(shown(short, server: dzg(58_999_999)) == "DZG:1-0:16.7.0*255=356.24W")
        #expect(shown(short, server: dzg(48_999_999)) == "DZG:1-0:16.7.0*255=356.24W")
        #expect(shown(short, server: dzg(55_000_000)) == "DZG:1-0:16.7.0*255=356.24W")
        #expect(shown(long, server: dzg(42_000_000)) == "DZG:1-0:16.7.0*255=-299.12W")
        for other in [41_999_999, 49_000_000, 54_999_999, 59_000_000] as [UInt32] {
            #expect(shown(short, server: dzg(other)) == "DZG:1-0:16.7.0*255=-299.12W")
        }
        #expect(shown(short) == "ISK:1-0:16.7.0*255=-299.12W")
        // All widths below four bytes and any prefix of the server ID, but only for power.
        func power(_ number: Int64, width: Int) -> Entry { Entry(OBISCode(16, 7, 0), .signed(number, width: width), unit: 27) }
        #expect(shown(power(-1, width: 1), server: dzg(42_000_000)) == "DZG:1-0:16.7.0*255=255W")
        #expect(shown(power(-1, width: 3), server: dzg(42_000_000)) == "DZG:1-0:16.7.0*255=16777215W")
        var other = dzg(42_000_000)
        other[5] = 0x01
        #expect(shown(power(-1, width: 2), server: other) == "DZG:1-0:16.7.0*255=65535W")
        let phase = Entry(OBISCode(36, 7, 0), .signed(-1, width: 2), unit: 27)
        #expect(shown(phase, server: dzg(42_000_000)) == "DZG:1-0:36.7.0*255=-1W")
    }

    @Test(
        arguments: [
            (0x182, Direction.importing), (0x1A2, .exporting), (0x101A2, .exporting), (0x1B0, .exporting), (0x10182, .importing),
            (0x1C0104, .importing), (0x1C6904, .exporting), (0x1C4104, .importing), (0x08, nil), (0x01, nil), (0x05, nil), (0x100, nil),
            (0x20, nil), (0x804, .exporting), (0x1004, .importing), (0x80, .importing), (0x183, .importing), (0x190, .importing),
        ] as [(UInt32, Direction?)])
    func directionOfTheStatusWord(_ status: UInt32, _ direction: Direction?) {
        let total = Entry(OBISCode(1, 8, 0), .unsigned(7, width: 4), unit: 30, scaler: -1, status: status)
        guard case .readout(let readout)? = decoded(SMLEncoder().telegram(server: serverISK, [total]), by: SMLDecoder()).first else {
            Issue.record("not decoded")
            return
        }
        #expect(readout.direction == direction)
    }

    @Test(
        arguments: [
            ("0A0149534B0000BC614E", "1ISK0012345678"), ("09014553591103B599A5", "1ESY1162232997"),
            ("0A01445A470000000001", "1DZG0000000001"),
            ("06454D4801027156CD45", "06454d4801027156cd45"), ("31303031313835", "1001185"), ("00000000000000000000", nil), ("", nil),
        ] as [(String, String?)])
    func serialNumbers(_ hex: String, _ serial: String?) {
        let digits = Array(hex)
        let server = stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...($0 + 1)]), radix: 16) }
        let total = Entry(OBISCode(1, 8, 0), .unsigned(7, width: 4), unit: 30)
        guard case .readout(let readout)? = decoded(SMLEncoder().telegram(server: server, [total]), by: SMLDecoder()).first else {
            Issue.record("not decoded")
            return
        }
        #expect(readout.serial == serial)
    }

    @Test func messagesWithoutTheirFrame() {
        let payload = SMLEncoder().payload(server: serverISK, [Entry(OBISCode(1, 8, 0), .unsigned(7, width: 4), unit: 30)])
        #expect(scanned(payload, in: 3, by: SMLDecoder()) == ["ISK:1-0:1.8.0*255=7Wh"])
        #expect(scanned([0] + payload, by: SMLDecoder()) == [])
        for index in payload.indices {
            var damaged = payload
            damaged[index] ^= 0x10
            #expect(!scanned(damaged, by: SMLDecoder()).contains { $0.hasPrefix("ISK") && $0 != "ISK:1-0:1.8.0*255=7Wh" })
        }
    }

    /// The frame's CRC decides. Once this meter has sent messages with correct checksums of their own, these count as well.
    @Test func wrongMessageChecks() {
        let good = SMLEncoder().payload(server: serverISK, [Entry(OBISCode(1, 8, 0), .unsigned(7, width: 4), unit: 30)])
        guard let place = good.indices.first(where: { good[$0...].starts(with: serverISK) && $0 > 60 }) else { return }
        var changed = good
        changed[place + 9] ^= 1
        let (sound, odd) = (SMLEncoder().framed(good), SMLEncoder().framed(changed))
        #expect(scanned(odd + odd, by: SMLDecoder()).count == 2)
        #expect(scanned(sound + odd + sound, by: SMLDecoder()).map { $0.first } == ["I", "!", "!", "I"])
    }
}
