import Metering
import Testing

@testable import MeterProtocols

private let start = Instant(nanoseconds: 1_000_000_000)

@Suite struct UncheckedReadoutsTests {
    private func readout(
        _ total: Int64, unit: Metering.Unit = .kilowattHours, power: Int64 = 5, model: String = "a", manufacturer: String = "ABC",
        serial: String = "11111111", isChecked: Bool = false, others: Int = 0
    ) -> Readout {
        var registers = [
            Register(OBISCode(96, 1, 0), .text(serial)), Register(OBISCode(1, 8, 0), .number(Quantity(total), unit)),
            Register(OBISCode(16, 7, 0), .number(Quantity(power), .watts)),
        ]
        for index in 0..<others { registers.append(Register(OBISCode(32, 7, UInt8(index)), .number(Quantity(230), .volts))) }
        var readout = Readout(registers, manufacturer: manufacturer, model: model, at: start)
        readout.isChecked = isChecked
        return readout
    }

    private func word(_ verdict: UncheckedReadouts.Verdict) -> String {
        switch verdict {
        case .wait: "wait"
        case .refuse: "refuse"
        case .deliver(let readout):
            if case .number(let total, _)? = readout[OBISCode(1, 8, 0)] { "\(total)" } else { "?" }
        }
    }

    @Test func aChecksumIsEnough() {
        var unchecked = UncheckedReadouts()
        #expect(word(unchecked.admit(readout(7, isChecked: true))) == "7")
        #expect(word(unchecked.admit(readout(7))) == "wait", "and is no measure for others")
    }

    /// Two consecutive corrupted telegrams don't cost the intact one before them.
    @Test func keepsTheIntactOneBeforeCorruptedOnes() {
        var unchecked = UncheckedReadouts()
        let words = [readout(1), readout(2), readout(3), readout(4, serial: "1"), readout(4, serial: "2"), readout(6), readout(7)]
            .map { word(unchecked.admit($0)) }
        #expect(words == ["wait", "wait", "2", "refuse", "refuse", "3", "6"])
    }

    /// Incoming totals and the result for each.
    private static let trains: [(totals: [Int64], words: [String])] = [
        ([1, 2, 3, 4], ["wait", "wait", "2", "3"]), ([5, 5, 5, 5], ["wait", "wait", "5", "5"]),
        // A total that is too high is detected by the next one, one that is too low by the previous one.
        ([1, 2, 3, 90, 4, 5], ["wait", "wait", "2", "3", "refuse", "4"]), ([5, 6, 7, 1, 8, 9], ["wait", "wait", "6", "refuse", "7", "8"]),
        // The first one was too high.
        ([90, 1, 2, 3, 4], ["wait", "refuse", "wait", "2", "3"]),
        // Another meter: five readouts are refused, then its totals are accepted.
        (
            [10, 11, 12, 1, 2, 3, 4, 5, 6, 7, 8],
            ["wait", "wait", "11", "refuse", "refuse", "refuse", "refuse", "refuse", "wait", "6", "7"]
        ),
        // Four are not enough.
        ([10, 11, 12, 1, 2, 3, 12, 13, 14], ["wait", "wait", "11", "refuse", "refuse", "refuse", "12", "12", "13"]),
    ]

    @Test(arguments: trains) func totalsBetweenTheirNeighbours(_ totals: [Int64], _ words: [String]) {
        var unchecked = UncheckedReadouts()
        #expect(totals.map { word(unchecked.admit(readout($0))) } == words)
    }

    /// Differences in the third of three readouts that make it another meter's, or corrupted.
    @Test func theSameMeter() {
        let cases: [(Readout, fits: Bool)] = [
            (readout(3), true), (readout(2), true), (readout(1), false), (readout(3, power: 1), true), (readout(3, power: 9), true),
            (readout(3, model: "b"), false), (readout(3, manufacturer: "ABD"), false), (readout(3, serial: "11111112"), false),
            (readout(3, unit: .wattHours), false), (readout(3, others: 1), false),
        ]
        for (index, (third, fits)) in cases.enumerated() {
            var unchecked = UncheckedReadouts()
            #expect(word(unchecked.admit(readout(1))) == "wait" && word(unchecked.admit(readout(2))) == "wait")
            #expect(word(unchecked.admit(third)) == (fits ? "2" : "refuse"), "\(index)")
        }
        var (textual, renamed) = (readout(3), readout(3))
        textual.registers[1].value = .text("3")
        renamed.registers[2].code = OBISCode(1, 7, 0)
        for third in [textual, renamed] {
            var unchecked = UncheckedReadouts()
            _ = (unchecked.admit(readout(1)), unchecked.admit(readout(2)))
            #expect(word(unchecked.admit(third)) == "refuse")
        }
    }

