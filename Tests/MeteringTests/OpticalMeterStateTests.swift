import Testing

@testable import Metering

private let start = Instant(nanoseconds: 1_000_000_000_000)
private let wall = WallTime(millisecondsSince1970: 1_700_000_000_000)

private func number(_ c: UInt8, _ d: UInt8, _ e: UInt8, _ text: String, _ unit: Unit?) -> Register {
    Register(OBISCode(c, d, e), .number(Quantity(text) ?? Quantity(-1), unit))
}

/// A meter with a limit of 25 kW, read once a second.
private struct Optical {
    var meter = OpticalMeterState(
        MeterDescription(name: "grid", title: "Grid"), [], maxPower: 25_000, staleAfter: .seconds(30), remembered: MeterMemory(), since: nil
    )
    var seconds = 0

    mutating func read(_ registers: [Register], after pause: Int = 1, source: MeterProtocol = .sml, isWhole: Bool = true) {
        seconds += pause
        var readout = Readout(registers, isWhole: isWhole, at: start + .seconds(seconds))
        readout.source = source
        meter.record(readout, wall: wall)
    }

    subscript(_ measurand: Measurand) -> String? { meter.snapshot.values[measurand]?.text }
    var problem: String? { meter.snapshot.problem }
}

@Suite struct OpticalMeterStateTests {
    struct Bound: Sendable {
        var code: OBISCode
        var unit: Unit?
        var most: String
        var tooMuch: String
    }

    /// The connection's maximum power, its current at 100 V, 1000 V, 100 Hz, and a power factor of 1.
    private static let bounds: [Bound] = [
        Bound(code: OBISCode(16, 7, 0), unit: .watts, most: "25000", tooMuch: "25001"),
        Bound(code: OBISCode(36, 7, 0), unit: .kilowatts, most: "25.000", tooMuch: "25.001"),
        Bound(code: OBISCode(3, 7, 0), unit: .vars, most: "25000.0", tooMuch: "25000.1"),
        Bound(code: OBISCode(9, 7, 0), unit: .voltAmperes, most: "25000", tooMuch: "25001"),
        Bound(code: OBISCode(31, 7, 0), unit: .amperes, most: "250.00", tooMuch: "250.01"),
        Bound(code: OBISCode(32, 7, 0), unit: .volts, most: "1000", tooMuch: "1001"),
        Bound(code: OBISCode(14, 7, 0), unit: .hertz, most: "100.0", tooMuch: "100.1"),
        Bound(code: OBISCode(13, 7, 0), unit: nil, most: "1.000", tooMuch: "1.001"),
    ]

    @Test(arguments: bounds) func whatNoConnectionHasIsNotPublished(_ bound: Bound) throws {
        let measurand = try #require(Measurand(bound.code))
        for sign in ["", "-"] {
            var meter = Optical()
            meter.read([number(bound.code.c, 7, 0, sign + bound.tooMuch, bound.unit)])
            #expect(meter[measurand] == nil && meter[.errors] == "1")
            #expect(meter.problem == "\(measurand.rawValue) is more than a connection of 25000 W allows: not published")
            meter.read([number(bound.code.c, 7, 0, sign + bound.most, bound.unit)])
            #expect(meter[measurand] != nil && meter[.errors] == "1" && meter[.telegrams] == "2" && meter.problem == nil)
        }
    }

    /// A meter that sent its power once will send it again, so no estimate is made in between.
    @Test(arguments: [OBISCode(16, 7, 0), OBISCode(1, 7, 0), OBISCode(31, 7, 0)]) func aPowerThatWasMisreadIsNotEstimated(_ code: OBISCode)
    {
        var meter = Optical()
        meter.read([Register(code, .number(Quantity(99_999_999), code.c == 31 ? .amperes : .watts))], source: .iec62056)
        for second in 0...200 { meter.read([number(1, 8, 0, "1.\(100 + second / 12)", .kilowattHours)], source: .iec62056) }
        #expect(meter[.power] == (code.c == 31 ? "300" : nil))
    }

    /// The power that was sent is kept, however the totals step.
    @Test(arguments: [OBISCode(16, 7, 0), OBISCode(1, 7, 0)]) func aPowerThatWasSentIsNotEstimated(_ code: OBISCode) {
        var meter = Optical()
        meter.read([Register(code, .number(Quantity(900), .watts))], source: .iec62056)
        for second in 0...200 { meter.read([number(1, 8, 0, "1.\(100 + second / 12)", .kilowattHours)], source: .iec62056) }
        #expect(meter[.power] == "900" && meter[.powerError] == nil)
    }

