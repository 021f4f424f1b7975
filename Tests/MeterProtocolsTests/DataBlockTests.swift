import MeterProtocols
import Metering
import Testing

@Suite struct DataBlockTests {
    @Test func readsAReadout() {
        let block = "C.1.0(12345678)\r\n1.8.0(0012345.678*kWh)\r\n2.8.0(0000000.000*kWh)\r\nF.F(0000000)\r\n!\r\n"
        let contents = DataBlock.parse(Array(block.utf8), strict: false)
        #expect(contents.badLines == 0)
        #expect(
            contents.registers == [
                Register(OBISCode(96, 1, 0), .text("12345678")),
                Register(OBISCode(1, 8, 0), .number(Quantity(12_345_678, exponent: -3), .kilowattHours)),
                Register(OBISCode(2, 8, 0), .number(Quantity(0, exponent: -3), .kilowattHours)),
                Register(OBISCode(97, 97, 0), .text("0000000")),
            ])
    }

    /// One line and the resulting registers: `code=value`, separated by blanks; `!` if the line is malformed.
    @Test(arguments: [
        // Several groups on a line (the first one counts), and several data sets.
        ("1.6.1(01.25*kW)(24-05-06,07:15)", "1-0:1.6.1*255=1.25kW"),
        ("1.8.1(1*kWh)1.8.2(2*kWh)", "1-0:1.8.1*255=1kWh 1-0:1.8.2*255=2kWh"),
        // Empty.
        ("1.8.0()", ""), ("C.1.1(        )", ""), ("1.8.0(*kWh)", ""), ("0.0(       4711)", "1-0:0.0.0*255=t:4711"),
        // Units: missing, empty, glued, spelled otherwise.
        ("1-0:1.8.1*255(001720.4800)", "1-0:1.8.1*255=1720.4800kWh"), ("1.8.0(000025.5*)", "1-0:1.8.0*255=25.5kWh"),
        ("3.8.0(1)", "1-0:3.8.0*255=1kvarh"), ("29.8.0(1)", "1-0:29.8.0*255=1kVAh"), ("22.8.0(1)", "1-0:22.8.0*255=1kWh"),
        ("82.8.1(0003)", "1-0:82.8.1*255=3"), ("1.7.0(00500)", "1-0:1.7.0*255=500"), ("13.7.0(0.98)", "1-0:13.7.0*255=0.98"),
        ("1.8.0(024562 kWh)", "1-0:1.8.0*255=24562kWh"), ("1.8.0(01936.631kWh)", "1-0:1.8.0*255=1936.631kWh"),
        ("1.8.0(1*KWH)", "1-0:1.8.0*255=1kWh"), ("3.7.0(1*kVAr)", "1-0:3.7.0*255=1kvar"), ("14.7.0(50.01*HZ)", "1-0:14.7.0*255=50.01Hz"),
        ("0-1:24.2.1(00124.477*m3)", "0-1:24.2.1*255=124.477m³"), ("7-0:3.0.0(12.5*m3)", "7-0:3.0.0*255=12.5m³"),
        ("6.8(12.3*GJ)", "1-0:6.8.0*255=12.3GJ"), ("6.8(12.3*Gcal)", "1-0:6.8.0*255=t:12.3*Gcal"),
        // Signs and commas.
        ("16.7.0(-000115.94*W)", "1-0:16.7.0*255=-115.94W"), ("21.7.0(+00115*W)", "1-0:21.7.0*255=115W"),
        ("1.6(000007,4*kW)", "1-0:1.6.0*255=7.4kW"),
        // Text and hex, by code.
        ("1-0:96.5.0*255(001C0104)", "1-0:96.5.0*255=t:001C0104"), ("0-0:96.8.0*255(00104443)", "0-0:96.8.0*255=t:00104443"),
        ("1-0:96.50.0*0(19)", "1-0:96.50.0*0=t:19"), ("FF(00000000)", "1-0:97.97.0*255=t:00000000"), ("F.F.1(02)", "1-0:97.97.1*255=t:02"),
        ("0.9.1(10:20:30)", "1-0:0.9.1*255=t:10:20:30"), ("0.2.2(:::::G11)", "1-0:0.2.2*255=t::::::G11"),
        ("C.7.0(0004)", "1-0:96.7.0*255=4"),
        ("L.1(a/b)", "1-0:98.1.0*255=t:a/b"), ("P.01(1)", "1-0:99.1.0*255=t:1"), ("C.71(02)", "1-0:96.71.0*255=t:02"),
        // Corrupted.
        ("1-0:1.8.0*250000.6400000*kWh)", "!"), ("1-0:40*W)", "!"), ("1-081.8.0*255(23,7*kWh)", "!"), ("1.8.0(1*kWh", "!"),
        ("1.7.0(00000000.010000000000.00*W)", "!"), ("1.8.0(1*kWh)x", "!"), ("1.8.0((1*kWh)", "!"), ("(1*kWh)", "!"), ("1.8.0", "!"),
        ("999.8.0(1*kWh)", "!"), ("1.8.0(1*kWh)*", "!"), ("1.8/0(1*kWh)", "!"), ("1-0:96.5,5*255(80)", "!"), ("1.8.0(12\u{7F}4*kWh)", "!"),
        ("1.8.0(-*kWh)", "!"), ("1.8.0(123456789012345678901*kWh)", "!"),
    ])
    func readsLines(_ line: String, _ expected: String) {
        let contents = DataBlock.parse(Array(line.utf8), strict: false)
        #expect((contents.registers.map(shown) + (contents.badLines > 0 ? ["!"] : [])).joined(separator: " ") == expected)
    }

    @Test(arguments: [
        "1.8.0(01x*kWh)", "1.8.0(1*kWj)", "1.7.0(000*0W)", "32.7.0(ERROR)", "1.8.0(1*kWh)\r\n(2)", "1.8.0(1*kWh)\r\n#.8.0(1*kWh)",
        "16.7.0(,001705*W)",
    ])
    func strictRejectsWhatCouldBeATurnedBit(_ lines: String) {
        #expect(DataBlock.parse(Array(lines.utf8), strict: true).badLines == 1)
    }

    @Test func strictTakesTextsAndUnknownUnitsOfConstants() {
        let block = "1-0:0.3.0*255(1000*imp/kWh)\r\n1-0:96.1.0*255(1XYZ0000000001)\r\n1-0:1.8.0*255()"
        let contents = DataBlock.parse(Array(block.utf8), strict: true)
        #expect(contents.badLines == 0)
        #expect(contents.registers.map(shown) == ["1-0:0.3.0*255=t:1000*imp/kWh", "1-0:96.1.0*255=t:1XYZ0000000001"])
    }

    @Test func historyIsNotTheCurrentValue() {
        let block = "1.8.0*02(00000.100)\r\n1.8.0&01(00000.200)\r\n1.8.0(3000*Wh)\r\n1.8.0*00(0)\r\n1.6.1(01.2*kW)(x)\r\n1.6.1*01(01.1)(y)"
        #expect(
            DataBlock.parse(Array(block.utf8), strict: false).registers.map(shown) == [
                "1-0:1.8.0*2=0.100Wh", "1-0:1.8.0*1=0.200Wh", "1-0:1.8.0*255=3000Wh", "1-0:1.8.0*0=0Wh", "1-0:1.6.1*255=1.2kW",
                "1-0:1.6.1*1=1.1kW",
            ])
    }

    @Test func slotZeroAloneIsCurrent() {
        let block = "1.8.0*00(007900.50)\r\n1.8.1*00(1)\r\n1.8.1*01(0)\r\n1-0:96.50.0*0(EE)"
        #expect(
            DataBlock.parse(Array(block.utf8), strict: false).registers.map(shown) == [
                "1-0:1.8.0*255=7900.50kWh", "1-0:1.8.1*0=1kWh", "1-0:1.8.1*1=0kWh", "1-0:96.50.0*0=t:EE",
            ])
    }

    @Test func theFirstOfTwoCounts() {
        let block = "32.7.0(230.1*V)\r\n52.7.0()\r\n32.7.0(0002)(00-01-01 00:00)\r\n52.7.0(0002)"
        #expect(DataBlock.parse(Array(block.utf8), strict: false).registers.map(shown) == ["1-0:32.7.0*255=230.1V"])
    }

    @Test(arguments: [
        "1.8.0(1*kWh)\r\n!\r\n2.8.0(2*kWh)", "1.8.0(1*kWh)!\r\n2.8.0(2*kWh)", "1.8.0(1*kWh)\r\n\u{3}2.8.0(2*kWh)", "1.8.0(1*kWh)!",
        "\r\n1.8.0(1*kWh)", "1.8.0(1*kWh)\n\n", "1.8.0(1*kWh)\r\n\u{4}",
    ])
    func endsWhereTheBlockEnds(_ block: String) {
        let contents = DataBlock.parse(Array(block.utf8), strict: true)
        #expect(contents.registers.map(shown) == ["1-0:1.8.0*255=1kWh"] && contents.badLines == 0)
    }

    @Test(arguments: [
        ("(0012345.678*kWh)", "1-0:1.8.0*255=12345.678kWh"), ("(0012345.678)", "1-0:1.8.0*255=12345.678kWh"),
        ("1.8.0(1*kWh)", "1-0:1.8.0*255=1kWh"), ("1-0:1.8.0*255(1*kWh)\r\n", "1-0:1.8.0*255=1kWh"), ("1.8.0*00(1)", "1-0:1.8.0*255=1kWh"),
        ("(ERROR)", "refused ERROR"), ("(ERR3)", "refused ERR3"), ("(ER01)", "refused ER01"), ("()", "refused "),
        ("2.8.0(1*kWh)", "?"), ("", "?"), ("(1*kWh", "?"), ("(1)\r\n(2)", "?"), ("(1.2.3*kWh)", "?"), ("1.8.0", "?"),
    ])
    func readsAnswers(_ block: String, _ expected: String) {
        let found: String =
            switch DataBlock.answer(Array(block.utf8), to: OBISCode(1, 8, 0)) {
            case .register(let register): shown(register)
            case .refused(let text): "refused " + text
            case .unreadable: "?"
            }
        #expect(found == expected)
    }

    @Test func anAnswerMayBeText() {
        #expect(
            DataBlock.answer(Array("(12:34:56)".utf8), to: OBISCode(0, 9, 1)) == .register(Register(OBISCode(0, 9, 1), .text("12:34:56"))))
    }
}

/// `1-0:1.8.0*255=12.3kWh`, `1-0:96.1.0*255=t:4711`.
func shown(_ register: Register) -> String {
    switch register.value {
    case .number(let number, let unit): "\(register.code)=\(number)\(unit?.rawValue ?? "")"
    case .text(let text): "\(register.code)=t:\(text)"
    }
}
