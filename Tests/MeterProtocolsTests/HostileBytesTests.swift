import Glibc
import Metering
import Testing
import VirtualMeters

@testable import MeterProtocols

private let start = Instant(nanoseconds: 0)

/// CPU time of this thread, the minimum of three runs, so that other load on the machine doesn't count.
private func cost(_ work: () -> Void) -> Int64 {
    (0..<3).map { _ in
        var before = timespec()
        var after = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before)
        work()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after)
        return Int64(after.tv_sec - before.tv_sec) * 1_000_000_000 + Int64(after.tv_nsec - before.tv_nsec)
    }.min() ?? 0
}

/// Expects that four times the input takes about four times as long, not sixteen times.
private func expectLinear(
    _ name: String, _ count: Int, _ work: (_ count: Int) -> Void, sourceLocation: SourceLocation = #_sourceLocation
) {
    let (one, four) = (cost { work(count) }, cost { work(4 * count) })
    #expect(four < 9 * one, "\(name): \(one) ns, then \(four) ns", sourceLocation: sourceLocation)
}

private func bytes(_ pattern: String, _ count: Int) -> [UInt8] {
    Array(Array(repeating: Array(pattern.utf8), count: count / pattern.utf8.count + 1).joined().prefix(count))
}

/// An SML frame that contains many apparent starts and ends with a wrong checksum.
private let manyStarts: [UInt8] = {
    let mark: [UInt8] = [0x1B, 0x1B, 0x1B, 0x1B]
    let frameStart = mark + [1, 1, 1, 1]
    let hidden = Array(repeating: mark + frameStart, count: 1300).joined()
    return frameStart + hidden + mark + [0x1A, 0, 0, 0]
}()

/// Whatever is sent: the cost per byte is bounded, and the telegram after it is found.
@Suite struct HostileBytesTests {
    private static let patterns = [
        "(/ABC5)\r\n", String(repeating: "(/ABC5)\r\n", count: 1700) + "x\r\n", "/ABC5)\r\n(1)\r\n\u{2}", "\u{2}x/ABC5a\r\n\r\n(1)",
        "\u{1}R1\u{2}", "/a/ABC5x\r\n!\r\n",
    ]

    @Test(arguments: patterns) func aByteIsLookedAtAFewTimes(_ pattern: String) {
        var decoder = IECDecoder()
        let hostile = bytes(pattern, 64 * 1024)
        for from in stride(from: 0, to: hostile.count, by: 4096) { _ = decoder.push(Array(hostile[from..<(from + 4096)]), at: start) }
        #expect(decoder.secondLooks.taken <= SecondLooks.most + SecondLooks.perByte * hostile.count)
        let found = decoder.push(Array("\r\n".utf8) + modeC + modeC, at: start).map(shown)
        #expect(found.suffix(2) == [modeCShown, modeCShown])
    }

    @Test func aByteOfSMLIsLookedAtAFewTimes() {
        var decoder = SMLDecoder()
        for _ in 0..<8 { _ = decoder.push(manyStarts, at: start) }
        #expect(decoder.secondLooks.taken <= SecondLooks.most + SecondLooks.perByte * 8 * manyStarts.count)
        #expect(decoder.push(smlTelegram(), at: start).map(shown).last == smlShown)
    }

    /// Random mixtures of all patterns, for each decoder.
    @Test func seededMixtures() {
        let parts =
            Self.patterns.map { Array($0.utf8.prefix(200)) }
            + [
                [0x1B, 0x1B, 0x1B, 0x1B], [1, 1, 1, 1], [0x1A, 0, 0, 0], Array(modeC.prefix(60)), Array(smlTelegram().prefix(90)), [0xFF],
            ]
        var random = SeededGenerator(seed: 25)
        for _ in 0..<40 {
            let hostile = Array((0..<60).flatMap { _ in parts[Int(random.number(in: 0...Int64(parts.count - 1)))] })
            var (iec, sml, all) = (IECDecoder(), SMLDecoder(), AutoDecoder())
            let piece = Int(random.number(in: 1...300))
            for from in stride(from: 0, to: hostile.count, by: piece) {
                let portion = Array(hostile[from..<min(from + piece, hostile.count)])
                _ = (iec.push(portion, at: start), sml.push(portion, at: start), all.push(portion, at: start))
            }
            #expect(iec.push(Array("\r\n".utf8) + modeC, at: start).map(shown).last == modeCShown)
            #expect(all.push(Array("\r\n".utf8) + modeC + modeC, at: start).map(shown).last == modeCShown)
            #expect(sml.push(smlTelegram() + smlTelegram(), at: start).map(shown).last == smlShown)
        }
    }

