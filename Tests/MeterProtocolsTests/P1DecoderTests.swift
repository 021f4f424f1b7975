import MeterProtocols
import Metering
import Testing
import VirtualMeters

private let dsmr5Lines = [
    "1-3:0.2.8(50)", "0-0:1.0.0(240102030405W)", "0-0:96.1.1(4D31323334353637)", "1-0:1.8.1(000012.345*kWh)", "1-0:2.8.1(000000.000*kWh)",
    "0-0:96.14.0(0002)", "1-0:1.7.0(01.250*kW)", "0-0:96.7.21(00013)", "1-0:99.97.0(1)(0-0:96.7.19)(000101000001W)(0000000240*s)",
    "0-0:96.13.0()", "1-0:31.7.0(006*A)", "0-1:24.1.0(003)", "0-1:96.1.0(4731)", "0-1:24.2.1(240102030000W)(00981.443*m3)",
]
let dsmr5 = P1Encoder.telegram("/XYZ5\\2M550", dsmr5Lines)
let dsmr5Shown =
    "XYZ:1-3:0.2.8*255=t:50 0-0:1.0.0*255=t:240102030405W 0-0:96.1.1*255=t:4D31323334353637 1-0:1.8.1*255=12.345kWh "
    + "1-0:2.8.1*255=0.000kWh 0-0:96.14.0*255=t:0002 1-0:1.7.0*255=1.250kW 0-0:96.7.21*255=13 "
    + "1-0:99.97.0*255=t:(1)(0-0:96.7.19)(000101000001W)(0000000240*s) 1-0:31.7.0*255=6A 0-1:24.1.0*255=t:003 0-1:96.1.0*255=t:4731 "
    + "0-1:24.2.1*255=981.443m³"
private let dsmr3Lines = ["0-0:96.1.1(3132)", "1-0:1.8.1(00012.345*kWh)", "0-0:96.14.0(0001)"]
private let dsmr3Gas = ["0-1:24.3.0(240102030000)(00)(60)(1)(0-1:24.2.1)(m3)", "(00001.001)", "0-1:24.4.0(1)"]
let dsmr3 = P1Encoder.telegram("/XYZ5\\2M300", dsmr3Lines + dsmr3Gas, check: .none)
let dsmr3Shown =
    "XYZ:0-0:96.1.1*255=t:3132 1-0:1.8.1*255=12.345kWh 0-0:96.14.0*255=t:0001 0-1:24.2.1*255=1.001m³ 0-1:24.4.0*255=t:1"

@Suite struct P1DecoderTests {
    static let streams: [([UInt8], [String])] = [
        (dsmr5, [dsmr5Shown]), (dsmr3, [dsmr3Shown]), (withParity(dsmr3), [dsmr3Shown]),
        (dsmr5 + dsmr3 + dsmr5, [dsmr5Shown, dsmr3Shown, dsmr5Shown]),
        (dsmr5.filter { $0 != 0x0D }, [dsmr5Shown]), (dsmr5.map { $0 == 0x0D ? 0x0A : $0 }, [dsmr5Shown]),
        (Array(dsmr5.dropLast(2)), [dsmr5Shown]), (dsmr3.filter { $0 != 0x0A }, [dsmr3Shown]),
    ]

