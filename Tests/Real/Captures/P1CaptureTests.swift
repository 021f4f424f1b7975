import JSONReading
import MeterProtocols
import Metering
import Testing

/// P1 telegrams, compared with the results of an independent decoder.
@Suite struct P1CaptureTests {
    private struct Capture {
        var name: String
        var bytes: [UInt8]
        var expected: JSONText
        var hasCheck: Bool { bytes.last { $0 > 0x20 } != UInt8(ascii: "!") }
        /// The examples printed in the specification have CRCs that don't match.
        var isDamaged: Bool { expected["crc_ok"] == .bool(false) && hasCheck }
    }

    /// The other decoder's names of the registers. Lists are compared below.
    private static let names = [
        "ELECTRICITY_USED_TARIFF_1": "1-0:1.8.1*255", "ELECTRICITY_USED_TARIFF_2": "1-0:1.8.2*255",
        "ELECTRICITY_DELIVERED_TARIFF_1": "1-0:2.8.1*255", "ELECTRICITY_DELIVERED_TARIFF_2": "1-0:2.8.2*255",
        "ELECTRICITY_ACTIVE_TARIFF": "0-0:96.14.0*255", "CURRENT_ELECTRICITY_USAGE": "1-0:1.7.0*255",
        "CURRENT_ELECTRICITY_DELIVERY": "1-0:2.7.0*255", "EQUIPMENT_IDENTIFIER": "0-0:96.1.1*255",
        "P1_MESSAGE_HEADER": "1-3:0.2.8*255", "INSTANTANEOUS_VOLTAGE_L1": "1-0:32.7.0*255", "INSTANTANEOUS_VOLTAGE_L2": "1-0:52.7.0*255",
        "INSTANTANEOUS_VOLTAGE_L3": "1-0:72.7.0*255", "INSTANTANEOUS_CURRENT_L1": "1-0:31.7.0*255",
        "INSTANTANEOUS_CURRENT_L2": "1-0:51.7.0*255", "INSTANTANEOUS_CURRENT_L3": "1-0:71.7.0*255",
        "INSTANTANEOUS_ACTIVE_POWER_L1_POSITIVE": "1-0:21.7.0*255", "INSTANTANEOUS_ACTIVE_POWER_L2_POSITIVE": "1-0:41.7.0*255",
        "INSTANTANEOUS_ACTIVE_POWER_L3_POSITIVE": "1-0:61.7.0*255", "INSTANTANEOUS_ACTIVE_POWER_L1_NEGATIVE": "1-0:22.7.0*255",
        "INSTANTANEOUS_ACTIVE_POWER_L2_NEGATIVE": "1-0:42.7.0*255", "INSTANTANEOUS_ACTIVE_POWER_L3_NEGATIVE": "1-0:62.7.0*255",
        "ACTUAL_TRESHOLD_ELECTRICITY": "0-0:17.0.0*255", "ACTUAL_SWITCH_POSITION": "0-0:96.3.10*255",
        "BELGIUM_CURRENT_AVERAGE_DEMAND": "1-0:1.4.0*255", "BELGIUM_MAXIMUM_DEMAND_MONTH": "1-0:1.6.0*255",
        "ELECTRICITY_IMPORTED_TOTAL": "1-0:1.8.0*255", "ELECTRICITY_EXPORTED_TOTAL": "1-0:2.8.0*255", "FUSE_THRESHOLD_L1": "1-0:31.4.0*255",
    ]

    /// The readings of the M-Bus meters, and Belgium's list of peak demands.
    private static let special: [String: [String: String]] = [
        "dsmrparser_FLUVIUS_V171": [
            "0-1:24.2.3*255": "112.384", "0-2:24.2.1*255": "872.234",
            "0-0:98.1.0*255": "(3)(1-0:1.6.0)(1-0:1.6.0)(200501000000S)(200423192538S)(03.695*kW)(200401000000S)(200305122139S)(05.980*kW)"
                + "(200301000000S)(200210035421W)(04.318*kW)",
        ],
        "dsmrparser_UNPADDED_CRC": ["0-1:24.2.1*255": "240.860"], "dsmrparser_V2_2": ["0-1:24.2.1*255": "1.001"],
        "dsmrparser_V4_2": ["0-1:24.2.1*255": "981.443"], "dsmrparser_V5": ["0-1:24.2.1*255": "0.107"],
        "lvzon_p1-example-3.0": ["0-1:24.2.1*255": "0.000"],
    ]

