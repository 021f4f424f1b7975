import MeterProtocols
import Metering
import Testing

/// Decoder output as text: a telegram as `ISK:code=value …` (`-` without manufacturer), noise as `!reason`.
func scanned(_ bytes: [UInt8], in chunks: Int = .max, by decoder: some PushDecoder = IECDecoder()) -> [String] {
    decoded(bytes, in: chunks, by: decoder).map(shown)
}

func decoded(_ bytes: [UInt8], in chunks: Int = .max, by decoder: some PushDecoder = IECDecoder()) -> [Finding] {
    var decoder = decoder
    if bytes.count <= chunks { return decoder.push(bytes, at: Instant(nanoseconds: 0)) + decoder.finish() }
    var found: [Finding] = []
    var rest = bytes[...]
    while !rest.isEmpty {
        found += decoder.push(Array(rest.prefix(chunks)), at: Instant(nanoseconds: 0))
        rest = rest.dropFirst(chunks)
    }
    return found + decoder.finish()
}

func shown(_ finding: Finding) -> String {
    switch finding {
    case .readout(let readout): (readout.manufacturer ?? "-") + ":" + readout.registers.map { shown($0) }.joined(separator: " ")
    case .noise(let noise): "!\(noise)"
    }
}

func scanned(_ bytes: [UInt8], cutAt cut: Int, by decoder: some PushDecoder = IECDecoder()) -> [String] {
    var decoder = decoder
    let now = Instant(nanoseconds: 0)
    return (decoder.push(Array(bytes[..<cut]), at: now) + decoder.push(Array(bytes[cut...]), at: now) + decoder.finish()).map(shown)
}

/// STX or SOH, the text, ETX and the check character.
func framed(_ text: String, by start: UInt8 = ControlCharacter.stx, end: UInt8 = ControlCharacter.etx) -> [UInt8] {
    let content = Array(text.utf8) + [end]
    return [start] + content + [BlockCheck.of(content)]
}

func withParity(_ bytes: [UInt8]) -> [UInt8] { bytes.map { $0.nonzeroBitCount % 2 == 1 ? $0 | 0x80 : $0 } }

let modeC =
    Array("/ISK5ME162-0099\r\n".utf8)
    + framed("C.1.0(11223344)\r\n1.8.0(0000123.456*kWh)\r\n2.8.0(0000000.000*kWh)\r\nF.F(0000000)\r\n!\r\n")
let modeCShown = "ISK:1-0:96.1.0*255=t:11223344 1-0:1.8.0*255=123.456kWh 1-0:2.8.0*255=0.000kWh 1-0:97.97.0*255=t:0000000"
let modeD = Array(
    "/EBZ5XY12\r\n\r\n1-0:96.1.0*255(1EBZ0100000042)\r\n1-0:1.8.0*255(000012.34500000*kWh)\r\n1-0:16.7.0*255(-000115.20*W)\r\n!\r\n".utf8)
let modeDShown = "EBZ:1-0:96.1.0*255=t:1EBZ0100000042 1-0:1.8.0*255=12.34500000kWh 1-0:16.7.0*255=-115.20W"
let question = framed("R1\u{2}1.8.0()", by: ControlCharacter.soh)
let session =
    Array("/?!\r\n/ISK5ME162-0099\r\n\u{6}051\r\n".utf8) + framed("P0\u{2}()", by: ControlCharacter.soh) + question
    + framed("(0000123.457*kWh)") + framed("R1\u{2}2.8.0()", by: ControlCharacter.soh) + framed("(ERROR)")
    + framed("B0", by: ControlCharacter.soh)
let sessionShown = ["ISK:1-0:1.8.0*255=123.457kWh", "!the meter refused a register: ERROR"]

@Suite struct IECDecoderTests {
    static let streams: [([UInt8], [String])] = [
        (modeC, [modeCShown]), (modeD, [modeDShown]), (session, sessionShown), (withParity(modeD), [modeDShown]),
        (withParity(modeC), [modeCShown]), (withParity(session), sessionShown),
        (Array("/?!\r\n".utf8) + modeC.prefix(17) + Array("\u{6}050\r\n".utf8) + modeC.dropFirst(17), [modeCShown]),
        ([0x7F, 0x00, 0xFF] + modeC + [0xFF, 0x00] + modeC, [modeCShown, modeCShown]),
        (modeD + modeC + modeD, [modeDShown, modeCShown, modeDShown]),
    ]

