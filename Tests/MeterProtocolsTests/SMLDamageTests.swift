import MeterProtocols
import Metering
import Testing
import VirtualMeters

@Suite struct SMLDamageTests {
    private static let frame = smlTelegram()

    /// CRC-16 detects every change of up to three bits, and any change within two bytes.
    @Test func changedBytesGiveNoValue() {
        for index in Self.frame.indices {
            for bit in UInt8(0)..<8 {
                var bytes = Self.frame
                bytes[index] ^= 1 << bit
                #expect(!scanned(bytes, by: SMLDecoder()).contains { $0.first != "!" }, "bit \(bit) of byte \(index)")
            }
            var bytes = Self.frame
            bytes[index] = ~bytes[index]
            #expect(!scanned(bytes, by: SMLDecoder()).contains { $0.first != "!" }, "byte \(index)")
        }
    }

    /// Whatever happens to one frame, the frames before and after it are read.
    @Test func aHurtFrameCostsNoOther() {
        let (before, behind) = (smlTelegram(watts: 1), smlTelegram(watts: 2))
        let others = [before, behind].flatMap { scanned($0, by: SMLDecoder()) }
        var streams: [[UInt8]] = []
        for count in 0..<Self.frame.count {
            // Truncated at the end or the beginning, a byte lost, a byte doubled.
            streams.append(Array(Self.frame[..<count]))
            streams.append(Array(Self.frame[count...].dropFirst()))
            streams.append(Array(Self.frame[..<count] + Self.frame[(count + 1)...]))
            streams.append(Array(Self.frame[...count] + Self.frame[count...]))
        }
        // Cut off within a run of 1b: the following bytes look like the rest of an escape sequence.
        for frame in SMLDecoderTests.escaped { streams += frame.indices.suffix(24).map { Array(frame[..<$0]) } }
        for (index, hurt) in streams.enumerated() {
            let found = scanned(before + hurt + behind, by: SMLDecoder()).filter { $0.first != "!" && others.contains($0) }
            #expect(found == others, "stream \(index)")
        }
    }

    /// SeededGenerator mutations of three frames: every value that comes out was sent.
    @Test func seededMutations() {
        var random = SeededGenerator(seed: 62056)
        let frames = [smlTelegram(watts: 1), smlTelegram(watts: -2), smlTelegram(watts: 3)]
        let truth = Set(frames.flatMap { scanned($0, by: SMLDecoder()) })
        for round in 0..<6000 {
            var bytes = Array(frames.joined())
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let index = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
                case 3: bytes.remove(at: index)
                default: bytes.replaceSubrange(index..<min(index + 4, bytes.count), with: [0x1B, 0x1B, 0x1B, 0x1B])
                }
            }
            let found = scanned(bytes, by: SMLDecoder()).filter { $0.first != "!" }
            if !truth.isSuperset(of: found) { Issue.record("round \(round): \(found)") }
        }
    }

    /// Corrupted payloads with a correct CRC: neither a trap nor a value.
    @Test func nonsenseWithARightCheck() {
        var random = SeededGenerator(seed: 1)
        let payload = SMLEncoder().payload(server: serverISK, [SMLEncoder.Entry(OBISCode(1, 8, 0), .unsigned(7, width: 4), unit: 30)])
        for _ in 0..<4000 {
            var bytes = payload
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
            #expect(scanned(SMLEncoder().framed(bytes), by: SMLDecoder()).count <= 2)
        }
        // Lengths beyond the end, and endlessly nested lists.
        for start in [[0xF0, 0x80, 0x80, 0x01], [0xFF, 0x8F, 0x8F, 0x0F], [0x8F, 0x0F], [0x76, 0x76, 0x76]] as [[UInt8]] {
            let bytes = (0..<500).flatMap { _ in start }
            #expect(scanned(SMLEncoder().framed(bytes), by: SMLDecoder()) == ["!a telegram with a valid checksum is malformed"])
        }
    }

    @Test func hostileStreamsAreBounded() {
        let start: [UInt8] = [0x1B, 0x1B, 0x1B, 0x1B, 0x01, 0x01, 0x01, 0x01]
        for pattern in [
            [0x1B], [0x00], start, start + [0x1B, 0x1B, 0x1B, 0x1B], [0x1B, 0x1B, 0x1B, 0x1B] + start, [0x1B, 0x1B, 0x1B, 0x1B, 0x1A],
        ]
            as [[UInt8]]
        {
            for head in [[], start, [0x76]] as [[UInt8]] {
                let bytes = head + (0..<(60_000 / pattern.count)).flatMap { _ in pattern }
                #expect(!scanned(bytes, in: 4096, by: SMLDecoder()).contains { $0.first != "!" })
            }
        }
        // Frames that are too long are dropped, and the next one is read.
        #expect(scanned(start + [UInt8](repeating: 0x55, count: 40_000) + Self.frame, by: SMLDecoder()).last == smlShown)
    }
}
