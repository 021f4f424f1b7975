import MeterProtocols
import Metering
import Testing
import VirtualMeters

/// The valid forms of each element of an SML list, and the decoded results.
@Suite struct SMLValueTests {
    private static let number: [UInt8] = [0x65, 0x00, 0x00, 0x00, 0x2A]
    private static let power: [UInt8] = [0x77, 0x07, 1, 0, 16, 7, 0, 255, 0x01, 0x01, 0x62, 27, 0x52, 0, 0x53, 0x04, 0xD2, 0x01]

    /// The decoded registers of a list with these entries followed by power, as text.
    private func shown(_ entries: [[UInt8]], server: [UInt8] = [], parts: [[UInt8]]? = nil) -> [String] {
        let lists = RawSML.list(entries + [Self.power])
        let content =
            parts ?? [RawSML.missing, RawSML.octets(server), RawSML.missing, RawSML.missing, lists, RawSML.missing, RawSML.missing]
        return scanned(SMLEncoder().framed(RawSML.message(0x07, RawSML.list(content))), by: SMLDecoder())
    }

    private func entry(
        _ value: [UInt8], code: OBISCode = OBISCode(1, 8, 0), status: [UInt8] = [0x01], time: [UInt8] = [0x01], unit: [UInt8] = [0x62, 30],
        scaler: [UInt8] = [0x52, 0]
    ) -> [UInt8] {
        RawSML.list([RawSML.octets([code.a, code.b, code.c, code.d, code.e, code.f]), status, time, unit, scaler, value, RawSML.missing])
    }

    private let rest = "1-0:16.7.0*255=1234W"

    /// Seconds, seconds with a choice tag, local time with two offsets, and the latter with a choice tag: the elements after the time are read.
    @Test(
        arguments: [
            ([0x65, 0, 0, 0, 5], "5Wh"), ([0x72, 0x62, 0x01, 0x65, 0, 0, 0, 5], "5Wh"),
            ([0x73, 0x65, 0, 0, 0, 5, 0x53, 0, 60, 0x53, 0, 0], "5Wh"),
            ([0x72, 0x62, 0x03, 0x73, 0x65, 0, 0, 0, 5, 0x53, 0, 60, 0x53, 0, 0], "5Wh"),
            ([0x72, 0x62, 0x03, 0x72, 0x62, 0x01, 0x65, 0, 0, 0, 5], "5Wh"),
            ([0x74, 0x62, 1, 0x62, 2, 0x62, 3, 0x62, 4], nil), ([0x71, 0x62, 1], nil), ([0x70], nil),
            ([0x72, 0x62, 0x03, 0x74, 0x62, 1, 0x62, 2, 0x62, 3, 0x62, 4], nil), ([0x01], nil), ([0x42, 0x01], "1"),
            ([0x42, 0x00], "0"),
            ([0x43, 0x01, 0x02], "258Wh"), ([0x03, 0x41, 0x42], "t:AB"), ([0x04, 0x41, 0x1F, 0x42], "t:411f42"),
            ([0x03, 0x7E, 0x20], "t:~"),
            ([0x03, 0x7F, 0x20], "t:7f20"), ([0x03, 0xA0, 0x9B], "t:a09b"),
            ([0x69, 0x7F, 255, 255, 255, 255, 255, 255, 255], "9223372036854775807Wh"),
            ([0x69, 0x80, 0, 0, 0, 0, 0, 0, 0], "t:9223372036854775808"), ([0x59, 0x80, 0, 0, 0, 0, 0, 0, 0], "-9223372036854775808Wh"),
        ] as [([UInt8], String?)])
    func values(_ value: [UInt8], _ expected: String?) {
        let first = expected.map { "1-0:1.8.0*255=\($0) " } ?? ""
        #expect(shown([entry(value)]) == ["-:" + first + rest])
    }