    @Test(arguments: streams) func readsTelegrams(_ bytes: [UInt8], _ expected: [String]) {
        #expect(scanned(bytes, by: P1Decoder()) == expected)
        #expect(scanned(bytes, in: 1, by: P1Decoder()) == expected)
        for cut in 0...bytes.count { #expect(scanned(bytes, cutAt: cut, by: P1Decoder()) == expected, "cut at \(cut)") }
        let garbage: [UInt8] = [0x2F, 0x41, 0x00, 0xFF, 0x21, 0x0D, 0x0A]
        #expect(scanned(garbage + bytes + garbage + bytes, by: P1Decoder()).filter { $0.first != "!" } == expected + expected)
    }

    @Test func saysWhoItIs() {
        guard case .readout(let readout)? = decoded(dsmr5, by: P1Decoder()).first else {
            Issue.record("not decoded")
            return
        }
        #expect(readout.source == .p1 && readout.isChecked && readout.serial == "M1234567" && readout.model == "M550")
        guard case .readout(let old)? = decoded(dsmr3, by: P1Decoder()).first else {
            Issue.record("not decoded")
            return
        }
        #expect(!old.isChecked && old.serial == "12")
    }

    @Test func leadingZerosOfTheCheckMayBeMissing() {
        var lengths: Set<Int> = []
        for number in 0..<600 {
            let telegram = P1Encoder.telegram("/XYZ5M", ["1-0:1.8.1(\(number)*kWh)"], check: .unpadded)
            let digits = telegram.split(separator: UInt8(ascii: "!")).last?.count ?? 0
            guard lengths.insert(digits).inserted else { continue }
            #expect(scanned(telegram, by: P1Decoder()) == ["XYZ:1-0:1.8.1*255=\(number)kWh"])
        }
        #expect(lengths.isSuperset(of: [5, 6]))
    }

    @Test(arguments: [
        ("1-0:1.6.0(240102030405S)(02.589*kW)", "1-0:1.6.0*255=2.589kW"), ("0-1:24.2.1(240.860*GJ)", "0-1:24.2.1*255=240.860GJ"),
        ("0-1:24.3.0(240102030000)(00)(60)(1)(0-1:24.2.1)(m3)(00012.5)", "0-1:24.2.1*255=12.5m³"),
        ("1-0:1.8.0(006545766*Wh)", "1-0:1.8.0*255=6545766Wh"),
        ("0-0:96.13.0()\r\n1-0:1.8.0(1*kWh)", "1-0:1.8.0*255=1kWh"), ("0-0:17.0.0(999.9*kW)", "0-0:17.0.0*255=999.9kW"),
    ])
    func readsLines(_ lines: String, _ expected: String) {
        #expect(scanned(P1Encoder.telegram("/XYZ5M", [lines]), by: P1Decoder()) == ["XYZ:" + expected])
    }

    @Test func linesThatAreNone() {
        let found = scanned(P1Encoder.telegram("/XYZ5M", ["1-0:1.8.0(1*kWh)", "nonsense", "(1)", "1-0:2.8.0(x*kWh)"]), by: P1Decoder())
        #expect(found == ["XYZ:1-0:1.8.0*255=1kWh", "!3 lines are not data lines"])
    }

    /// CRC-16 detects every change of one byte. A telegram whose version requires a CRC is rejected without one.
    @Test func changedBytesGiveNoValue() {
        for index in dsmr5.indices.dropLast(2) {
            for change in [1, 4, 32, 128, 255] as [UInt8] {
                var bytes = dsmr5
                bytes[index] ^= change
                // The CRC's digits may be lower or upper case.
                let isCase = change == 32 && index >= dsmr5.count - 6 && dsmr5[index] >= UInt8(ascii: "A")
                let isParity = change == 128 && index >= dsmr5.count - 6
                #expect(isCase || isParity || !scanned(bytes, by: P1Decoder()).contains { $0.first != "!" }, "\(change) at \(index)")
            }
            for lost in [1, 2, 5] {
                let bytes = Array(dsmr5[..<index] + dsmr5[min(index + lost, dsmr5.count)...])
                #expect(!scanned(bytes, by: P1Decoder()).contains { $0.first != "!" }, "\(lost) lost at \(index)")
            }
        }
    }

    @Test func aHurtTelegramCostsNoOther() {
        for count in 1..<dsmr5.count {
            for hurt in [dsmr5[..<count], dsmr5[count...]] {
                let found = scanned(dsmr5 + hurt + dsmr5, by: P1Decoder()).filter { $0.first != "!" }
                #expect(found.count == (count >= dsmr5.count - 2 && hurt.count > 2 ? 3 : 2), "\(count)")
            }
        }
    }

    @Test(arguments: [
        P1Encoder.telegram("/XYZ5M", dsmr3Lines + ["1-0:1.7.0(x*kW)"], check: .none),
        P1Encoder.telegram("/XYZ5M", dsmr5Lines, check: .none),
        P1Encoder.telegram("/XYZ5M", dsmr3Lines + ["(00001.001)"], check: .none), Array(dsmr5.dropLast(3)), Array(dsmr5.dropLast(6)),
        Array(dsmr5.dropLast(9)),
        Array("/XYZ5M\r\n\r\n!\r\n".utf8), P1Encoder.telegram("/1", ["1-0:1.8.0(1*kWh)"]), Array("/XYZ5M\r\n!0000zz".utf8),
    ])
    func damagedTelegramsAreNoise(_ bytes: [UInt8]) {
        let found = scanned(bytes, by: P1Decoder())
        #expect(found.count == 1 && found[0].first == "!", "\(found)")
        #expect(scanned(bytes + [0x0D, 0x0A] + dsmr5, by: P1Decoder()).last == dsmr5Shown)
    }

    @Test func hostileStreamsAreBounded() {
        for pattern in ["/", "/XYZ5M\r\n", "x/XYZ5M", "!", "\r\n!/", "(", "/XYZ5M\r\n!12"] {
            let bytes = Array(("/XYZ5M\r\n" + String(repeating: pattern, count: 30_000 / pattern.utf8.count)).utf8)
            #expect(!scanned(bytes, in: 4096, by: P1Decoder()).contains { $0.first != "!" })
        }
        let endless = Array("/XYZ5M\r\n".utf8) + [UInt8](repeating: UInt8(ascii: "1"), count: 40_000)
        #expect(scanned(endless + dsmr5, by: P1Decoder()) == ["!a telegram or a line is too long", dsmr5Shown])
        #expect(scanned(endless, by: P1Decoder()) == ["!a telegram or a line is too long"])
    }

    /// At most 16 KiB from the `/` to the `!`, not counting the CRC.
    @Test(arguments: [(16_383, true), (16_384, true), (16_385, false), (16_386, false)])
    func theLongestTelegram(_ length: Int, _ isRead: Bool) {
        #expect(P1Decoder.longestTelegram == 16_384)
        var lines: [String] = []
        var rest = length - "/XYZ5M\r\n\r\n1-0:1.8.0(1*kWh)\r\n!".utf8.count
        while rest > 0 {
            // The shortest line has 15 characters.
            let count = rest > 2000 ? 1900 : rest
            lines.append("0-0:96.13.0(" + String(repeating: "4", count: count - 15) + ")")
            rest -= count
        }
        let telegram = P1Encoder.telegram("/XYZ5M", ["1-0:1.8.0(1*kWh)"] + lines)
        #expect(telegram.count == length + 6)
        for chunk in [1, 100, 5000, .max] {
            let found = scanned(telegram + dsmr5, in: chunk, by: P1Decoder())
            #expect(found.count == 2 && found.last == dsmr5Shown, "\(length) in \(chunk)")
            #expect(found[0].hasPrefix(isRead ? "XYZ:1-0:1.8.0*255=1kWh" : "!a telegram or a line is too long"), "\(length) in \(chunk)")
        }
    }

    /// The `!` is followed by up to four digits and a line end, or by the next telegram.
    @Test func whatStandsBehindTheEnd() {
        let telegram = P1Encoder.telegram("/XYZ5M", ["1-0:1.8.1(1*kWh)"])
        let (body, digits) = (Array(telegram.dropLast(6)), Array(telegram.suffix(6).prefix(4)))
        let shown = "XYZ:1-0:1.8.1*255=1kWh"
        let ends: [([UInt8], [String])] = [
            (digits + [0x0D], [shown]), (digits + [0x0A], [shown]), (digits, [shown]), (digits + telegram, [shown, shown]),
            ([0x30] + digits + [0x0D], ["!a checksum is wrong"]), (digits + [0x30, 0x0D], ["!a checksum is wrong"]),
            (digits.dropLast() + [0x0D], ["!a checksum is wrong"]), ([0x0D], [shown]), ([], [shown]), (telegram, [shown, shown]),
        ]
        for (end, expected) in ends {
            #expect(scanned(body + end, by: P1Decoder()) == expected, "\(end)")
            #expect(scanned(body + end, in: 1, by: P1Decoder()) == expected, "\(end)")
        }
    }

    /// With `mustBeCertain`, a telegram that could belong to another protocol is only reported if it has a CRC.
    @Test func whoMustBeCertainSaysLess() {
        let damaged = Array(dsmr5.dropLast(6))
        let unmistakable = P1Encoder.telegram("/XYZ5M", dsmr3Lines, check: .none)
        let plain = P1Encoder.telegram("/XYZ5M", ["1-0:1.8.1(1*kWh)"], check: .none)
        let corrupt = P1Encoder.telegram("/XYZ5M", dsmr3Lines + ["x"], check: .none)
        let cases: [([UInt8], usual: Int, certain: Int)] = [
            (damaged + Array("0000\r\n".utf8), 1, 1), (damaged + Array("1\r\n".utf8), 1, 1), (damaged + Array("\r\n".utf8), 1, 0),
            (Array(damaged.dropLast()), 1, 0), (unmistakable, 1, 1), (plain, 1, 0), (corrupt, 1, 0),
            (P1Encoder.telegram("/XYZ5M", [], check: .none), 1, 0),
            (Array("/XYZ5M\r\n\r\n1-0:1.8.1(1*kWh)\r\n".utf8) + [UInt8](repeating: 0x31, count: 20_000), 1, 0),
        ]
        for (index, (bytes, usual, certain)) in cases.enumerated() {
            #expect(scanned(bytes, by: P1Decoder()).count == usual, "\(index)")
            #expect(scanned(bytes, by: P1Decoder(mustBeCertain: true)).count == certain, "\(index)")
        }
        // The flag stays in effect after `finish()`.
        var decoder = P1Decoder(mustBeCertain: true)
        _ = decoder.finish()
        let now = Instant(nanoseconds: 0)
        #expect((decoder.push(plain, at: now) + decoder.finish()).isEmpty)
    }

    /// Without a CRC the parity is checked: either all characters have it or none.
    @Test func parityWithoutACheck() {
        for index in dsmr3.indices.dropLast(2) {
            var marked = withParity(dsmr3)
            marked[index] ^= 0x80
            #expect(!scanned(marked, by: P1Decoder()).contains { $0.first != "!" }, "\(index)")
        }
    }

    /// A `/` at the start of a line begins a telegram; within a line it may be text, or begin a telegram after one that was cut off.
    @Test func whatBeginsInALine() {
        let cut = Array(dsmr5.prefix(120))
        for decoder in [P1Decoder(), P1Decoder(mustBeCertain: true)] {
            #expect(scanned(cut + dsmr5, by: decoder).filter { $0.first != "!" } == [dsmr5Shown])
            #expect(scanned(cut + dsmr3, by: decoder).filter { $0.first != "!" } == [dsmr3Shown])
            #expect(scanned(cut + cut + dsmr5 + cut + dsmr3, by: decoder).filter { $0.first != "!" } == [dsmr5Shown, dsmr3Shown])
        }
        var decoder = P1Decoder()
        #expect(
            decoder.push(cut + dsmr5.dropLast(), at: Instant(nanoseconds: 0)).map(shown).last == dsmr5Shown, "with its last byte but one")
        #expect(scanned(P1Encoder.telegram("/XYZ5M", ["0-0:96.13.0(a/b/c)"]), by: P1Decoder()) == ["XYZ:0-0:96.13.0*255=t:a/b/c"])
        #expect(
            scanned(Array("/XYZ5M\r\n\r\n1-0:1.8.1(1*kWh)\r\n".utf8) + dsmr5, by: P1Decoder()) == ["!a telegram is cut off", dsmr5Shown])
    }

    @Test func seededMutations() {
        var random = SeededGenerator(seed: 1)
        let stream = dsmr5 + dsmr5
        for round in 0..<1500 {
            var bytes = stream
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                let index = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
                default: bytes.remove(at: index)
                }
            }
            let found = scanned(bytes, by: P1Decoder()).filter { $0.first != "!" }
            if !found.allSatisfy({ $0 == dsmr5Shown }) { Issue.record("round \(round): \(found)") }
        }
    }
}

