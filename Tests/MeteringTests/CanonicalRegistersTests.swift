import Metering
import Testing

@Suite struct CanonicalRegistersTests {
    /// `16.7.0=-5W 1.8.0=3Wh`, parsed and formatted again.
    private func canonical(_ text: String, _ source: MeterProtocol = .sml, _ direction: Direction? = nil, isWhole: Bool = true) -> String {
        var readout = Readout(registers(text), isWhole: isWhole, at: Instant(nanoseconds: 0))
        readout.source = source
        readout.direction = direction
        return readout.canonicalRegisters.map { register in
            guard case .number(let number, let unit) = register.value else { return "?" }
            return "\(register.code.short)=\(number)\(unit?.rawValue ?? "")"
        }.joined(separator: " ")
    }

    private func registers(_ text: String) -> [Register] {
        text.split(separator: " ").compactMap { word in
            let parts = word.split(separator: "=")
            let digits = parts[1].prefix { $0.isNumber || $0 == "." || $0 == "-" }
            guard let code = OBISCode(String(parts[0])), let number = Quantity(String(digits)) else { return nil }
            return Register(code, .number(number, Unit(rawValue: String(parts[1].dropFirst(digits.count)))))
        }
    }

    @Test(arguments: [
        // Registers that are already canonical are kept; of two with the same code the first counts.
        ("1.8.0=5Wh 2.8.0=6Wh 16.7.0=-7W", "1.8.0=5Wh 2.8.0=6Wh 16.7.0=-7W"), ("32.7.0=1V 32.7.0=2V", "32.7.0=1V"),
        // Only tariffs.
        ("1.8.1=0.4kWh 1.8.2=10.25kWh", "1.8.1=0.4kWh 1.8.2=10.25kWh 1.8.0=10.65kWh"), ("2.8.1=1Wh", "2.8.1=1Wh 2.8.0=1Wh"),
        ("1.8.1=1Wh 1.8.2=1kWh", "1.8.1=1Wh 1.8.2=1kWh"), ("1.8.0=9Wh 1.8.1=1Wh", "1.8.0=9Wh 1.8.1=1Wh"),
        ("1.8.1*1=1Wh", "1.8.1*1=1Wh"), ("1.8.8=1Wh", "1.8.8=1Wh 1.8.0=1Wh"), ("1.8.9=1Wh", "1.8.9=1Wh"),
        // Power by phase, and power with a sign.
        ("21.7.0=-115.94W", "21.7.0=-115.94W 36.7.0=-115.94W"), ("21.7.0=0.1kW 22.7.0=0.25kW", "21.7.0=0.1kW 22.7.0=0.25kW 36.7.0=-0.15kW"),
        ("41.7.0=5W 42.7.0=2W", "41.7.0=5W 42.7.0=2W 56.7.0=3W"), ("22.7.0=5W", "22.7.0=5W"),
        ("61.7.255=5W 1.7.255=-6W", "61.7.0=5W 16.7.0=-6W 76.7.0=5W"), ("1.7.1=-5632.1916W", "16.7.0=-5632.1916W"),
        ("1.7.2=5W", "1.7.2=5W"), ("16.7.1=5W", "16.7.1=5W"), ("2.7.1=5W", "2.7.1=5W"), ("1.8.255=5Wh", "1.8.255=5Wh"),
        ("1.7.0=1W 1.7.1=2W", "16.7.0=1W"), ("1.7.254=5W", "1.7.254=5W"), ("0-0:1.7.255=5W", "0-0:1.7.255=5W"),
        ("1.7.0=1kW 2.7.0=0kW", "1.7.0=1kW 2.7.0=0kW"), ("1.7.0=1W 16.7.0=1W", "1.7.0=1W 16.7.0=1W"),
        // Power without a sign: its direction is only known if a single total exists.
        ("1.8.0=5Wh 15.7.0=3W", "1.8.0=5Wh 15.7.0=3W 16.7.0=3W"), ("2.8.0=5Wh 15.7.0=3W", "2.8.0=5Wh 15.7.0=3W 16.7.0=-3W"),
        ("1.8.0=5Wh 2.8.0=5Wh 15.7.0=3W", "1.8.0=5Wh 2.8.0=5Wh 15.7.0=3W"), ("15.7.0=3W", "15.7.0=3W"),
    ])
    func says(_ sent: String, _ expected: String) { #expect(canonical(sent) == expected) }

    /// An SML integer of eight bytes may be the minimum, which can't be negated.
    @Test func theLeastNumberIsNoTrap() {
        let least = RegisterValue.number(Quantity(.min), .watts)
        var readout = Readout(
            [Register(OBISCode(21, 7, 0), .number(Quantity(0), .watts)), Register(OBISCode(22, 7, 0), least)], at: Instant(nanoseconds: 0))
        readout.registers.append(Register(OBISCode(15, 7, 0), least))
        readout.source = .sml
        readout.direction = .exporting
        #expect(readout.canonicalRegisters.last == Register(OBISCode(16, 7, 0), .number(Quantity(.max), .watts)))
    }

    @Test func theStatusWordSaysTheDirection() {
        let sent = "1.8.0=5Wh 2.8.0=5Wh 15.7.0=3W"
        #expect(canonical(sent, .sml, .exporting) == sent + " 16.7.0=-3W")
        #expect(canonical(sent, .sml, .importing) == sent + " 16.7.0=3W")
        #expect(canonical("16.7.0=3W", .sml, .exporting) == "16.7.0=3W", "what has a sign of its own is believed")
    }

    @Test(
        arguments: [
            ("16.7.0=3W 36.7.0=3W", Direction.exporting, "16.7.0=-3W 36.7.0=3W"), ("16.7.0=-3W", .exporting, "16.7.0=-3W"),
            ("16.7.0=3W", .importing, "16.7.0=3W"), ("16.7.0=3W", nil, "16.7.0=3W"),
        ] as [(String, Direction?, String)])
    func theStatusWordDecidesWhereItIsToldTo(_ sent: String, _ direction: Direction?, _ expected: String) {
        var readout = Readout(registers(sent), at: Instant(nanoseconds: 0))
        readout.direction = direction
        #expect(readout.signedByStatus.registers == registers(expected))
    }

    @Test func aSessionSaysOnlyWhatItWasAsked() {
        #expect(canonical("1.8.0=5kWh", .iec62056, isWhole: false) == "1.8.0=5kWh" && canonical("", isWhole: false) == "")
        #expect(canonical("21.7.0=5W", .iec62056, isWhole: false) == "21.7.0=5W 36.7.0=5W")
        #expect(canonical("1.8.0=1kWh 1.8.0=2kWh", .iec62056, isWhole: false) == "1.8.0=1kWh")
        #expect(canonical("1.8.1=1kWh 1.7.0=2kW", .iec62056, isWhole: false) == "1.8.1=1kWh 1.7.0=2kW")
    }

    /// `power_import` has its own topic and stays a register of its own.
    @Test func aReadoutOfAMeterThatIsAskedHasTheSumOfItsTariffs() {
        #expect(canonical("1.8.1=1kWh 1.8.2=3kWh 1.7.0=2kW", .iec62056) == "1.8.1=1kWh 1.8.2=3kWh 1.7.0=2kW 1.8.0=4kWh")
    }

    @Test(arguments: [
        ("1.8.0=2043000Wh 2.8.0=0Wh", false), ("1.8.0=2043kWh", true), ("1.8.0=2043kWh 16.7.0=5W", false), ("1.8.0=2043.0kWh", false),
        ("1.8.1*1=5kWh", false), ("32.7.0=230V 1.8.0=1kWh", false), ("", false),
    ])
    func locked(_ sent: String, _ isLocked: Bool) {
        var readout = Readout(registers(sent), at: Instant(nanoseconds: 0))
        readout.source = .d0Push
        #expect(readout.isLocked == isLocked)
        readout.source = .iec62056
        #expect(!readout.isLocked)
    }

    @Test func sMLSaysItByTheScaler() {
        var readout = Readout([Register(OBISCode(1, 8, 0), .number(Quantity(2043, exponent: 3), .wattHours))], at: Instant(nanoseconds: 0))
        readout.source = .sml
        #expect(readout.isLocked)
    }
}
