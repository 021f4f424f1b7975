import Testing

@testable import Metering

private let start = Instant(nanoseconds: 1_000_000_000_000)
private let wall = WallTime(millisecondsSince1970: 1_700_000_000_000)

private func state() -> MeterState {
    var state = MeterState()
    state.addOptical(MeterDescription(name: "grid", title: "Grid"), maxPower: 25_000, staleAfter: .seconds(30))
    return state
}

private func gas(_ channel: UInt8, serial: String = "4731", type: String = "003", _ unit: Unit = .cubicMetres) -> [Register] {
    [
        Register(OBISCode(0, channel, 24, 1, 0, 255), .text(type)), Register(OBISCode(0, channel, 96, 1, 0, 255), .text(serial)),
        Register(OBISCode(0, channel, 24, 2, 1, 255), .number(Quantity(981_443, exponent: -3), unit)),
    ]
}

private func readout(_ registers: [Register], serial: String? = nil, after seconds: Int = 0) -> Readout {
    var readout = Readout(registers, at: start + .seconds(seconds))
    readout.source = .sml
    readout.serial = serial
    return readout
}

/// Data that a meter could send, although none does.
@Suite struct HostileReadingsTests {
    @Test func heatThatNoNumberHoldsIsNoReading() {
        let type = Register(OBISCode(0, 1, 24, 1, 0, 255), .text("004"))
        for mantissa in [999_999_999_999_999_000, .max, .min] as [Int64] {
            for exponent in [-18, -3, 0, 9] {
                let reading = Register(OBISCode(0, 1, 24, 2, 1, 255), .number(Quantity(mantissa, exponent: exponent), .gigajoules))
                var state = state()
                state.record(readout([type, reading]), of: "grid", wall: wall)
                #expect(state.snapshot["grid_heat"]?.values[.energy] == nil)
            }
        }
    }

    /// While the serial number is in doubt, the totals decide: if they continue the known meter's, it is still the same.
    @Test func aTotalOfAnUnknownMeterMayBeAnything() {
        var state = state()
        func total(_ mantissa: Int64, _ exponent: Int) -> [Register] {
            [Register(OBISCode(1, 8, 0), .number(Quantity(mantissa, exponent: exponent), .wattHours))]
        }
        for (round, exponent) in [-12, -1, 0, 9].enumerated() {
            let second = 10 * round
            state.record(readout(total(1_234_567, 0), serial: "A", after: second), of: "grid", wall: wall)
            state.record(readout(total(1, 0), serial: "B", after: second + 1), of: "grid", wall: wall)
            for mantissa in [Int64.min, .min + 1, -1, .max] {
                state.record(readout(total(mantissa, exponent), after: second + 2), of: "grid", wall: wall)
            }
        }
        #expect(state.snapshot["grid"]?.values[.energyImport]?.text == "1234.567" && state.snapshot["grid"]?.serial == "A")
    }

    @Test func differencesThatDoNotFitAreNoTrap() {
        let rules = MonotonicTotal.Rules(perHour: 25)
        for before in [0, 1, 999_999_999_999_999_999] as [Int64] {
            for exponent in [-21, -18, -15, -3] {
                var total = MonotonicTotal(remembered: Quantity(before, exponent: exponent), at: wall)
                for mantissa in [Int64.min, -1, 0, .max] {
                    let new = Quantity(mantissa, exponent: exponent)
                    _ = total.fits(new, at: start, wall: wall, rules)
                    let verdict = total.record(new, at: start, wall: wall, rules)
                    #expect(mantissa == 0 && exponent >= -18 || verdict == .impossible)
                }
            }
        }
        var total = MonotonicTotal(remembered: Quantity(.min + 1, exponent: -15), at: wall)
        let verdict = total.record(Quantity(999, exponent: -15), at: start, wall: wall, rules)
        #expect(verdict == .tooFast)
    }

    @Test func aNumberIsRoundedToOneThatFits() {
        #expect(Int64(nearest: .infinity) == .max && Int64(nearest: -.infinity) == .min && Int64(nearest: .nan) == 0)
        #expect(Int64(nearest: 9_223_372_036_854_775_808) == .max && Int64(nearest: -9.3e18) == .min)
        #expect(Int64(nearest: 2.5) == 3 && Int64(nearest: -2.4) == -2)
    }

    @Test func anyTimeCanBeWritten() {
        #expect(WallTime(millisecondsSince1970: .min).rfc3339.utf8.count == 24)
        #expect(WallTime(millisecondsSince1970: .max).rfc3339.utf8.count == 24)
    }

    /// P1 has four channels. Each meter behind another one needs topics, a device, and memory, so their number is limited.
    @Test func onlySoManyMetersAreBehindOne() {
        var state = state()
        for second in 0..<3 {
            let all = (0...255).flatMap { gas($0, serial: "\($0)-\(second)") }
            state.record(readout(all, after: second), of: "grid", wall: wall)
        }
        #expect(state.snapshot.meters.map(\.name) == ["grid", "grid_gas", "grid_gas_2", "grid_gas_3", "grid_gas_4"])
        #expect(state.memories["grid"]?.channels.count == 4)
    }