    /// Import and export power give the net power.
    @Test func powerIsImportLessExport() {
        var meter = Optical()
        meter.read([number(2, 7, 0, "700", .watts)], source: .iec62056)
        #expect(meter[.powerExport] == "700" && meter[.power] == nil)
        meter.read([number(1, 7, 0, "500", .watts)], source: .iec62056)
        #expect(meter[.powerImport] == "500" && meter[.power] == "-200")
        meter.read([number(2, 7, 0, "0.1", .kilowatts)], source: .iec62056)
        #expect(meter[.power] == "400.0" || meter[.power] == "400")
        var single = Optical()
        single.read([number(1, 7, 0, "500", .watts)], source: .iec62056)
        #expect(single[.power] == "500")
    }

    /// Three times the interval between two readings, if that is more than the configured 30 s.
    @Test func patience() {
        var meter = Optical()
        meter.read([], after: 0)
        #expect(meter.meter.deadline == start + .seconds(30))
        meter.read([], after: 10)
        #expect(meter.meter.deadline == start + .seconds(40))
        meter.read([], after: 11)
        #expect(meter.meter.deadline == start + .seconds(54))
        meter.meter.advance(to: start + .seconds(54))
        #expect(meter.problem == "no valid reading for 33 s" && meter.meter.deadline == nil && !meter.meter.snapshot.isAvailable)
        // The reader's problem is more specific, so it is kept.
        meter.read([], after: 11)
        meter.meter.note(problem: "no answer")
        meter.meter.advance(to: start + .seconds(999))
        #expect(meter.problem == "no answer" && !meter.meter.snapshot.isAvailable)
        // The outage doesn't change the interval either: the previous one applies until there are two consecutive readings.
        meter.read([], after: 500)
        #expect(meter.meter.deadline == start + .seconds(532 + 33))
        meter.read([], after: 2)
        #expect(meter.meter.deadline == start + .seconds(534 + 30))
    }