    @Test func theTimeOfADecoderGrowsWithItsBytes() {
        for pattern in Self.patterns + ["/", "/ABC5\\2x\r\n", "x/\r\n!ab\r\n", "/a/b\r\n!00\r\n"] {
            expectLinear("P1: \(pattern.prefix(20))", 20_000) { count in
                var decoder = P1Decoder()
                for byte in bytes(pattern, count) { _ = decoder.push([byte], at: start) }
            }
        }
        // One frame, pushed byte by byte.
        let escapes = Array([[0x1B, 0x1B, 0x1B, 0x1B, 1, 1, 1, 1], [UInt8](repeating: 0x1B, count: 16_000)].joined())
        expectLinear("SML", 3500) { count in
            var decoder = SMLDecoder()
            for byte in escapes.prefix(count) { _ = decoder.push([byte], at: start) }
        }
    }

    @Test func theTimeOfABlockGrowsWithItsLines() {
        func code(_ index: Int) -> OBISCode { OBISCode(1, 0, UInt8(1 + index / 2560), UInt8(index / 10 % 256), UInt8(index % 10), 0) }
        expectLinear("data lines", 1000) { count in
            let lines = (0..<count).map { "\(code($0).c).\(code($0).d).\(code($0).e)*00(1)\r\n" }.joined()
            let contents = DataBlock.parse(Array(lines.utf8), strict: false)
            #expect(contents.registers.count == count && contents.badLines == 0)
        }
        expectLinear("registers", 1000) { count in
            var state = MeterState()
            state.addOptical(MeterDescription(name: "grid", title: "Grid"), maxPower: 25_000, staleAfter: .seconds(30))
            let registers = (0..<count).map { Register(code($0), .number(Quantity(1), .wattHours)) }
            state.record(Readout(registers, at: start), of: "grid", wall: WallTime(millisecondsSince1970: 0))
        }
    }

    /// The rules for duplicate registers don't depend on the number of registers.
    @Test(arguments: [0, 100]) func manyRegistersAreReadAsFew(_ others: Int) {
        let text =
            (0..<others).map { "0.4.\($0)(1)\r\n" }.joined()
            + "1.8.0*00(5)\r\n32.7.0(1*V)\r\n32.7.0(2*V)\r\n2.8.0(7*Wh)\r\n2.8.0*01(6)\r\n3.8.0*00(1)\r\n3.8.0*01(2)\r\n"
        let found = DataBlock.parse(Array(text.utf8), strict: false).registers.dropFirst(others).map { shown($0) }
        let expected = [
            "1-0:1.8.0*255=5kWh", "1-0:32.7.0*255=1V", "1-0:2.8.0*255=7Wh", "1-0:2.8.0*1=6Wh", "1-0:3.8.0*0=1kvarh", "1-0:3.8.0*1=2kvarh",
        ]
        #expect(Array(found) == expected)
    }

    /// When bytes arrive one at a time, the earlier ones are not searched again.
    @Test(arguments: ["x", "/", "/a", "\r", "/\r", "\u{2}", "\u{2}1.8.0(1)\r\n", "\u{15}x"])
    func theTimeOfASessionGrowsWithItsBytes(_ pattern: String) {
        let plan = ReadingPlan(read: .readout, registers: [], every: .seconds(1))
        for identification in ["", "/XYZxmodeA\r\n"] {
            expectLinear("\(identification)\(pattern)", 4000) { count in
                var session = ReadoutSession(plan: plan)
                _ = session.opened(start)
                var now = start
                while let deadline = session.deadline, session.identification == nil {
                    now = deadline
                    let hasAsked = session.timedOut(now).contains { if case .send = $0 { true } else { false } }
                    if hasAsked { break }
                }
                _ = session.received(Array(identification.utf8), now)
                for byte in bytes(pattern, count) { _ = session.received([byte], now) }
            }
        }
    }

    /// The number of candidates for a telegram's beginning is limited.
    @Test func theTimeOfAnonymizingGrowsWithItsBytes() {
        expectLinear("beginnings", 2000) { count in
            let recorded = question + bytes("/", count) + framed("(0000123.457*kWh)")
            _ = Anonymizer(Recording([Recording.Portion(at: .zero, recorded)], length: .zero))
        }
    }

    /// Each name is searched for in each telegram, so their number is limited.
    @Test func tooManyNamesAreLeftOut() {
        let recorded = (0..<250).flatMap { number in
            Array("/EBZ5X\r\n\r\n1-0:96.1.0*255(1EBZ\(10_000_000 + number))\r\n1-0:1.8.0*255(12.5*kWh)\r\n!\r\n".utf8)
        }
        let anonymizer = Anonymizer(Recording([Recording.Portion(at: .zero, recorded)], length: .zero))
        #expect(anonymizer.telegrams == 200 && anonymizer.leftOut > recorded.count / 5)
    }
}