    @Test func aMeterBehindIsReadOnceInEachReadout() {
        let other = Register(OBISCode(0, 1, 24, 2, 3, 255), .number(Quantity(5), .cubicMetres))
        #expect(readout(gas(1) + [other]).subMeters.map(\.reading.description) == ["981.443"])
    }

    @Test func aMeterOfAnotherKindIsNotReadAsTheOneBefore() {
        var state = state()
        state.record(readout(gas(1)), of: "grid", wall: wall)
        state.record(readout(gas(1, type: "004", .kilowattHours), after: 1), of: "grid", wall: wall)
        #expect(state.snapshot["grid_gas"]?.problem == "channel 1 now has a heat meter: restart jouled to read it")
        #expect(state.snapshot["grid_gas"]?.readings == 1)
        state.record(readout(gas(1), after: 2), of: "grid", wall: wall)
        #expect(state.snapshot["grid_gas"]?.problem == nil)
    }

    /// Two meters of the same kind; after a restart the other one is read first.
    @Test func eachKeepsItsNameOverARestart() {
        var state = state()
        state.record(readout(gas(2, serial: "b")), of: "grid", wall: wall)
        state.record(readout(gas(1, serial: "a") + gas(2, serial: "b"), after: 1), of: "grid", wall: wall)
        let before = state.snapshot.meters.map(\.name)
        #expect(before == ["grid", "grid_gas", "grid_gas_1"])
        for first in [1, 2] as [UInt8] {
            var next = MeterState()
            let kept = state.memories["grid"].flatMap { MeterMemoryRecord.parse(Array(MeterMemoryRecord.text(of: $0).utf8)) }
            next.addOptical(
                MeterDescription(name: "grid", title: "Grid"), maxPower: 25_000, staleAfter: .seconds(30), remembered: kept ?? MeterMemory()
            )
            for channel in [first, 3 - first] {
                next.record(readout(gas(channel, serial: channel == 1 ? "a" : "b")), of: "grid", wall: wall)
            }
            #expect(next.snapshot["grid_gas"]?.serial == "b" && next.snapshot["grid_gas_1"]?.serial == "a")
        }
    }

    @Test func aFactorIsANumber() {
        var state = state()
        let registers = [13, 33, 53, 73].map { Register(OBISCode($0, 7, 0), .text("inductive")) }
        state.record(readout(registers), of: "grid", wall: wall)
        #expect(state.snapshot["grid"]?.values[.powerFactor] == nil && state.snapshot["grid"]?.values[.powerFactorL3] == nil)
    }

    @Test func aTextThatIsTooLongIsNoName() {
        for bad in [String(repeating: "7", count: 65), "a\nb", "a\u{7F}", "a\u{0}", "ä", ""] {
            var state = state()
            var readout = readout(gas(1, serial: bad), serial: bad)
            readout.manufacturer = bad
            readout.model = bad
            for code in [OBISCode(96, 1, 0), OBISCode(0, 0, 0), OBISCode(0, 2, 0), OBISCode(97, 97, 0)] {
                readout.registers.append(Register(code, .text(bad)))
            }
            state.record(readout, of: "grid", wall: wall)
            let meter = state.snapshot["grid"]
            #expect(meter?.serial == nil && meter?.manufacturer == nil && meter?.model == nil && state.memories["grid"]?.serial == nil)
            #expect(meter?.values[.firmware] == nil && meter?.values[.meterError] == nil && meter?.readings == 1)
            #expect(state.snapshot["grid_gas"]?.serial == nil && state.snapshot["grid_gas"]?.readings == 1)
        }
        #expect(String(repeating: "7", count: 64).isLabel && " ".isLabel && "~".isLabel && !"a\u{1F}".isLabel)
    }

    @Test func aNamedTextHasALimit() {
        var state = MeterState()
        let code = OBISCode(0, 0, 96, 13, 0, 255)
        state.addOptical(
            MeterDescription(name: "grid", title: "Grid"), named: [NamedRegister(code, name: "message")], maxPower: 25_000,
            staleAfter: .seconds(30))
        state.record(readout([Register(code, .text(String(repeating: "7", count: 2049)))]), of: "grid", wall: wall)
        #expect(state.snapshot["grid"]?.named[0].value == nil)
        #expect(state.snapshot["grid"]?.problem == "message is too long: not published")
        state.record(readout([Register(code, .text(String(repeating: "7", count: 2048)))], after: 1), of: "grid", wall: wall)
        #expect(state.snapshot["grid"]?.named[0].value != nil && state.snapshot["grid"]?.problem == nil)
    }
}
