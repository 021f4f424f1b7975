import MeterProtocols
import Metering
import Testing
import VirtualMeters

private typealias Entry = SMLEncoder.Entry

private let mark: [UInt8] = [0x1B, 0x1B, 0x1B, 0x1B]
private let startMark: [UInt8] = mark + [0x01, 0x01, 0x01, 0x01]

/// The findings of `push` alone, without `finish`.
private func pushed(_ bytes: [UInt8], cutAt cut: Int = 0) -> [Finding] {
    var decoder = SMLDecoder()
    let now = Instant(nanoseconds: 0)
    return decoder.push(Array(bytes[..<cut]), at: now) + decoder.push(Array(bytes[cut...]), at: now)
}

private func isReadout(_ finding: Finding) -> Bool { if case .readout = finding { true } else { false } }

/// Where frames begin and end, and how malformed ones are handled.
@Suite struct SMLTransportTests {
    private static let payload = SMLEncoder().payload(server: serverISK, [Entry(OBISCode(1, 8, 0), .unsigned(7, width: 4), unit: 30)])

    /// A frame with the given content, number of fill bytes and a correct CRC.
    private func frame(_ content: [UInt8], fill: UInt8) -> [UInt8] {
        let bytes = startMark + content + mark + [0x1A, fill]
        let crc = CRC16.x25(bytes[...])
        return bytes + [UInt8(crc & 0xFF), UInt8(crc >> 8)]
    }

    /// A frame that is too long is dropped, and what follows is read.
    @Test(arguments: [-4, -1, 0, 1, 2, 4, 16, 20]) func theLongestFrame(_ beyond: Int) {
        let length = 16_384 + beyond
        let zeros = [UInt8](repeating: 0, count: length - startMark.count - Self.payload.count)
        let long = frame(Self.payload + zeros, fill: 0)
        #expect(long.count == length + 8)
        let found = pushed(long + smlTelegram())
        let isRead = beyond <= 0
        #expect(found.count == 2 && isReadout(found[1]))
        #expect(isRead ? isReadout(found[0]) : found[0] == .noise(.tooLong))
        #expect(SMLDecoder.longestFrame == 16_384)
    }

    @Test(arguments: [16_383, 16_384, 16_385]) func theLongestRecordingWithoutFrames(_ length: Int) {
        let bytes = Self.payload + [UInt8](repeating: 0, count: length - Self.payload.count)
        #expect(scanned(bytes, by: SMLDecoder()) == (length <= 16_384 ? ["ISK:1-0:1.8.0*255=7Wh"] : []))
    }

    /// Fill bytes are part of the content: there can't be more of them than bytes between start and end.
    @Test func fillBytes() {
        for fill in UInt8(0)...4 {
            #expect(pushed(frame([0, 0, 0, 0], fill: fill)) == [.noise(.withoutRegisters)], "\(fill)")
        }
        for fill in [UInt8(5), 6, 8, 12, 13, 100, 255] {
            #expect(pushed(frame([0, 0, 0, 0], fill: fill)) == [.noise(.wrongCheck)], "\(fill)")
        }
        // The content is escaped: each of its bytes counts twice on the wire.
        for (fill, noise) in [(UInt8(0), Finding.Noise.malformed), (3, .malformed), (4, .withoutRegisters), (8, .withoutRegisters)] {
            #expect(pushed(frame(mark + mark, fill: fill)) == [.noise(noise)], "\(fill)")
        }
        #expect(pushed(frame(mark + mark, fill: 9)) == [.noise(.wrongCheck)])
        // With real fill bytes, the values are read.
        for fill in 0...7 {
            let found = pushed(frame(Self.payload + [UInt8](repeating: 0xEE, count: fill), fill: UInt8(fill)))
            #expect(found.count == 1 && isReadout(found[0]), "\(fill)")
            if fill > 0 {
                #expect(!pushed(frame(Self.payload + [UInt8](repeating: 0xEE, count: fill), fill: UInt8(fill - 1))).allSatisfy(isReadout))
            }
        }
    }

