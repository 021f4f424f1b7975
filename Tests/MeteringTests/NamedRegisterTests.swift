import Metering
import Testing

/// A meter with registers named in the configuration.
private struct NamedBench {
    var state = MeterState()
    private var seconds: Int64 = 0

    init(_ named: [(OBISCode, String)]) {
        state.addOptical(
            MeterDescription(name: "grid", title: "Grid"), named: named.map { NamedRegister($0, name: $1) }, maxPower: 10_000,
            staleAfter: .seconds(30))
    }

    /// Adds a reading one second later.
    mutating func read(
        _ registers: [(OBISCode, RegisterValue)], serial: String = "4711", isChecked: Bool = true, after pause: Int64 = 1
    ) {
        seconds += pause
        var readout = Readout(
            [Register(OBISCode(96, 1, 0), .text(serial))] + registers.map { Register($0, $1) },
            at: Instant(nanoseconds: (1000 + seconds) * 1_000_000_000))
        readout.source = isChecked ? .sml : .d0Push
        readout.isChecked = isChecked
        state.record(readout, of: "grid", wall: WallTime(millisecondsSince1970: 1_700_000_000_000 + seconds * 1000))
    }

    subscript(_ name: String) -> String? { meter?.named.first { $0.name == name }?.value?.measured.text }
    var meter: MeterSnapshot? { state.snapshot["grid"] }
}

private func number(_ text: String, _ unit: Unit? = nil) -> RegisterValue { Quantity(text).map { .number($0, unit) } ?? .text(text) }

@Suite struct NamedRegisterTests {
    private static let failures = OBISCode(96, 7, 21), both = OBISCode(15, 8, 0), last = OBISCode(1, 0, 1, 8, 0, 1)

    @Test func areAsTheyWereRead() {
        var bench = NamedBench([
            (Self.failures, "failures"), (Self.last, "last"), (OBISCode(1, 6, 1), "peak"), (OBISCode(0, 9, 1), "clock"),
        ])
        #expect(bench.meter?.named.map(\.name) == ["failures", "last", "peak", "clock"] && bench["failures"] == nil)
        bench.read([(Self.failures, number("00012")), (Self.last, number("0033402.264", .kilowattHours))])
        #expect(bench["failures"] == "12" && bench["last"] == "33402.264" && bench["peak"] == nil)
        #expect(bench.meter?.values[.energyImport] == nil, "what was is not what is")
        bench.read([(OBISCode(1, 6, 1), number("4.310", .kilowatts)), (OBISCode(0, 9, 1), .text("12:00:01"))])
        #expect(bench["peak"] == "4.310" && bench["clock"] == "12:00:01" && bench["failures"] == "12")
        #expect(bench.meter?.named[2].unit == .kilowatts)
    }

    @Test func moreThanTheConnectionCarriesIsNotPublished() {
        var bench = NamedBench([(OBISCode(1, 4, 0), "demand")])
        bench.read([(OBISCode(1, 4, 0), number("412", .watts))])
        bench.read([(OBISCode(1, 4, 0), number("10.1", .kilowatts))])
        #expect(bench["demand"] == "412")
        #expect(bench.meter?.problem == "demand is more than a connection of 10000 W allows: not published")
        bench.read([(OBISCode(1, 4, 0), number("-9.999", .kilowatts))])
        #expect(bench["demand"] == "-9.999" && bench.meter?.problem == nil)
    }

    @Test func aTotalNeverFallsNorJumps() {
        var bench = NamedBench([(Self.both, "both"), (OBISCode(16, 8, 0), "balance")])
        bench.read([(Self.both, number("12345678", .wattHours)), (OBISCode(16, 8, 0), number("5", .kilowattHours))])
        bench.read([(Self.both, number("12345679", .wattHours)), (OBISCode(16, 8, 0), number("4", .kilowattHours))])
        #expect(bench["both"] == "12345679" && bench["balance"] == "4")
        bench.read([(Self.both, number("2345680", .wattHours))])
        #expect(bench["both"] == "12345679" && bench.meter?.problem == "both ran backwards: held until confirmed")
        bench.read([(Self.both, number("52345680", .wattHours))])
        #expect(bench["both"] == "12345679" && bench.meter?.problem == "both rose faster than 10000 W: held until confirmed")
        bench.read([(Self.both, number("12345681", .wattHours))])
        #expect(bench["both"] == "12345681" && bench.meter?.problem == nil)
    }

    /// Without a checksum, a value that can't be checked for plausibility must be read twice.
    @Test func aTurnedBitIsNotPublished() {
        var bench = NamedBench([(Self.failures, "failures"), (OBISCode(0, 2, 1), "parameters")])
        func say(_ count: String, _ text: String) {
            bench.read([(Self.failures, number(count)), (OBISCode(0, 2, 1), .text(text))], isChecked: false)
        }
        say("12", "A")
        #expect(bench["failures"] == nil && bench["parameters"] == nil)
        say("12", "A")
        #expect(bench["failures"] == "12" && bench["parameters"] == "A")
        say("52", "A")
        #expect(bench["failures"] == "12")
        say("13", "C")
        say("13", "A")
        say("13", "A")
        #expect(bench["failures"] == "13" && bench["parameters"] == "A")
    }

    /// 10 kW for a second plus the 5 s that a register may be late are 0.0167 kWh, plus one step of the last digit.
    @Test(arguments: [
        ("500.017", "kWh", true), ("500.018", "kWh", false), ("500017", "Wh", true), ("500018", "Wh", false), ("500.018", "kvarh", false),
        ("500.017", "kVAh", true), ("500018", "varh", false), ("500017", "VAh", true),
    ])
    func aTotalRisesAsTheConnectionAllows(_ text: String, _ unit: String, _ fits: Bool) {
        var bench = NamedBench([(Self.both, "both")])
        let first = text.contains(".") ? "500.000" : "500000"
        bench.read([(Self.both, number(first, Unit(rawValue: unit)))])
        bench.read([(Self.both, number(text, Unit(rawValue: unit)))])
        #expect(bench["both"] == (fits ? text : first) && bench.meter?.named[0].unit?.rawValue == unit)
        #expect((bench.meter?.problem == nil) == fits)
    }

    /// 10 kW for ten hours and 5 s are 100.0139 kWh.
    @Test(arguments: [("600.014", true), ("600.015", false)]) func aTotalThatWasNotReadForHours(_ text: String, _ fits: Bool) {
        var bench = NamedBench([(Self.both, "both")])
        bench.read([(Self.both, number("500.000", .kilowattHours))])
        bench.read([(Self.both, number(text, .kilowattHours))], after: 36_000)
        #expect(bench["both"] == (fits ? text : "500.000"))
    }

    @Test func anotherMeterBeginsAnew() {
        var bench = NamedBench([(Self.both, "both"), (Self.failures, "failures")])
        bench.read([(Self.both, number("500", .kilowattHours)), (Self.failures, number("3"))])
        for _ in 0..<70 { bench.read([(Self.both, number("7", .kilowattHours))], serial: "4712") }
        #expect(bench.meter?.serial == "4712" && bench["both"] == "7" && bench["failures"] == nil)
    }
}
