import MeterProtocols
import Metering
import Testing
import VirtualMeters

/// The registers that distinguish P1 from mode D, and the lines with more than one group.
@Suite struct P1CodesTests {
    private func source(_ line: String) -> MeterProtocol? {
        let telegram = P1Encoder.telegram("/XYZ5M", ["1-0:1.8.1(00012.345*kWh)", line], check: .none)
        return decoded(telegram, by: AutoDecoder()).compactMap { if case .readout(let readout) = $0 { readout.source } else { nil } }.first
    }

    /// Without a CRC: a code that only P1 has makes it P1; a code that only versions with a CRC have means it is corrupted.
    @Test(
        arguments: [
            ("0-0:96.14.0(0001)", .p1), ("0-1:24.4.0(1)", .p1), ("0-0:24.1.0(1)", .p1), ("0-2:24.1.0(003)", .p1),
            ("1-0:24.1.0(003)", .d0Push),
            ("0-0:96.14.1(0001)", .d0Push), ("0-0:96.13.0(0001)", .d0Push), ("0-1:96.14.0(1)", .d0Push), ("1-0:96.14.0(1)", .d0Push),
            ("0-0:97.14.0(1)", .d0Push), ("0-0:96.14.0*254(1)", .d0Push), ("0-1:23.4.0(1)", .d0Push), ("0-1:25.4.0(1)", .d0Push),
        ] as [(String, MeterProtocol)])
    func byOneRegister(_ line: String, _ expected: MeterProtocol) { #expect(source(line) == expected) }

    @Test(arguments: [
        ("1-3:0.2.8(50)", true), ("0-0:96.1.4(50217)", true), ("1-3:0.2.7(50)", false), ("1-3:0.2.9(50)", false), ("1-2:0.2.8(50)", false),
        ("1-4:0.2.8(50)", false), ("0-3:0.2.8(50)", false), ("1-3:1.2.8(50)", false), ("1-3:0.1.8(50)", false),
        ("1-3:0.2.8*254(50)", false),
        ("0-0:96.1.3(50217)", false), ("0-0:96.1.5(50217)", false), ("0-1:96.1.4(50217)", false), ("1-0:96.1.4(50217)", false),
        ("0-0:95.1.4(50217)", false), ("0-0:97.1.4(50217)", false), ("0-0:96.2.4(50217)", false), ("0-0:96.0.4(50217)", false),
        ("0-0:96.1.4*254(50217)", false),
    ])
    func whoSaysItsVersionHasACheck(_ line: String, _ hasCheck: Bool) {
        let telegram = P1Encoder.telegram("/XYZ5M", ["1-0:1.8.1(00012.345*kWh)", line], check: .none)
        let isDamaged = decoded(telegram, by: P1Decoder()) == [.noise(.wrongCheck)]
        #expect(isDamaged == hasCheck)
    }

    @Test(arguments: [
        ("1-0:98.1.0(1)(2*kW)(3)", "1-0:98.1.0*255=t:(1)(2*kW)(3)"), ("1-0:99.97.0(0)(1)", "1-0:99.97.0*255=t:(0)(1)"),
        ("1-0:97.97.0(0)(1)", "1-0:97.97.0*255=t:0"), ("1-0:100.1.0(0)(1)", "1-0:100.1.0*255=t:0"), ("1-0:98.1.0(7)", "1-0:98.1.0*255=t:7"),
        ("0-1:24.2.1(200512134558S)(00112.384*m3)", "0-1:24.2.1*255=112.384m³"),
        ("0-1:24.2.1(200512134558W)(00112.384*m3)", "0-1:24.2.1*255=112.384m³"),
        ("0-1:24.2.1(099999999990W)(00112.384*m3)", "0-1:24.2.1*255=112.384m³"),
        // Invalid timestamps.
        ("0-0:96.9.0(200512134558X)(5)", "0-0:96.9.0*255=t:200512134558X"),
        ("0-0:96.9.0(20051213455S)(5)", "0-0:96.9.0*255=t:20051213455S"),
        ("0-0:96.9.0(2005121345580S)(5)", "0-0:96.9.0*255=t:2005121345580S"),
        ("0-0:96.9.0(20051213455/S)(5)", "0-0:96.9.0*255=t:20051213455/S"),
        ("0-0:96.9.0(20051213455:S)(5)", "0-0:96.9.0*255=t:20051213455:S"),
        ("0-0:96.9.0(200512134558*S)(5)", "0-0:96.9.0*255=200512134558s"),
        ("0-0:96.9.0(200512134558S)(5)", "0-0:96.9.0*255=t:5"),
        // A later group contains the register's code; there are six or seven groups.
        ("0-1:24.3.0(120517020000)(08)(60)(1)(0-1:24.2.1)(m3)\r\n(00124.477)", "0-1:24.2.1*255=124.477m³"),
        ("0-2:24.3.0(120517020000)(08)(60)(1)(0-2:24.2.1)(GJ)(124.477)", "0-2:24.2.1*255=124.477GJ"),
        // Too few groups, or a different register's: no code is taken from them.
        ("0-1:24.3.0(12)(08)(60)(1)(0-1:24.2.1)", "0-1:24.3.0*255=t:12"),
        ("0-1:24.2.0(12)(08)(60)(1)(0-1:24.2.1)(m3)", "0-1:24.2.0*255=t:12"),
        ("0-1:24.4.0(12)(08)(60)(1)(0-1:24.2.1)(m3)", "0-1:24.4.0*255=t:12"),
        ("0-1:23.3.0(12)(08)(60)(1)(0-1:24.2.1)(m3)", "0-1:23.3.0*255=t:12"),
        ("0-1:25.3.0(12)(08)(60)(1)(0-1:24.2.1)(m3)(5)", "0-1:25.3.0*255=t:12"), ("0-1:24.3.0(12)", "0-1:24.3.0*255=t:12"),
        ("0-1:24.3.0(12)(08)(60)(1)(x)(m3)", "0-1:24.3.0*255=t:12"),
    ])
    func linesOfSeveralGroups(_ line: String, _ expected: String) {
        #expect(scanned(P1Encoder.telegram("/XYZ5M", [line]), by: P1Decoder()) == ["XYZ:" + expected])
    }

    @Test(arguments: [
        "0-1:24.3.0(120517020000)(08)(60)(1)(0-1:24.2.1)(m3)(1)(2)", "(00124.477)",
        "0-1:24.3.0(120517020000)(08)(60)(1)(0-1:24.2.1)(m3)\r\n(1)(2)",
        "0-1:24.3.0(120517020000)(08)(60)(1)(0-1:24.2.1)(m3)\r\n1-0:2.8.0(1*kWh)\r\n(5)", "0-0:96.1.9(1)0-0:96.1.8(2)",
    ])
    func linesThatMakeNoSense(_ line: String) {
        let found = scanned(P1Encoder.telegram("/XYZ5M", ["1-0:1.8.0(1*kWh)", line]), by: P1Decoder())
        #expect(found.count == 2 && found.last == "!a line is not a data line", "\(found)")
    }

    /// A message to the consumer has at most 1024 characters, 2048 in hex.
    @Test func theLongestMessage() {
        for (count, isGood) in [(2048, true), (2049, false)] {
            let line = "0-0:96.13.0(\(String(repeating: "4", count: count)))"
            let found = scanned(P1Encoder.telegram("/XYZ5M", ["1-0:1.8.0(1*kWh)", line]), by: P1Decoder())
            #expect((found.count == 1) == isGood, "\(count)")
        }
    }

    /// Every hex digit, lower and upper case, in every position of the CRC; no other character.
    @Test func theCheckInHex() {
        var seen: Set<String> = []
        for number in 0..<1500 {
            let telegram = P1Encoder.telegram("/XYZ5M", ["1-0:1.8.1(\(number)*kWh)"])
            let digits = String(decoding: telegram.suffix(6).prefix(4), as: UTF8.self)
            for (place, digit) in digits.enumerated() { seen.insert("\(place)\(digit)") }
            let small = telegram.dropLast(6) + Array(digits.lowercased().utf8) + telegram.suffix(2)
            for bytes in [telegram, Array(small)] {
                #expect(scanned(bytes, by: P1Decoder()) == ["XYZ:1-0:1.8.1*255=\(number)kWh"], "\(digits)")
            }
        }
        #expect(seen.count == 64)
        let telegram = P1Encoder.telegram("/XYZ5M", ["1-0:1.8.1(1*kWh)"])
        for wrong in ["/", ":", "@", "G", "`", "g", " "] {
            let bytes = telegram.dropLast(6) + Array("00\(wrong)0\r\n".utf8)
            #expect(!scanned(Array(bytes), by: P1Decoder()).contains { $0.first != "!" })
        }
    }

    @Test func whoseTelegramItIs() {
        func serial(_ line: String) -> String? {
            let found = decoded(P1Encoder.telegram("/XYZ5M", ["1-0:1.8.0(1*kWh)", line]), by: P1Decoder())
            return found.compactMap { if case .readout(let readout) = $0 { readout.serial } else { nil } }.first
        }
        #expect(serial("0-0:96.1.1(4B31)") == "K1" && serial("0-0:96.1.1(K1)") == "K1" && serial("0-0:96.1.1(4B3)") == "4B3")
        #expect(serial("0-0:96.1.1(4B20)") == "4B20" && serial("0-0:96.1.1(4B21)") == "K!" && serial("0-0:96.1.1(4B7E)") == "K~")
        #expect(serial("0-0:96.1.1(4B7F)") == "4B7F")
        for other in ["0-0:96.1.0(4B31)", "0-0:96.1.2(4B31)", "0-1:96.1.1(4B31)", "1-0:96.1.1(4B31)", "0-0:96.1.1*254(4B31)"] {
            #expect(serial(other) == nil, "\(other)")
        }
    }
}