    // MARK: Shapes of lines

    /// A telegram with a sign and a width of the power that vary; with `hasParity`, as it is received in 8N1.
    private func telegram(_ power: String, total: String = "000100.5", model: String = "D0-0001", hasParity: Bool) -> Readout? {
        let text = Array("/VRT5\(model)\r\n\r\n1-0:1.8.0*255(\(total)*kWh)\r\n1-0:16.7.0*255(\(power)*W)\r\n!\r\n".utf8)
        var decoder = IECDecoder()
        guard case .readout(let readout)? = decoder.push(hasParity ? withParity(text) : text, at: start).first else { return nil }
        return readout
    }

    /// The powers that are delivered, one word per telegram: `wait`, `refuse`, the power, or `-` for a readout without it.
    private func powers(_ powers: [String], hasParity: Bool) throws -> [String] {
        var unchecked = UncheckedReadouts()
        var delivered = 0
        return try powers.map { power in
            switch unchecked.admit(try #require(telegram(power, hasParity: hasParity))) {
            case .wait: return "wait"
            case .refuse: return "refuse"
            case .deliver(let readout):
                delivered += 1
                // The first totals have to be confirmed.
                #expect(readout.isChecked == (hasParity && delivered > 2) && readout[OBISCode(1, 8, 0)] != nil)
                if case .number(let number, _)? = readout[OBISCode(16, 7, 0)] { return number.description }
                return "-"
            }
        }
    }

    /// With parity the second telegram and all later ones are delivered at once, without the power where its line looks different: a lost
    /// digit, unit or sign. After three telegrams the new shape is the usual one.
    @Test(arguments: [
        (["36000", "36001", "36002", "3603", "36004"], ["wait", "36001", "36002", "-", "36004"]),
        (["36000", "36001", "3602", "3603", "36004"], ["wait", "36001", "-", "-", "36004"]),
        (["00120", "00110", "-0010", "-0020", "-0030", "-0040"], ["wait", "110", "-", "-", "-30", "-40"]),
        (["0012.0", "0011.0", "00110", "0010.5"], ["wait", "11.0", "-", "10.5"]),
        (["120", "1300", "140", "1500", "160", "170"], ["wait", "-", "-", "-", "-", "170"]),
    ])
    func withParityAtOnce(_ received: [String], _ delivered: [String]) throws {
        #expect(try powers(received, hasParity: true) == delivered)
    }

    /// Without parity everything comes a telegram later, and a value that one flipped bit could have made of its neighbours is left out.
    @Test(arguments: [
        (["36000", "36001", "36002", "3603", "36004", "36005"], ["wait", "wait", "36001", "36002", "-", "36004"]),
        (["00120", "00121", "10123", "00124", "00126"], ["wait", "wait", "121", "-", "124"]),
        (["00120", "00121", "00600", "00124", "00126"], ["wait", "wait", "121", "600", "124"]),
        (["00120", "00121", "02000", "02001", "02002"], ["wait", "wait", "121", "2000", "2001"]),
        (["-0120", "-0121", "-4123", "-0124", "-0125"], ["wait", "wait", "-121", "-", "-124"]),
        (["00120", "00121", "00020", "00124", "00125"], ["wait", "wait", "121", "-", "124"]),
        (["00003", "00003", "00000", "00002", "00001"], ["wait", "wait", "3", "-", "2"]),
    ])
    func withoutParityAfterTheNext(_ received: [String], _ delivered: [String]) throws {
        #expect(try powers(received, hasParity: false) == delivered)
    }

    /// While 2.7.0 waits, 1.7.0 must not be taken for all of the power. A register that has nothing to do with it does not hold it up.
    @Test(arguments: [
        ("2.7.0(000.20*kW)", ["1.8.0", "32.7.0"], false), ("2.7.0(0001.0*kW)", ["1.8.0", "32.7.0"], false),
        ("1.8.0(00123.4*kWh)", ["32.7.0"], false), ("32.7.0(30*V)", ["1.8.0", "1.7.0", "2.7.0"], true),
        ("", ["1.8.0", "1.7.0", "2.7.0", "32.7.0"], true),
    ])
    func powerWaitsAsAWhole(_ corrupted: String, _ delivered: [String], _ isWhole: Bool) throws {
        let lines = ["1.8.0(000123.4*kWh)", "1.7.0(0000.00*kW)", "2.7.0(0003.20*kW)", "32.7.0(230*V)"]
        var unchecked = UncheckedReadouts()
        for _ in 0..<2 { _ = unchecked.admit(try readout(lines)) }
        let third = lines.map { line in line.prefix { $0 != "(" } == corrupted.prefix { $0 != "(" } ? corrupted : line }
        guard case .deliver(let found) = unchecked.admit(try readout(third)) else { throw NoReadout() }
        #expect(found.registers.map(\.code.short) == delivered && found.isWhole == isWhole)
    }