    @Test(arguments: streams) func findsTelegramsWhole(_ bytes: [UInt8], _ expected: [String]) { #expect(scanned(bytes) == expected) }

    @Test(arguments: streams) func findsTelegramsByteByByte(_ bytes: [UInt8], _ expected: [String]) {
        #expect(scanned(bytes, in: 1) == expected)
    }

    @Test(arguments: streams) func findsTelegramsInEverySplit(_ bytes: [UInt8], _ expected: [String]) {
        for cut in 0...bytes.count {
            #expect(scanned(bytes, cutAt: cut) == expected, "cut at \(cut)")
        }
    }

    @Test func anyByteMayBeTheBlockCheck() {
        var seen: Set<UInt8> = []
        for padding in UInt8(0x20)...0x7E where padding != UInt8(ascii: "(") && padding != UInt8(ascii: ")") {
            for (number, model) in [(1, "a"), (2, "A"), (3, "1")] {
                let text = "C.1.0(1" + String(UnicodeScalar(padding)) + "1)\r\n0.2.0(\(model))\r\n1.8.0(\(number)*kWh)\r\n!\r\n"
                let bytes = Array("/ABC5x\r\n".utf8) + framed(text)
                guard let check = bytes.last, seen.insert(check).inserted else { continue }
                #expect(scanned(bytes).first?.contains("1-0:1.8.0*255=\(number)kWh") == true)
                #expect(scanned(bytes + modeC).count == 2 && scanned(bytes + modeC).last == modeCShown)
            }
        }
        #expect(seen.count == 128)
    }

    @Test func readsWithoutIdentificationAndWithGluedEnd() {
        #expect(scanned(framed("1.8.0*00(000012.50)\r\n0.2.2(:G11)!\r\n")) == ["-:1-0:1.8.0*255=12.50kWh 1-0:0.2.2*255=t::G11"])
        #expect(
            scanned(Array("/KAM 1-QR\r\n".utf8) + framed("1.20(0083*kWh)\r\n1.6*1(000013,0)!\r\n"))[0].hasPrefix("KAM:1-0:1.20.0*255=83kWh")
        )
    }

    @Test func readsLinesCopiedFromATerminal() {
        #expect(scanned(Array("/KAM 1-QR\r\n1.20(0083*kWh)!\r\n".utf8)) == ["KAM:1-0:1.20.0*255=83kWh"])
        #expect(scanned(Array("/ISK5x\n1.8.0(1*kWh)\n!".utf8)) == ["ISK:1-0:1.8.0*255=1kWh"])
        #expect(scanned(Array("/ISK5x\n\n1.8.0(1*kWh)\n!\n/ISK5x\n\n1.8.0(2*kWh)\n!\n".utf8)).count == 2)
    }

    @Test func readsThroughATerminalThatMakesNewlinesOfReturns() {
        for bytes in [modeC, modeC + modeC, modeD, session] {
            let swapped = bytes.map { $0 == 0x0D ? 0x0A : $0 }
            #expect(scanned(swapped) == scanned(bytes))
        }
    }

    @Test func modeDIsDeliveredWithItsLastByte() {
        var decoder = IECDecoder()
        #expect(decoder.push(modeD.dropLast(2), at: Instant(nanoseconds: 1)) == [])
        let found = decoder.push([0x0D], at: Instant(nanoseconds: 2))
        guard case .readout(let readout)? = found.first else {
            Issue.record("\(found)")
            return
        }
        #expect(readout.at == Instant(nanoseconds: 2) && readout.source == .d0Push && !readout.isChecked)
    }

