import Testing

@testable import Metering

@Suite struct SubMeterTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)
    private static let wall = WallTime(millisecondsSince1970: 1_700_000_000_000)

    private func text(_ code: String, _ text: String) -> Register? { OBISCode(code).map { Register($0, .text(text)) } }
    private func number(_ code: String, _ text: String, _ unit: Unit) -> Register? {
        guard let code = OBISCode(code), let number = Quantity(text) else { return nil }
        return Register(code, .number(number, unit))
    }

    private func readout(_ registers: [Register?], after seconds: Int = 0) -> Readout {
        var readout = Readout(registers.compactMap { $0 }, at: Self.start + .seconds(seconds))
        readout.source = .p1
        return readout
    }

    private func gas(_ reading: String, serial: String = "4731") -> [Register?] {
        [text("0-1:24.1.0", "003"), text("0-1:96.1.0", serial), number("0-1:24.2.1", reading, .cubicMetres)]
    }

    private func state() -> MeterState {
        var state = MeterState()
        state.addOptical(MeterDescription(name: "grid", title: "Grid"), maxPower: 25_000, staleAfter: .seconds(30))
        return state
    }

    @Test func readsTheMetersBehind() {
        let water = [text("0-2:24.1.0", "007"), text("0-2:96.1.1", "5732"), number("0-2:24.2.1", "872.234", .cubicMetres)]
        let heat = [text("0-3:24.1.0", "004"), number("0-3:24.2.1", "240.860", .gigajoules)]
        let found = readout(gas("981.443") + water + heat).subMeters
        #expect(found.map(\.medium) == [.gas, .water, .heat] && found.map(\.channel) == [1, 2, 3])
        #expect(found.map(\.reading.description) == ["981.443", "872.234", "66905.555"] && found.map(\.serial) == ["G1", "W2", nil])
    }

    @Test func whatIsNotUnderstoodIsNoMeter() {
        #expect(readout([number("0-1:24.2.1", "1", .cubicMetres)]).subMeters == [], "of what?")
        #expect(readout([text("0-1:24.1.0", "003"), number("0-1:24.2.1", "1", .gigajoules)]).subMeters == [])
        #expect(readout([text("0-1:24.1.0", "002"), number("0-1:24.2.1", "1", .kilowattHours)]).subMeters == [])
        #expect(readout([text("0-2:24.1.0", "003"), text("0-2:24.2.1", "?")]).subMeters == [])
    }

    @Test func eachIsAMeterOfItsOwn() {
        var state = state()
        state.record(readout(gas("981.443")), of: "grid", wall: Self.wall)
        let meter = state.snapshot["grid_gas"]
        #expect(state.snapshot.meters.map(\.name) == ["grid", "grid_gas"])
        #expect(meter?.kind == .sub(.gas) && meter?.serial == "G1" && meter?.isAvailable == true && meter?.title == "Grid gas")
        #expect(meter?.values[.volume]?.text == "981.443" && meter?.volumeUnit == .cubicMetres)
        // Its total never decreases, unless it is another meter.
        state.record(readout(gas("900.000"), after: 1), of: "grid", wall: Self.wall)
        #expect(state.snapshot["grid_gas"]?.values[.volume]?.text == "981.443")
        #expect(state.snapshot["grid_gas"]?.problem == "volume ran backwards: held at 981.443" && state.snapshot["grid"]?.problem == nil)
        // A missing or briefly wrong serial number doesn't make it another meter.
        state.record(readout([gas("")[0], gas("5.000")[2]], after: 2), of: "grid", wall: Self.wall)
        for serial in ["4732", "4732", "4731"] {
            state.record(readout(gas("1.000", serial: serial), after: 3), of: "grid", wall: Self.wall)
        }
        #expect(state.snapshot["grid_gas"]?.values[.volume]?.text == "981.443" && state.snapshot["grid_gas"]?.serial == "G1")
        for second in [4, 5, 64] { state.record(readout(gas("1.000", serial: "4732"), after: second), of: "grid", wall: Self.wall) }
        #expect(state.takeRemarks() == ["grid_gas: the meter was replaced: G2 instead of G1"])
        #expect(state.snapshot["grid_gas"]?.values[.volume]?.text == "1.000" && state.snapshot["grid_gas"]?.serial == "G2")
        // It becomes unavailable together with the meter in front of it.
        state.advance(to: Self.start + .seconds(3600), wall: Self.wall)
        #expect(state.snapshot["grid_gas"]?.isAvailable == false)
        #expect(state.setTotal(Quantity(1), of: "grid_gas", wall: WallTime(millisecondsSince1970: 0)) != nil)
    }

    /// An hourly step is limited to what can flow in an hour, and the limit survives a restart.
    @Test func aReadingHasItsBounds() {
        var state = state()
        for second in 0..<10 { state.record(readout(gas("981.443"), after: second), of: "grid", wall: Self.wall) }
        state.record(readout(gas("9814.430"), after: 10), of: "grid", wall: Self.wall)
        #expect(state.snapshot["grid_gas"]?.values[.volume]?.text == "981.443")
        state.record(readout(gas("981.553"), after: 11), of: "grid", wall: Self.wall)
        #expect(state.snapshot["grid_gas"]?.values[.volume]?.text == "981.553")
        var next = MeterState()
        next.addOptical(
            MeterDescription(name: "grid", title: "Grid"), maxPower: 25_000, staleAfter: .seconds(30),
            remembered: state.memories["grid"] ?? MeterMemory())
        #expect(next.memories == state.memories)
        next.record(readout(gas("98.155"), after: 20), of: "grid", wall: Self.wall)
        #expect(next.snapshot["grid_gas"]?.values[.volume] == nil)
        for second in [21, 81] { next.record(readout(gas("983.000"), after: second), of: "grid", wall: Self.wall) }
        #expect(next.snapshot["grid_gas"]?.values[.volume]?.text == "983.000")
    }

    @Test func namesThatAreTaken() {
        var state = MeterState()
        for name in ["grid", "grid_gas"] {
            state.addOptical(MeterDescription(name: name, title: name), maxPower: 25_000, staleAfter: .seconds(30))
        }
        state.record(readout(gas("1")), of: "grid", wall: Self.wall)
        #expect(state.snapshot.meters.map(\.name) == ["grid", "grid_gas_1", "grid_gas"])
        state.record(readout(gas("2"), after: 1), of: "grid", wall: Self.wall)
        #expect(state.snapshot.meters.count == 3)
    }
}