    /// Content that ends with 1b: the end is found with the frame's last byte, whether the run is escaped or not.
    @Test func aRunBeforeTheEnd() {
        for count in 1...9 {
            let bytes = SMLEncoder().framed([UInt8](repeating: 0x1B, count: count))
            for cut in bytes.indices { #expect(pushed(bytes, cutAt: cut) == [.noise(.malformed)], "\(count) cut at \(cut)") }
            let unfilled = frame([0x55] + [UInt8](repeating: 0x1B, count: count % 4), fill: 0)
            for cut in unfilled.indices { #expect(pushed(unfilled, cutAt: cut) == [.noise(.malformed)], "\(count) cut at \(cut)") }
        }
    }

    /// Any number of 1b right before a frame doesn't hide it.
    @Test(arguments: 0...9) func aRunBeforeTheStart(_ count: Int) {
        let bytes = [0x00] + [UInt8](repeating: 0x1B, count: count) + smlTelegram()
        for cut in 0...20 {
            let found = pushed(bytes, cutAt: cut)
            #expect(found.count == 1 && isReadout(found[0]), "\(count) cut at \(cut)")
        }
    }

    /// After other bytes, in two portions, with escaped bytes.
    @Test func whatIsEscapedMayComeInPortions() {
        for count in [3, 4, 5, 8, 9] {
            let text = [UInt8](repeating: 0x1B, count: count)
            let frame = SMLEncoder().telegram(server: serverISK, [Entry(OBISCode(96, 1, 0), .octets(text + [0x41] + text))])
            let expected = pushed(frame)
            #expect(expected.count == 1 && isReadout(expected[0]))
            let bytes = [0x76, 0x00, 0x55, 0x1B, 0x00] + frame
            for cut in bytes.indices { #expect(pushed(bytes, cutAt: cut) == expected, "\(count) cut at \(cut)") }
        }
    }

    @Test func whatIsCutOffIsNoise() {
        let frame = smlTelegram()
        for count in [8, 9, 60, frame.count - 1] {
            #expect(scanned(Array(frame.prefix(count)), by: SMLDecoder()) == ["!a telegram is cut off"], "\(count)")
            let found = pushed(Array(frame.prefix(count)) + [0x00] + frame)
            #expect(found.count == 2 && !isReadout(found[0]) && isReadout(found[1]), "\(count)")
        }
        #expect(pushed(Array(frame.prefix(60)) + frame).first == .noise(.cutOff))
        #expect(scanned(Array(frame.prefix(7)), by: SMLDecoder()) == [])
    }

    // MARK: Starts that look like escaped bytes

    /// Cut off after four 1b, so that the next frame's start looks like an escape sequence.
    private static let cut = startMark + [0x76, 0x05] + mark

    /// A frame whose text contains four 1b and four 01, like a start.
    private static let quoting = SMLEncoder().telegram(
        server: serverISK, [Entry(OBISCode(96, 1, 0), .octets(mark + [0x01, 0x01, 0x01, 0x01, 0x22]))])

    @Test func aHiddenStartIsFound() {
        let alone = pushed(smlTelegram())
        let bytes = [0x55, 0x00] + Self.cut + smlTelegram() + smlTelegram(watts: 7)
        for cut in bytes.indices {
            #expect(pushed(bytes, cutAt: cut) == [.noise(.wrongCheck)] + alone + pushed(smlTelegram(watts: 7)), "cut at \(cut)")
        }
        // The 1b of the cut and those of the start can't be told apart.
        for count in 0...3 {
            let longer = Self.cut + [UInt8](repeating: 0x1B, count: count) + smlTelegram()
            #expect(pushed(longer) == [.noise(.wrongCheck)] + alone, "\(count)")
        }
    }

    /// The hidden frame contains such bytes itself, so the first start must be tried first.
    @Test func theFirstHiddenStartIsTakenFirst() {
        let alone = pushed(Self.quoting)
        #expect(alone.count == 1 && isReadout(alone[0]))
        #expect(pushed(Self.cut + Self.quoting + smlTelegram()) == [.noise(.wrongCheck)] + alone + pushed(smlTelegram()))
    }

    /// Two consecutive frames are cut off: each costs one attempt.
    @Test func oneHiddenStartAfterAnother() {
        let alone = pushed(smlTelegram())
        #expect(pushed(Self.cut + Self.cut + smlTelegram()) == [.noise(.wrongCheck), .noise(.wrongCheck)] + alone)
    }

    /// If no end was found, decoding continues at the last start.
    @Test func afterTooMuchTheLastHiddenStartIsTaken() {
        let alone = pushed(smlTelegram())
        let long = Self.cut + startMark + [UInt8](repeating: 0x55, count: 16_340) + mark
        #expect(pushed(long + smlTelegram()) == [.noise(.tooLong)] + alone)
    }

    // MARK: Messages

    @Test func messagesWithoutTheirFrameMayBeFollowedByAnything() {
        let value = "ISK:1-0:1.8.0*255=7Wh"
        #expect(scanned(Self.payload + Self.payload, by: SMLDecoder()) == [value + " 1-0:1.8.0*255=7Wh"])
        #expect(scanned(Self.payload + [0x76, 0x05], by: SMLDecoder()) == [value, "!a telegram is cut off"])
        #expect(scanned([0x76, 0x05, 0x00], by: SMLDecoder()) == [], "nothing of SML")
        var damaged = Self.payload
        damaged[damaged.count - 3] ^= 1
        #expect(scanned(damaged, by: SMLDecoder()) == [value, "!a checksum is wrong"])
        // They are read at the end of the input, and only if no frame came.
        #expect(pushed(Self.payload) == [])
        #expect(scanned(Self.payload + smlTelegram(), by: SMLDecoder()) == [smlShown])
        #expect(scanned(Self.payload + Array(smlTelegram().prefix(60)), by: SMLDecoder()) == ["!a telegram is cut off"])
    }

    /// After `finish` each decoder starts from scratch.
    @Test func anEndForgetsAll() {
        var decoder = SMLDecoder()
        let now = Instant(nanoseconds: 0)
        _ = decoder.push(Array(smlTelegram().prefix(60)), at: now)
        #expect(decoder.finish() == [.noise(.cutOff)] && decoder.finish() == [])
        #expect(decoder.push(smlTelegram(), at: now).map(shown) == [smlShown])
    }
}