    private static let captures: [Capture] = {
        guard let files = CaptureFiles("p1") else {
            print("P1 captures: skipped, there are none beside the repository")
            return []
        }
        return files.names.filter { $0.hasSuffix(".expected.json") }.compactMap { file -> Capture? in
            let name = String(file.dropLast(".expected.json".count))
            guard let bytes = files.bytes(of: name + ".txt"), let json = files.bytes(of: file),
                let expected = JSONText(String(decoding: json, as: UTF8.self))
            else { return nil }
            return Capture(name: name, bytes: bytes, expected: expected)
        }
    }()

    @Test func readsTheRecordings() throws {
        var values = 0
        for capture in Self.captures {
            let found = decoded(capture.bytes, by: P1Decoder())
            #expect(decoded(capture.bytes, by: AutoDecoder()) == found, "\(capture.name)")
            if capture.isDamaged {
                #expect(found == [.noise(.wrongCheck)], "\(capture.name)")
                continue
            }
            #expect(found.count == 1, "\(capture.name) \(found.noise)")
            let readout = try #require(found.readouts.first, "\(capture.name)")
            #expect(readout.isChecked == (capture.expected["crc_ok"] == .bool(true)))
            guard case .object(let sets)? = capture.expected["values"] else { continue }
            for (name, code) in Self.names {
                guard let pair = sets[name]?.elements.first?.elements, let text = pair.first?.string else { continue }
                let found = readout.registers.filter { $0.code.description == code }.map(\.value)
                #expect(found.count == 1, "\(capture.name) \(name)")
                #expect(found.allSatisfy { isSame($0, text, pair.last?.string) }, "\(capture.name) \(name) \(found)")
                values += 1
            }
            for (code, text) in Self.special[capture.name] ?? [:] {
                let found = readout.registers.filter { $0.code.description == code }.map(\.value)
                #expect(found.count == 1 && found.allSatisfy { isSame($0, text, nil) }, "\(capture.name) \(code) \(found)")
                values += 1
            }
        }
        guard !Self.captures.isEmpty else { return }
        print("P1 captures: \(Self.captures.count) files, \(values) values compared")
        #expect(Self.captures.count >= 8 && values >= 90)
    }

    /// The other decoder can't read this telegram, whose energy is in Wh.
    @Test func readsTheTelegramInWattHours() {
        guard let bytes = CaptureFiles("p1")?.bytes(of: "dsmrparser_SAGEMCOM_T210_D_R.txt") else { return }
        let registers = decoded(bytes, by: AutoDecoder()).readouts.first?.registers ?? []
        #expect(registers.count == 18 && registers.contains(Register(OBISCode(1, 8, 0), .number(Quantity(6_545_766), .wattHours))))
    }

    @Test func readsThemInPiecesAndAmongGarbage() {
        var random = SplitMix(state: 1)
        for capture in Self.captures {
            let whole = decoded(capture.bytes, by: P1Decoder())
            #expect(decoded(capture.bytes, in: 1, by: P1Decoder()) == whole)
            #expect(decoded(capture.bytes, in: 1, by: AutoDecoder()) == whole)
            for cut in (0..<100).map({ _ in Int.random(in: 0...capture.bytes.count, using: &random) }) {
                #expect(decoded(capture.bytes, cutAt: cut, by: P1Decoder()) == whole, "\(capture.name) cut at \(cut)")
            }
            for _ in 0..<20 {
                var around: [UInt8] = []
                for piece in [capture.bytes, [0x0D, 0x0A] + capture.bytes, []] {
                    for _ in 0..<Int.random(in: 0...40, using: &random) { around.append(UInt8.random(in: 0...255, using: &random)) }
                    around += piece
                }
                #expect(decoded(around, by: P1Decoder()).readouts == whole.readouts + whole.readouts, "\(capture.name)")
                #expect(decoded(around, by: AutoDecoder()).readouts == whole.readouts + whole.readouts, "\(capture.name)")
            }
        }
    }

    private func isSame(_ value: RegisterValue, _ text: String, _ unit: String?) -> Bool {
        switch value {
        case .text(let own): own == text || Quantity(own) == Quantity(text)
        case .number(let number, let own): number == Quantity(text) && (unit == nil || unit == own?.rawValue)
        }
    }
}