    @Test func partialBlocksAreOneReadout() {
        let blocks =
            framed("1.8.0(1*kWh)\r\n2.8", end: ControlCharacter.eot) + [ControlCharacter.ack] + framed(".0(2*kWh)\r\n1.8.0*00(3)\r\n")
        #expect(scanned(Array("/ABC5x\r\n".utf8) + blocks) == ["ABC:1-0:1.8.0*255=1kWh 1-0:2.8.0*255=2kWh 1-0:1.8.0*0=3kWh"])
        let alone = framed("1.8.0(1*kWh)\r\n", end: ControlCharacter.eot)
        #expect(scanned(alone) == ["!a telegram is cut off"])
        #expect(scanned(alone + modeC) == ["!a telegram is cut off", modeCShown])
    }

    @Test func answersNeedTheirQuestion() {
        let answer = framed("(0000123.457*kWh)")
        #expect(scanned(answer) == ["!an answer does not match the request before it"])
        #expect(scanned(question + answer + answer).count == 2)
        #expect(scanned(question + framed("2.8.0(1*kWh)")) == ["!an answer does not match the request before it"])
        #expect(scanned(framed("2.8.0(1*kWh)")) == ["-:1-0:2.8.0*255=1kWh"])
        #expect(scanned(question + question + answer) == ["-:1-0:1.8.0*255=123.457kWh"])
    }

    /// An answer holds one register; only a readout is complete, whatever it contains.
    @Test func onlyAReadoutIsWhole() {
        func whole(_ bytes: [UInt8]) -> [Bool] {
            decoded(bytes).compactMap { if case .readout(let readout) = $0 { readout.isWhole } else { nil } }
        }
        #expect(whole(modeC) == [true] && whole(modeD) == [true] && whole(session) == [false])
    }

    private static let damaged: [[UInt8]] = [
        Array("/EBZ5X\r\n\r\n1-0:1.8.0*255(12.5*kWh)\r\n1-0:16.7.0*25500.1*W)\r\n!\r\n".utf8),
        Array("/EBZ5X\r\n\r\n1-0:1.8.0*255(12.5*kWh)\r\n1-081.8.0*255(1*kWh)\r\n!\r\n".utf8),
        Array("/EBZ5X\r\n\r\n1-0:1.8.0*255(12.5*kWh)\r\n1-0:16.7.0*255(0.010.00*W)\r\n!\r\n".utf8),
        Array("/EBZ5X\r\n\r\n1-0:1.8.0*255(12.5*kWh)\r\n".utf8), Array("/EBZ5X\r\n\r\n!\r\n".utf8),
        Array("/EBZ5X\r\n\r\n1-0:1.8.0*255(12.5*kWh)\r\n!x\r\n".utf8), Array(modeC.dropLast()), Array(modeC.dropLast(3)),
        Array("/ISK5X\r\n1.8.0(12.5*kWh)\r\n!\r\n\u{3}L".utf8), modeC + [0x02], framed("1.8.0(1*kWh)\r\n1.8.1(1*kWh)\r\n"),
        Array("/ISK5X\r\n".utf8) + framed("1.8.0(1*kWh)\r\n"), [ControlCharacter.stx] + Array(repeating: 0x30, count: 40_000),
        Array("/ISK5X\r\n".utf8) + Array(repeating: 0x30, count: 40_000),
        Array("/ISK5X\r\n\r\n".utf8) + Array(String(repeating: "1.8.0(1*kWh)\r\n", count: 2000).utf8) + Array("!\r\n".utf8),
    ]

    @Test(arguments: damaged)
    func damagedTelegramsAreNoise(_ bytes: [UInt8]) {
        let found = scanned(bytes)
        #expect(found.count == (bytes.starts(with: modeC) ? 2 : 1) && found.last?.first == "!")
        #expect(scanned(bytes + modeC).last == modeCShown)
    }

    @Test func oneCharacterWithWrongParityIsNoise() {
        for index in modeD.indices.dropLast(2) where index > 12 {
            var plain = modeD
            plain[index] ^= 0x80
            var marked = withParity(modeD)
            marked[index] ^= 0x10
            #expect(!scanned(plain).contains { $0.first != "!" } && !scanned(marked).contains { $0.first != "!" }, "\(index)")
        }
    }
}