@Suite struct AutoDecoderTests {
    static let streams: [([UInt8], [String])] = [
        (smlTelegram(), [smlShown]), (dsmr5, [dsmr5Shown]), (dsmr3, [dsmr3Shown]), (modeC, [modeCShown]), (modeD, [modeDShown]),
        (session, sessionShown), (withParity(modeD), [modeDShown]),
        (P1Encoder.telegram("/XYZ5M", dsmr3Lines, check: .none), [dsmr3Shown.split(separator: " ").prefix(3).joined(separator: " ")]),
        (Array(modeD.prefix(60)) + modeD, ["!a telegram without checksum has a corrupt line", modeDShown]),
        (Array(smlTelegram().prefix(60)) + smlTelegram(), ["!a telegram is cut off", smlShown]),
        (Array(smlTelegram().prefix(60)), ["!a telegram is cut off"]),
        (Array(dsmr5.dropLast(6)) + Array("0000\r\n".utf8), ["!a checksum is wrong"]),
        (Array(modeD.prefix(60)), ["!a telegram is cut off"]), (Array("hello".utf8), []),
    ]

    @Test(arguments: streams) func findsOutByItself(_ bytes: [UInt8], _ expected: [String]) {
        #expect(scanned(bytes, in: 1, by: AutoDecoder()) == expected)
        #expect(scanned(bytes, by: AutoDecoder()) == expected)
    }

    /// Until the first telegram the protocol is unknown, so each decoder's noise is kept, at most 64 entries.
    @Test(arguments: [0, 1, 63, 64, 65, 200]) func theNoiseBeforeTheFirstTelegram(_ count: Int) {
        let damaged = smlTelegram().dropLast() + [0]
        let noise = [[UInt8]](repeating: Array(damaged), count: count).flatMap { $0 }
        let found = scanned(noise + smlTelegram() + damaged, by: AutoDecoder())
        let expected = [String](repeating: "!a checksum is wrong", count: min(count, 64)) + [smlShown, "!a checksum is wrong"]
        #expect(found == expected)
    }

    @Test func takesOneAfterTheOther() {
        let found = scanned(modeD + smlTelegram() + dsmr5 + modeC, in: 16, by: AutoDecoder())
        #expect(found.filter { $0.first != "!" } == [modeDShown, smlShown, dsmr5Shown, modeCShown])
    }
}