    private struct NoReadout: Error {}

    private func readout(_ lines: [String]) throws -> Readout {
        var decoder = IECDecoder()
        let text = "/VRT5D0-0001\r\n\r\n" + lines.map { $0 + "\r\n" }.joined() + "!\r\n"
        guard case .readout(let readout)? = decoder.push(withParity(Array(text.utf8)), at: start).first else { throw NoReadout() }
        return readout
    }

    /// A lost character may turn a line into one that is known: 21.7.255 into 1.7.255, which would hide the meter's own.
    @Test(arguments: ["1.7.255(000200.13*W)", "27.255(000200.13*W)", "21.7255(000200.13*W)"])
    func aLostCharacterOfACodeIsRefused(_ corrupted: String) throws {
        let lines = ["21.7.255(000200.13*W)", "41.7.255(000100.13*W)", "1.7.255(000410.59*W)"]
        var unchecked = UncheckedReadouts()
        for _ in 0..<2 { _ = unchecked.admit(try readout(lines)) }
        let third = try? readout([corrupted] + lines.dropFirst())
        if let third { #expect(word(unchecked.admit(third)) == "refuse") }
        let fourth = word(unchecked.admit(try readout(lines)))
        #expect(fourth == "?", "delivered, without a total")
    }

    /// As many lines as a telegram can have.
    @Test func readsALongTelegram() throws {
        let lines = (0..<800).map { "0-0:96.\($0 / 200 + 7).\($0 % 200)(1)" }
        var unchecked = UncheckedReadouts()
        let counts = try (0..<4).map { _ in
            if case .deliver(let readout) = unchecked.admit(try readout(lines)) { readout.registers.count } else { 0 }
        }
        #expect(counts == [0, 800, 800, 800])
    }

    /// Of two lines with the same code, the first one counts.
    @Test func aCodeMayOccurTwice() throws {
        var unchecked = UncheckedReadouts()
        var twice = try readout(["1.8.0(000123.4*kWh)", "16.7.0(0000.00*kW)"])
        twice.registers.append(twice.registers[1])
        twice.shapes.append(7)
        let words = (0..<3).map { _ in
            if case .deliver(let readout) = unchecked.admit(twice) { "\(readout.registers.count)" } else { "wait" }
        }
        #expect(words == ["wait", "3", "3"])
    }

    /// A lost character of the identification would be another meter.
    @Test func anotherIdentificationIsRefusedUntilItIsUsual() throws {
        var unchecked = UncheckedReadouts()
        let words = try ["D0-0001", "D0-0001", "D0-001", "D0-0001", "D0-0002", "E0-0001", "E0-001", "E0-001", "E0-001"].map { model in
            word(unchecked.admit(try #require(telegram("1", total: "7", model: model, hasParity: true))))
        }
        #expect(words == ["wait", "7", "refuse", "7", "refuse", "refuse", "refuse", "refuse", "7"])
    }

    /// Corrupted codes don't fill the memory: when there are too many, all lines are forgotten.
    @Test(arguments: [(2046, "1"), (2047, "-")]) func forgetsLinesWhenThereAreTooMany(_ others: Int, _ expected: String) throws {
        var unchecked = UncheckedReadouts()
        func power() throws -> String {
            guard case .deliver(let readout) = unchecked.admit(try #require(telegram("1", hasParity: true))) else { return "wait" }
            guard case .number(let number, _)? = readout[OBISCode(16, 7, 0)] else { return "-" }
            return number.description
        }
        let before = [try power(), try power()]
        #expect(before == ["wait", "1"])
        for other in 0..<others {
            var readout = try #require(telegram("1", hasParity: true))
            readout.registers[1].code = OBISCode(0, 0, 96, UInt8(other / 250), UInt8(other % 250), 255)
            _ = unchecked.admit(readout)
        }
        let after = try power()
        #expect(after == expected)
    }
}
