import MeterProtocols
import Metering
import Testing
import VirtualMeters

private typealias Entry = SMLEncoder.Entry

private let mark: [UInt8] = [0x1B, 0x1B, 0x1B, 0x1B]
private let startMark: [UInt8] = mark + [0x01, 0x01, 0x01, 0x01]

/// What is pushed, without an end behind it.
private func pushed(_ bytes: [UInt8], cutAt cut: Int = 0) -> [Finding] {
    var decoder = SMLDecoder()
    let now = Instant(nanoseconds: 0)
    return decoder.push(Array(bytes[..<cut]), at: now) + decoder.push(Array(bytes[cut...]), at: now)
}

private func isReadout(_ finding: Finding) -> Bool { if case .readout = finding { true } else { false } }

/// Where frames begin and end, and what becomes of those that don't.
@Suite struct SMLTransportTests {
    private static let payload = SMLEncoder().payload(server: serverISK, [Entry(OBISCode(1, 8, 0), .unsigned(7, width: 4), unit: 30)])

    /// A frame with any content and any count of fill bytes, and a right check.
    private func frame(_ content: [UInt8], fill: UInt8) -> [UInt8] {
        let bytes = startMark + content + mark + [0x1A, fill]
        let crc = CRC16.x25(bytes[...])
        return bytes + [UInt8(crc & 0xFF), UInt8(crc >> 8)]
    }

    /// More messages do not fit: the frame is let go, and what follows is read.
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

    /// Fill bytes are part of what stands between start and end, and nothing more.
    @Test func fillBytes() {
        for fill in UInt8(0)...4 {
            #expect(pushed(frame([0, 0, 0, 0], fill: fill)) == [.noise(.withoutRegisters)], "\(fill)")
        }
        for fill in [UInt8(5), 6, 8, 12, 13, 100, 255] {
            #expect(pushed(frame([0, 0, 0, 0], fill: fill)) == [.noise(.wrongCheck)], "\(fill)")
        }
        // Of those that were sent twice, each counts twice here and once there.
        for (fill, noise) in [(UInt8(0), Finding.Noise.malformed), (3, .malformed), (4, .withoutRegisters), (8, .withoutRegisters)] {
            #expect(pushed(frame(mark + mark, fill: fill)) == [.noise(noise)], "\(fill)")
        }
        #expect(pushed(frame(mark + mark, fill: 9)) == [.noise(.wrongCheck)])
        // Real ones: a value is read with each.
        for fill in 0...7 {
            let found = pushed(frame(Self.payload + [UInt8](repeating: 0xEE, count: fill), fill: UInt8(fill)))
            #expect(found.count == 1 && isReadout(found[0]), "\(fill)")
            if fill > 0 {
                #expect(!pushed(frame(Self.payload + [UInt8](repeating: 0xEE, count: fill), fill: UInt8(fill - 1))).allSatisfy(isReadout))
            }
        }
    }

    /// What ends with 1b: the end is found with its last byte, whether these are escaped or not.
    @Test func aRunBeforeTheEnd() {
        for count in 1...9 {
            let bytes = SMLEncoder().framed([UInt8](repeating: 0x1B, count: count))
            for cut in bytes.indices { #expect(pushed(bytes, cutAt: cut) == [.noise(.malformed)], "\(count) cut at \(cut)") }
            let unfilled = frame([0x55] + [UInt8](repeating: 0x1B, count: count % 4), fill: 0)
            for cut in unfilled.indices { #expect(pushed(unfilled, cutAt: cut) == [.noise(.malformed)], "\(count) cut at \(cut)") }
        }
    }

    /// 1b right before a frame do not hide it, however many.
    @Test(arguments: 0...9) func aRunBeforeTheStart(_ count: Int) {
        let bytes = [0x00] + [UInt8](repeating: 0x1B, count: count) + smlTelegram()
        for cut in 0...20 {
            let found = pushed(bytes, cutAt: cut)
            #expect(found.count == 1 && isReadout(found[0]), "\(count) cut at \(cut)")
        }
    }

    /// Behind other bytes, in two portions, with bytes that were sent twice.
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

    /// Cut off behind four 1b: the start of the next frame looks as if they had been sent twice.
    private static let cut = startMark + [0x76, 0x05] + mark

    /// A frame in whose text four 1b and four 01 stand, as at a start.
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

    /// The text of the hidden frame has such bytes itself: the first start is the right one.
    @Test func theFirstHiddenStartIsTakenFirst() {
        let alone = pushed(Self.quoting)
        #expect(alone.count == 1 && isReadout(alone[0]))
        #expect(pushed(Self.cut + Self.quoting + smlTelegram()) == [.noise(.wrongCheck)] + alone + pushed(smlTelegram()))
    }

    /// Two in a row are cut off: each costs one look.
    @Test func oneHiddenStartAfterAnother() {
        let alone = pushed(smlTelegram())
        #expect(pushed(Self.cut + Self.cut + smlTelegram()) == [.noise(.wrongCheck), .noise(.wrongCheck)] + alone)
    }

    /// Where there was no end in sight, the last start is the next.
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
        // They are read with the end, and only where no frame came.
        #expect(pushed(Self.payload) == [])
        #expect(scanned(Self.payload + smlTelegram(), by: SMLDecoder()) == [smlShown])
        #expect(scanned(Self.payload + Array(smlTelegram().prefix(60)), by: SMLDecoder()) == ["!a telegram is cut off"])
    }

    /// Each decoder begins anew after its end.
    @Test func anEndForgetsAll() {
        var decoder = SMLDecoder()
        let now = Instant(nanoseconds: 0)
        _ = decoder.push(Array(smlTelegram().prefix(60)), at: now)
        #expect(decoder.finish() == [.noise(.cutOff)] && decoder.finish() == [])
        #expect(decoder.push(smlTelegram(), at: now).map(shown) == [smlShown])
    }
}
