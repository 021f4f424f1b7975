import MeterProtocols
import Metering
import VirtualMeters

/// A meter language, with generated telegrams.
enum Language: String, CaseIterable {
    case iec, sml, p1

    var decoder: any PushDecoder {
        switch self {
        case .iec: IECDecoder()
        case .sml: SMLDecoder()
        case .p1: P1Decoder()
        }
    }

    /// With a checksum; each number gives different values, and sometimes a different shape.
    func telegram(_ number: Int) -> [UInt8] {
        switch self {
        case .iec: number % 3 == 2 ? session(number) : readout(number)
        case .sml: frame(number)
        case .p1: dsmr5(number)
        }
    }

    /// The initial corpus of a fuzzer: the telegrams above, and variants without a checksum.
    var seeds: [[UInt8]] {
        let whole = (0..<8).map { telegram($0) }
        switch self {
        case .iec: return whole + [modeD, modeD.map { $0.nonzeroBitCount % 2 == 1 ? $0 | 0x80 : $0 }, blocks, whole[0] + modeD + whole[2]]
        case .sml: return whole + [Array(whole[0].dropFirst(8).dropLast(8)), whole[0] + whole[3], Array(whole[1].prefix(100)) + whole[2]]
        case .p1: return whole + [dsmr3, whole[0] + dsmr3 + whole[1]]
        }
    }
}

// MARK: IEC 62056-21

private func framed(_ start: UInt8, _ text: String, end: UInt8 = ControlCharacter.etx) -> [UInt8] {
    let content = Array(text.utf8) + [end]
    return [start] + content + [BlockCheck.of(content)]
}

/// `12345.678`.
private func decimal(_ thousandths: Int) -> String {
    let digits = String(thousandths)
    let padded = String(repeating: "0", count: max(0, 10 - digits.utf8.count)) + digits
    return padded.dropLast(3) + "." + padded.suffix(3)
}

private func lines(_ number: Int) -> String {
    var text = "0.0.0(11223344)\r\nC.1.0(28342193)\r\n0.9.1(121530)\r\nF.F(00000000)\r\n"
    for (place, register) in ["1.8", "2.8", "3.8", "4.8"].enumerated() {
        for tariff in 0...4 {
            let unit = place < 2 ? "kWh" : "kvarh"
            text += "\(register).\(tariff)(\(decimal(1_000_000 * place + 10_000 * tariff + number))*\(unit))\r\n"
        }
    }
    for phase in ["3", "5", "7"] { text += "\(phase)2.7.0(230.\(number % 10)*V)\r\n\(phase)1.7.0(1.25*A)\r\n" }
    text += "1.7.0(00.415*kW)\r\n14.7.0(50.01*Hz)\r\n1.6.1(09.48*kW)(16-03-14,18:45)\r\n"
    return text + "1.8.1*01(0000123.4*kWh)\r\n1.8.1*02(0000100.1*kWh)\r\n!\r\n"
}

private func readout(_ number: Int) -> [UInt8] {
    Array("/ISK5ME162-0033\r\n".utf8) + framed(ControlCharacter.stx, lines(number))
}

private func session(_ number: Int) -> [UInt8] {
    framed(ControlCharacter.soh, "R1\u{2}1.8.0()") + framed(ControlCharacter.stx, "(\(decimal(number))*kWh)")
}

private let blocks =
    Array("/LGZ4ZMD\r\n".utf8) + framed(ControlCharacter.stx, "1.8.0(1*kWh)\r\n2.8.", end: ControlCharacter.eot)
    + framed(ControlCharacter.stx, "0(2*kWh)\r\n!\r\n")

private let modeD = Array(
    "/EBZ5DD32R06DTA_107\r\n\r\n1-0:96.1.0*255(1EBZ0100000042)\r\n1-0:1.8.0*255(000012.34500000*kWh)\r\n1-0:16.7.0*255(-000115.20*W)\r\n!\r\n"
        .utf8)

// MARK: SML

private let server: [UInt8] = [0x0A, 0x01] + Array("ISK".utf8) + [0x00, 0x00, 0xBC, 0x61, 0x4E]

private func frame(_ number: Int) -> [UInt8] {
    var encoder = SMLEncoder()
    encoder.check = number % 4 == 1 ? .kermit : .x25
    encoder.hasWideTags = number % 4 == 2
    encoder.hasBareTime = number % 4 == 3
    var entries = [
        SMLEncoder.Entry(OBISCode(1, 0, 96, 50, 1, 1), .octets(Array("ISK".utf8))),
        SMLEncoder.Entry(OBISCode(96, 1, 0), .octets(server)),
        SMLEncoder.Entry(OBISCode(1, 8, 0), .unsigned(123_456_789 + UInt64(number), width: 8), unit: 30, scaler: -1, status: 0x1C0104),
        SMLEncoder.Entry(OBISCode(2, 8, 0), .unsigned(1_234, width: 8), unit: 30, scaler: -1),
        SMLEncoder.Entry(OBISCode(16, 7, 0), .signed(Int64(number) - 400, width: 4), unit: 27, scaler: 0),
    ]
    for phase in [36, 56, 76] as [UInt8] { entries.append(SMLEncoder.Entry(OBISCode(phase, 7, 0), .signed(141, width: 4), unit: 27)) }
    for phase in [32, 52, 72] as [UInt8] {
        entries.append(SMLEncoder.Entry(OBISCode(phase, 7, 0), .unsigned(2_301, width: 2), unit: 35, scaler: -1))
    }
    // Public keys may contain any bytes.
    if number % 3 == 2 {
        entries.append(SMLEncoder.Entry(OBISCode(129, 129, 199, 130, 5, 255), .octets([UInt8](repeating: 0x1B, count: 9))))
    }
    return encoder.telegram(server: server, entries, number: UInt32(number))
}

// MARK: P1

private func dsmr5(_ number: Int) -> [UInt8] {
    P1Encoder.telegram(
        "/XYZ5\\2M550",
        [
            "1-3:0.2.8(50)", "0-0:1.0.0(240102030405W)", "0-0:96.1.1(4530303433303036)", "1-0:1.8.1(\(decimal(number))*kWh)",
            "1-0:1.8.2(000012.345*kWh)", "1-0:2.8.1(000000.000*kWh)", "0-0:96.14.0(0002)", "1-0:1.7.0(00.415*kW)", "1-0:2.7.0(00.000*kW)",
            "0-0:96.7.21(00004)", "1-0:99.97.0(1)(0-0:96.7.19)(240101000000W)(0000000240*s)", "1-0:32.7.0(230.\(number % 10)*V)",
            "0-0:96.13.0()", "0-1:24.1.0(003)", "0-1:96.1.0(4731)", "0-1:24.2.1(240102030000W)(00981.443*m3)",
        ], check: number % 2 == 0 ? .padded : .unpadded)
}

private let dsmr3 = P1Encoder.telegram(
    "/XYZ5\\2M300",
    [
        "0-0:96.1.1(3132)", "1-0:1.8.1(00012.345*kWh)", "0-0:96.14.0(0001)", "0-1:24.3.0(240102030000)(00)(60)(1)(0-1:24.2.1)(m3)",
        "(00001.001)",
    ], check: .none)