    @Test func countsReadingsAndErrors() {
        var meter = Optical()
        meter.read([])
        #expect(
            meter[.telegrams] == "1" && meter[.errors] == "0" && meter.meter.snapshot.readings == 1 && meter.meter.snapshot.readAt == wall)
        meter.meter.countError(wall: wall)
        meter.meter.countError(wall: wall)
        #expect(meter[.errors] == "2")
        meter.read([])
        #expect(meter[.telegrams] == "2" && meter[.errors] == "2" && meter.meter.snapshot.readings == 2)
    }

    /// `turns` counts changes that must be saved: a first total, a rise of a tenth, another meter. `steps` counts every step.
    @Test func turnsAndSteps() {
        var meter = Optical()
        var last = (turns: meter.meter.turns, steps: meter.meter.steps)
        func expect(_ text: String, turns: Bool, steps: Bool) {
            meter.read([number(1, 8, 0, text, .kilowattHours)], after: 60)
            let now = (turns: meter.meter.turns, steps: meter.meter.steps)
            #expect((now.turns > last.turns) == turns && (now.turns < last.turns) == false, "\(text)")
            #expect((now.steps > last.steps) == steps && (now.steps < last.steps) == false, "\(text)")
            last = now
        }
        expect("1.000", turns: true, steps: true)
        expect("1.000", turns: false, steps: false)
        expect("1.001", turns: false, steps: true)
        expect("1.100", turns: false, steps: true)
        expect("1.101", turns: true, steps: true)
        expect("0.001", turns: false, steps: false)
        for _ in 0..<14 { expect("0.001", turns: false, steps: false) }
        expect("0.001", turns: true, steps: true)
    }

    /// Texts and counts that describe the meter are kept as sent; measured quantities must be numbers.
    @Test func textsAreAboutTheMeter() {
        var meter = Optical()
        meter.read([
            Register(OBISCode(0, 2, 0), .text("3.01")), Register(OBISCode(97, 97, 0), .number(Quantity(17), nil)),
            Register(OBISCode(1, 8, 0), .text("many")), number(32, 7, 0, "230.1", .volts), number(2, 8, 0, "5", .volts),
        ])
        #expect(meter[.firmware] == "3.01" && meter[.meterError] == "17" && meter[.energyImport] == nil && meter[.voltageL1] == "230.1")
        #expect(meter[.energyExport] == nil && meter[.errors] == "0", "volts are no energy")
        // Without a unit the usual one is assumed.
        meter.read([number(2, 8, 0, "5.5", nil)])
        #expect(meter[.energyExport] == "5.5")
        meter.read([number(2, 8, 0, "-1", nil)])
        #expect(meter[.energyExport] == "5.5" && meter.problem == "energy_export can't be -1")
    }

    @Test func saysThatItIsLocked() {
        var meter = Optical()
        meter.read([number(1, 8, 0, "2043", .kilowattHours)])
        #expect(meter.problem == "the meter only shows whole kWh, and no power, until its PIN is entered")
        meter.read([number(1, 8, 0, "2043.001", .kilowattHours)])
        #expect(meter.problem == nil)
    }

    // MARK: What is expected

    struct FirstReading: Sendable {
        var registers: [Register]
        var source = MeterProtocol.sml
        var isWhole = true
        var isEstimated: Bool
    }

    private static let firstReadings: [FirstReading] = [
        FirstReading(registers: [number(1, 8, 0, "2043.264", .kilowattHours)], source: .iec62056, isEstimated: true),
        FirstReading(registers: [number(2, 8, 0, "13.5", .kilowattHours)], source: .iec62056, isWhole: false, isEstimated: true),
        FirstReading(registers: [number(1, 8, 1, "2043.264", .kilowattHours)], source: .iec62056, isEstimated: true),
        FirstReading(registers: [number(1, 8, 0, "2043264", .wattHours)], isEstimated: true),
        // The sum of the tariffs is unknown; the next readout may contain power; whole kWh.
        FirstReading(registers: [number(1, 8, 1, "2043.264", .kilowattHours)], source: .iec62056, isWhole: false, isEstimated: false),
        FirstReading(registers: [number(1, 8, 0, "2043264", .wattHours)], isWhole: false, isEstimated: false),
        FirstReading(registers: [number(1, 8, 0, "2043", .kilowattHours)], isEstimated: false),
        FirstReading(registers: [number(1, 8, 0, "2043000", .wattHours)], isEstimated: false),
        FirstReading(registers: [number(1, 8, 0, "2043", .kilowattHours)], source: .iec62056, isEstimated: false),
        // Other registers.
        FirstReading(registers: [number(3, 8, 0, "2043.264", .kilovarHours)], source: .iec62056, isEstimated: false),
        FirstReading(registers: [number(1, 8, 0, "2043.264", .kilowattHours), number(16, 7, 0, "5", .watts)], isEstimated: false),
        FirstReading(
            registers: [number(1, 7, 0, "0.5", .kilowatts), number(1, 8, 0, "2043.264", .kilowattHours)], source: .iec62056,
            isEstimated: false),
        // Power beyond any connection was misread, but the meter has a register for it.
        FirstReading(
            registers: [number(1, 7, 0, "99999", .kilowatts), number(1, 8, 0, "2043.264", .kilowattHours)], source: .iec62056,
            isEstimated: false),
    ]

    @Test(arguments: firstReadings) func anEstimateIsExpected(_ first: FirstReading) {
        var meter = Optical()
        #expect(meter.meter.snapshot.expected == [])
        meter.read(first.registers, source: first.source, isWhole: first.isWhole)
        #expect(meter.meter.snapshot.expected == (first.isEstimated ? [.power, .powerError] : []))
        #expect(meter[.powerError] == nil)
    }

    /// The first Wh shows that the decimals are real, and the PIN that there is power.
    @Test func whatIsExpectedMayChange() {
        var meter = Optical()
        meter.read([number(1, 8, 0, "2043.000", .kilowattHours)])
        #expect(meter.meter.snapshot.expected == [])
        for second in 0...200 {
            meter.read([number(1, 8, 0, "2043.\(100 + second / 12)", .kilowattHours)], after: second == 0 ? 3600 : 1)
        }
        #expect(meter.meter.snapshot.expected == [.power, .powerError] && meter[.power] == "300" && meter[.powerError] != nil)
        meter.read([number(1, 8, 0, "2043.117", .kilowattHours), number(16, 7, 0, "280", .watts)])
        #expect(meter.meter.snapshot.expected == [] && meter[.power] == "280" && meter[.powerError] == nil)
        meter.read([number(1, 8, 0, "2043.118", .kilowattHours)])
        #expect(meter.meter.snapshot.expected == [], "a meter that has sent its power will send it again")
    }

    @Test func nothingIsExpectedOfAnotherMeter() {
        var meter = Optical()
        meter.read([Register(OBISCode(96, 1, 0), .text("1")), number(1, 8, 0, "2043.264", .kilowattHours)], source: .iec62056)
        let other = Register(OBISCode(96, 1, 0), .text("2"))
        for _ in 1...2 {
            meter.read([other, number(1, 8, 0, "7", .kilowattHours)], after: 59, source: .iec62056)
            #expect(meter.meter.snapshot.expected == [.power, .powerError])
        }
        meter.read([other, number(1, 8, 0, "7", .kilowattHours)], after: 59, source: .iec62056)
        #expect(meter.meter.snapshot.serial == "2" && meter.meter.snapshot.expected == [])
    }

    // MARK: Identity

    /// 0.0.0 is used as the serial number of a meter that sends no other, until it sends one.
    @Test func theAddressIsTheNumberOfWhoHasNoOther() {
        let address = Register(OBISCode(0, 0, 0), .text("7"))
        var meter = Optical()
        meter.read([address], source: .iec62056)
        #expect(meter.meter.snapshot.serial == "7" && meter.meter.memory.serial == "7" && meter.meter.memory.isAddress)
        meter.read([], source: .iec62056)
        #expect(meter.meter.memory.isAddress)
        meter.read([address, Register(OBISCode(96, 1, 0), .text("28342193"))], source: .iec62056)
        #expect(meter.meter.snapshot.serial == "28342193" && meter[.serial] == "28342193" && !meter.meter.memory.isAddress)
        #expect(meter.problem == nil)
        meter.read([address], source: .iec62056)
        #expect(meter.meter.snapshot.serial == "28342193" && meter.problem == nil, "it is no stranger")
        meter.read([Register(OBISCode(96, 1, 0), .text("28342194"))], source: .iec62056)
        #expect(meter.problem == "the serial number is now 28342194, no longer 28342193: held until confirmed" && meter[.errors] == "1")
    }

    /// A total of 0 that continues as 0 doesn't prove that it is the same meter.
    @Test func aTotalOfZeroIsNoProof() {
        func isKnown(_ text: String, _ code: OBISCode = OBISCode(2, 8, 0)) -> Bool {
            var meter = Optical()
            let totals = [number(1, 8, 0, "1.000", .kilowattHours), number(2, 8, 0, "0.000", .kilowattHours)]
            meter.read(totals + [Register(OBISCode(96, 1, 0), .text("1"))], source: .iec62056)
            meter.read([Register(OBISCode(96, 1, 0), .text("2"))], source: .iec62056)
            meter.read([number(code.c, code.d, code.e, text, .kilowattHours)], source: .iec62056)
            return meter.problem == nil
        }
        #expect(!isKnown("0.000") && isKnown("0.001") && isKnown("1.001", OBISCode(1, 8, 0)) && !isKnown("9.001", OBISCode(1, 8, 0)))
        #expect(!isKnown("1.001", OBISCode(3, 8, 0)), "of this one nothing is known")
    }

    @Test func itsMakerIsALabel() {
        var meter = Optical()
        var readout = Readout([], manufacturer: "EMH", model: "ED300L", at: start)
        readout.source = .sml
        meter.meter.record(readout, wall: wall)
        #expect(meter.meter.snapshot.manufacturer == "EMH" && meter.meter.snapshot.model == "ED300L")
    }

    // MARK: The LED

    /// Pulses of the LED count only while the meter is read, and its problems have the lowest priority.
    @Test func theLightIsAPartOfTheMeter() {
        var meter = Optical()
        meter.meter.followLight(pulsesPerUnit: Quantity(1000))
        meter.read([number(1, 8, 0, "1.000", .kilowattHours), number(2, 8, 0, "0.500", .kilowattHours)])
        meter.read([number(1, 8, 0, "1.001", .kilowattHours), number(2, 8, 0, "0.500", .kilowattHours)])
        var light = PulseReading()
        for second in 0...1 {
            light.counted += 1
            light.lastPulse = start + .seconds(meter.seconds + 1 + second)
            meter.meter.record(light: light, name: "light", wall: wall)
        }
        #expect(meter[.power] == "3600" && meter[.powerError] == "8")
        light.problem = "no line"
        meter.meter.record(light: light, name: "light", wall: wall)
        #expect(meter.problem == "light: no line")
        meter.meter.note(problem: "no answer")
        #expect(meter.problem == "no answer")
        meter.meter.note(problem: nil)
        #expect(meter.problem == "light: no line")
        meter.meter.advance(to: start + .seconds(999))
        light.problem = nil
        meter.meter.record(light: light, name: "light", wall: wall)
        #expect(meter.problem?.contains("no valid reading") == true)
    }
}