@Suite struct SubMeterBoundTests {
    private func record(_ type: String, _ reading: Quantity, _ unit: Unit, at second: Int, in meters: inout MeterState) {
        let registers = [
            Register(OBISCode(0, 1, 24, 1, 0, 255), .text(type)), Register(OBISCode(0, 1, 24, 2, 1, 255), .number(reading, unit)),
        ]
        meters.record(
            Readout(registers, at: Instant(nanoseconds: 1_000_000_000) + .seconds(second)), of: "grid",
            wall: WallTime(millisecondsSince1970: 1_700_000_000_000))
    }

    /// 100 m³ per hour, or 1000 kWh of heat, in 15 s: 0.4167 and 4.1667, plus the last digit.
    @Test(
        arguments: [
            ("003", .cubicMetres, 417, true), ("003", .cubicMetres, 418, false), ("007", .cubicMetres, 417, true),
            ("007", .cubicMetres, 418, false), ("004", .kilowattHours, 4167, true), ("004", .kilowattHours, 4168, false),
        ] as [(String, Unit, Int64, Bool)])
    func whatAMeterLetsThrough(_ type: String, _ unit: Unit, _ rise: Int64, _ fits: Bool) {
        var meters = MeterState()
        meters.addOptical(MeterDescription(name: "grid", title: "Grid"), maxPower: 25_000, staleAfter: .seconds(30))
        record(type, Quantity(981_443, exponent: -3), unit, at: 0, in: &meters)
        record(type, Quantity(981_443 + rise, exponent: -3), unit, at: 10, in: &meters)
        let meter = meters.snapshot.meters.last
        let value = meter?.values[type == "004" ? .energy : .volume]
        #expect(value == .number(Quantity(981_443 + (fits ? rise : 0), exponent: -3)) && (meter?.problem == nil) == fits)
        #expect(meter?.readings == 2)
    }

    /// The M-Bus device types of EN 13757-3.
    @Test func deviceTypes() {
        for type in 0...40 {
            let registers = [
                Register(OBISCode(0, 2, 24, 1, 0, 255), .text(String(type))),
                Register(OBISCode(0, 2, 24, 2, 1, 255), .number(Quantity(1), type == 4 || type == 12 ? .kilowattHours : .cubicMetres)),
            ]
            let expected: Medium? = [3: .gas, 4: .heat, 12: .heat, 6: .water, 7: .water, 21: .water, 22: .water][type]
            #expect(Readout(registers, at: Instant(nanoseconds: 0)).subMeters.first?.medium == expected, "\(type)")
        }
    }

    @Test(arguments: [
        ("21", "!"), ("7E", "~"), ("20", "20"), ("7F", "7F"), ("41427a", "ABz"), ("414", "414"), ("", ""), ("4G", "4G"), ("4120", "4120"),
    ])
    func charactersInHex(_ hex: String, _ text: String) { #expect(charactersOfHex(hex) == text) }

    /// Its own serial number, or else the equipment identifier.
    @Test func whereItsNumberIs() {
        func serial(_ places: [UInt8]) -> String? {
            let registers =
                [
                    Register(OBISCode(0, 2, 24, 1, 0, 255), .text("003")),
                    Register(OBISCode(0, 2, 24, 2, 1, 255), .number(Quantity(1), .cubicMetres)),
                ] + places.map { Register(OBISCode(0, 2, 96, 1, $0, 255), .text("No\($0)")) }
            return Readout(registers, at: Instant(nanoseconds: 0)).subMeters.first?.serial
        }
        #expect(serial([0, 1]) == "No0" && serial([1, 0]) == "No0" && serial([1]) == "No1" && serial([2]) == nil)
    }
}