    /// A number has one to eight bytes.
    @Test(
        arguments: [
            [0x6A, 0, 0, 0, 0, 0, 0, 0, 0, 5], [0x5A, 0, 0, 0, 0, 0, 0, 0, 0, 5], [0x61], [0x51], [0x12, 0], [0x22, 0], [0x32, 0], [0x60],
            [0x00],
            [0x80, 0x01], [0x7F], [0x6F, 1],
        ] as [[UInt8]])
    func noValues(_ value: [UInt8]) { #expect(shown([entry(value)]) == ["!a telegram with a valid checksum is malformed"]) }

    /// Longer headers have four more bits of length per byte, up to four bytes.
    @Test(
        arguments: [
            ([0x80, 0x04, 0x41, 0x42], true), ([0x80, 0x80, 0x05, 0x41, 0x42], true), ([0x80, 0x80, 0x80, 0x06, 0x41, 0x42], true),
            ([0x80, 0x80, 0x80, 0x80, 0x07, 0x41, 0x42], false),
        ] as [([UInt8], Bool)])
    func longHeaders(_ value: [UInt8], _ isRead: Bool) {
        #expect((shown([entry(value)]) == ["-:1-0:1.8.0*255=t:AB " + rest]) == isRead)
    }

    /// Status, unit and scaler may be missing or have another number type, but nothing else.
    @Test func whatStandsBeforeTheValue() {
        let good = ["-:1-0:1.8.0*255=42Wh " + rest]
        for status in [[0x01], [0x62, 1], [0x63, 1, 2], [0x52, 1], [0x52, 0]] as [[UInt8]] {
            #expect(shown([entry(Self.number, status: status)]) == good)
        }
        for unit in [[0x62, 30], [0x52, 30], [0x01], [0x62, 0], [0x62, 255]] as [[UInt8]] {
            #expect(shown([entry(Self.number, unit: unit)]) == good)
        }
        for scaler in [[0x52, 0], [0x62, 0], [0x01]] as [[UInt8]] { #expect(shown([entry(Self.number, scaler: scaler)]) == good) }
        for time in [[0x01], [0x65, 0, 0, 0, 1], [0x72, 0x62, 1, 0x65, 0, 0, 0, 1], [0x73, 0x71, 0x01, 0x01, 0x72, 0x01, 0x01]] as [[UInt8]]
        {
            #expect(shown([entry(Self.number, time: time)]) == good)
        }
        let broken = ["!a telegram with a valid checksum is malformed"]
        for wrong in [[0x02, 0x41], [0x52, 0xFF], [0x71, 0x01]] as [[UInt8]] {
            #expect(shown([entry(Self.number, status: wrong)]) == broken && shown([entry(Self.number, unit: wrong)]) == broken)
        }
        for wrong in [[0x02, 0x41], [0x62, 128], [0x71, 0x01]] as [[UInt8]] {
            #expect(shown([entry(Self.number, scaler: wrong)]) == broken)
        }
    }

    @Test(
        arguments: [(-13, nil), (-12, "0.000000000042Wh"), (-1, "4.2Wh"), (9, "42000000000Wh"), (10, nil), (127, nil)] as [(Int8, String?)])
    func scalers(_ scaler: Int8, _ expected: String?) {
        let first = expected.map { "1-0:1.8.0*255=\($0) " } ?? ""
        #expect(shown([entry(Self.number, scaler: [0x52, UInt8(bitPattern: scaler)])]) == ["-:" + first + rest])
        if scaler > 0 { #expect(shown([entry(Self.number, scaler: [0x62, UInt8(scaler)])]) == ["-:" + first + rest]) }
    }

    /// Every supported DLMS unit.
    @Test func units() {
        let names = [
            5: "h", 6: "min", 7: "s", 8: "°", 9: "°C", 13: "m³", 14: "m³", 15: "m³/h", 16: "m³/h", 19: "L", 27: "W", 28: "VA", 29: "var",
            30: "Wh", 31: "VAh", 32: "varh", 33: "A", 35: "V", 44: "Hz", 56: "%", 0: "", 255: "",
        ]
        for code in 0...255 {
            let found = shown([entry(Self.number, code: OBISCode(96, 5, 0), unit: [0x62, UInt8(code)])])
            let value = names[code].map { "42" + $0 } ?? "t:42"
            #expect(found == ["-:1-0:96.5.0*255=\(value) " + rest], "\(code)")
        }
    }

    /// Without a unit the register's usual one is assumed.
    @Test(
        arguments: [
            (1, "Wh"), (2, "Wh"), (3, "varh"), (4, "varh"), (5, "varh"), (8, "varh"), (9, "VAh"), (10, "VAh"), (11, ""), (14, ""),
            (15, "Wh"), (16, "Wh"),
            (17, ""), (20, ""), (21, "Wh"), (22, "Wh"), (36, "Wh"), (61, "Wh"), (70, "VAh"), (76, "Wh"), (80, ""), (81, ""), (82, ""),
            (101, ""), (0, ""),
        ] as [(UInt8, String)])
    func usualUnits(_ c: UInt8, _ unit: String) {
        #expect(shown([entry(Self.number, code: OBISCode(c, 8, 0), unit: [0x01])]) == ["-:1-0:\(c).8.0*255=42\(unit) " + rest])
        #expect(shown([entry(Self.number, code: OBISCode(c, 7, 1), unit: [0x01])]) == ["-:1-0:\(c).7.1*255=42 " + rest])
        #expect(shown([entry(Self.number, code: OBISCode(0, 0, c, 8, 0, 255), unit: [0x01])]) == ["-:0-0:\(c).8.0*255=42 " + rest])
    }

    /// Only four 1b followed by four 01 begin a frame, not similar bytes, at any offset.
    @Test func whatBeginsAFrame() {
        for pattern in 0..<256 where pattern != 255 {
            var garbage: [UInt8] = (0..<4).map { pattern >> $0 & 1 == 1 ? 0x1B : 0x00 }
            garbage += (4..<8).map { pattern >> $0 & 1 == 1 ? 0x01 : 0x00 }
            for shift in 0..<4 {
                let bytes = [UInt8](repeating: 0x02, count: shift) + garbage + smlTelegram()
                if scanned(bytes, by: SMLDecoder()) != [smlShown] { Issue.record("\(garbage) after \(shift)") }
            }
        }
    }

    /// Unsupported entries are skipped; a list may have any number of elements after the values.
    @Test func otherEntriesAndParts() {
        let odd = RawSML.list([RawSML.octets([1, 0, 1, 8, 0, 255]), [0x62, 1], [0x62, 2]])
        let shortName = RawSML.list([RawSML.octets([1, 0, 1, 8, 0]), [0x01], [0x01], [0x62, 30], [0x52, 0], Self.number, [0x01]])
        let noName = RawSML.list([[0x01], [0x01], [0x01], [0x62, 30], [0x52, 0], Self.number, [0x01]])
        let longName = RawSML.list([RawSML.octets([1, 0, 1, 8, 0, 255, 0]), [0x01], [0x01], [0x62, 30], [0x52, 0], Self.number, [0x01]])
        #expect(shown([odd, shortName, noName, longName]) == ["-:" + rest])
        #expect(shown([[0x62, 1]]) == ["!a telegram with a valid checksum is malformed"])
        let values = RawSML.list([Self.power])
        let start = [RawSML.missing, RawSML.missing, RawSML.missing, RawSML.missing, values]
        for behind in 0...3 {
            #expect(shown([], parts: start + [[UInt8]](repeating: RawSML.missing, count: behind)) == ["-:" + rest], "\(behind)")
        }
        #expect(shown([], parts: Array(start.dropLast())) == ["!a telegram with a valid checksum is malformed"])
    }

    /// The serial number as printed on the meter; the three letters, if present, are the manufacturer's.
    @Test(
        arguments: [
            ("0A0F49534B0F00BC614E", "ISK", "FISK0F12345678"), ("0A0149534B1000BC614E", "ISK", "1ISK1012345678"),
            ("0A1049534B0000BC614E", "ISK", "0a1049534b0000bc614e"), ("090149534BFF00BC614E", "ISK", "1ISKFF12345678"),
            ("0B0149534B0000BC614E", nil, "0b0149534b0000bc614e"), ("080149534B0000BC614E", nil, "080149534b0000bc614e"),
            ("0A01415A400000BC614E", nil, "0a01415a400000bc614e"), ("0A01415A5B0000BC614E", nil, "0a01415a5b0000bc614e"),
            ("0A01415A5A0000000000", "AZZ", "1AZZ0000000000"), ("0A01415A5A00FFFFFFFF", "AZZ", "1AZZ004294967295"),
            ("0649534B0100000000BC", "ISK", "0649534b0100000000bc"), ("0149534B", nil, "0149534b"), ("49534B", nil, "ISK"),
        ] as [(String, String?, String?)])
    func servers(_ hex: String, _ manufacturer: String?, _ serial: String?) {
        let digits = Array(hex)
        let server = stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...($0 + 1)]), radix: 16) }
        let entry = SMLEncoder.Entry(OBISCode(1, 8, 0), .unsigned(7, width: 4), unit: 30)
        guard case .readout(let readout)? = decoded(SMLEncoder().telegram(server: server, [entry]), by: SMLDecoder()).first else {
            Issue.record("not decoded")
            return
        }
        #expect(readout.manufacturer == manufacturer && readout.serial == serial)
    }

    /// The status of either total gives the direction; the first one that does counts.
    @Test(arguments: [
        (OBISCode(1, 8, 0), true), (OBISCode(2, 8, 0), true), (OBISCode(1, 8, 1), false), (OBISCode(3, 8, 0), false),
        (OBISCode(16, 7, 0), false),
        (OBISCode(1, 7, 0), false), (OBISCode(1, 0, 1, 8, 0, 254), false), (OBISCode(0, 0, 1, 8, 0, 255), false),
    ])
    func whoseStatusSaysTheDirection(_ code: OBISCode, _ isIt: Bool) {
        func direction(_ entries: [SMLEncoder.Entry]) -> Direction? {
            guard case .readout(let readout)? = decoded(SMLEncoder().telegram(server: [], entries), by: SMLDecoder()).first else {
                return nil
            }
            return readout.direction
        }
        let entry = SMLEncoder.Entry(code, .unsigned(7, width: 4), unit: 30, status: 0x1A2)
        #expect(direction([entry]) == (isIt ? .exporting : nil))
        let other = SMLEncoder.Entry(OBISCode(2, 8, 0), .unsigned(7, width: 4), unit: 30, status: 0x182)
        #expect(direction([entry, other]) == (isIt ? .exporting : .importing))
    }
}
