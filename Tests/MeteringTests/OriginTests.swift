import Metering
import Testing

/// A house whose meters are read at whole seconds.
private struct House {
    var state = MeterState()

    init() {
        state.addOptical(
            MeterDescription(name: "grid", title: "Grid"), named: [NamedRegister(OBISCode(96, 7, 21), name: "failures")], maxPower: 25_000,
            staleAfter: .seconds(30))
        state.addPulse(
            MeterDescription(name: "heat", title: "Heat"), medium: .electricity, unit: .kilowattHours, pulsesPerUnit: Quantity(1000),
            restored: .new, wall: wall(0))
    }

    private func wall(_ second: Int64) -> WallTime { WallTime(millisecondsSince1970: 1_700_000_000_000 + second * 1000) }
    private func instant(_ second: Int64) -> Instant { Instant(nanoseconds: (1000 + second) * 1_000_000_000) }

    mutating func read(_ registers: KeyValuePairs<String, RegisterValue>, at second: Int64, _ source: MeterProtocol = .iec62056) {
        let registers = registers.compactMap { code, value in OBISCode(code).map { Register($0, value) } }
        var readout = Readout(registers, at: instant(second))
        readout.source = source
        if source == .p1 { readout.serial = "E4711" }
        state.record(readout, of: "grid", wall: wall(second))
    }

    mutating func countError(at second: Int64) { state.countError(of: "grid", wall: wall(second)) }

    mutating func pulse(_ counted: Int64, at second: Int64) {
        var reading = PulseReading()
        (reading.counted, reading.lastPulse) = (counted, instant(second))
        state.record(reading, of: "heat", now: instant(second), wall: wall(second))
    }

    mutating func wait(until second: Int64) { state.advance(to: instant(second), wall: wall(second)) }

    mutating func set(_ total: Quantity, at second: Int64) { _ = state.setTotal(total, of: "heat", wall: wall(second)) }

    /// Value, register and second.
    func origin(_ measurand: Measurand, of meter: String = "grid") -> String? {
        state.snapshot[meter]?.values.reading(of: measurand).map { text($0.value, $0.code, $0.at) }
    }

    var failures: String? {
        state.snapshot["grid"]?.named.first.flatMap { register in
            register.value.flatMap { value in register.at.map { text(value.measured, register.code, $0) } }
        }
    }

    private func text(_ value: MeasuredValue, _ code: OBISCode?, _ at: WallTime) -> String {
        "\(value.text) from \(code?.short ?? "none") at \((at.millisecondsSince1970 - 1_700_000_000_000) / 1000)"
    }
}

private func number(_ text: String, _ unit: Unit? = nil) -> RegisterValue { Quantity(text).map { .number($0, unit) } ?? .text(text) }

/// The register and the time of each value.
@Suite struct OriginTests {
    @Test func ofARegister() {
        var house = House()
        let registers: KeyValuePairs<String, RegisterValue> = [
            "C.1.0": .text("4711"), "1-1:1.8.0": number("5.000", .kilowattHours), "32.7.0": number("230.1", .volts),
            "13.7.0": number("0.98"), "0.2.0": .text("1.2"), "F.F": number("0"),
        ]
        for second in [3, 4] as [Int64] {
            house.read(registers, at: second)
            #expect(house.origin(.energyImport) == "5.000 from 1-1:1.8.0 at \(second)", "also where the number is the same")
            #expect(house.origin(.voltageL1) == "230.1 from 32.7.0 at \(second)")
            #expect(house.origin(.powerFactor) == "0.98 from 13.7.0 at \(second)")
            #expect(house.origin(.firmware) == "1.2 from 0.2.0 at \(second)")
            #expect(house.origin(.meterError) == "0 from 97.97.0 at \(second)")
            #expect(house.origin(.serial) == "4711 from 96.1.0 at \(second)")
            #expect(house.origin(.telegrams) == "\(second - 2) from none at \(second)")
        }
        // What was not read, or not accepted, is as old as before.
        house.read(["1.8.0": number("4.000", .kilowattHours)], at: 5)
        #expect(house.origin(.energyImport) == "5.000 from 1-1:1.8.0 at 4" && house.origin(.voltageL1) == "230.1 from 32.7.0 at 4")
        #expect(house.origin(.serial) == "4711 from 96.1.0 at 4" && house.origin(.errors) == "1 from none at 5")
        house.countError(at: 6)
        #expect(house.origin(.errors) == "2 from none at 6" && house.origin(.telegrams) == "3 from none at 5")
    }

    @Test func ofASumOfTariffs() {
        var house = House()
        for second in [1, 2] as [Int64] {
            house.read(["1.8.1": number("1.250", .kilowattHours), "1.8.2": number("3.500", .kilowattHours)], at: second)
            #expect(house.origin(.energyImport) == "4.750 from 1.8.0 at \(second)")
            #expect(house.origin(.energyImportT2) == "3.500 from 1.8.2 at \(second)")
        }
    }

    @Test func ofANamedRegister() {
        var house = House()
        #expect(house.failures == nil)
        for second in [1, 2] as [Int64] {
            house.read(["C.7.21": number("12")], at: second)
            #expect(house.failures == "12 from 96.7.21 at \(second)")
        }
        house.read([:], at: 3)
        #expect(house.failures?.hasSuffix("at 2") == true)
    }

    @Test func ofPower() {
        var house = House()
        house.read(["16.7.0": number("-5", .watts)], at: 1)
        #expect(house.origin(.power) == "-5 from 16.7.0 at 1")
        house = House()
        house.read(["1.7.0": number("500", .watts)], at: 1)
        #expect(house.origin(.power) == "500 from 1.7.0 at 1")
        house.read(["2.7.0": number("700", .watts)], at: 2)
        #expect(house.origin(.power) == "-200 from none at 2" && house.origin(.powerImport) == "500 from 1.7.0 at 1")
        house = House()
        for second in 0...200 as ClosedRange<Int64> {
            house.read(["1.8.0": number("1.\(100 + second / 12)", .kilowattHours)], at: second)
        }
        #expect(house.origin(.power) == "300 from none at 200" && house.origin(.powerError)?.hasSuffix(" from none at 200") == true)
    }

    @Test func ofASubMeter() {
        var house = House()
        for second in [1, 2] as [Int64] {
            house.read(
                ["0-1:24.1.0": .text("003"), "0-1:96.1.1": .text("4731"), "0-1:24.2.1": number("981.443", .cubicMetres)], at: second, .p1)
            #expect(house.origin(.volume, of: "grid_gas") == "981.443 from 0-1:24.2.1 at \(second)")
            #expect(house.origin(.serial, of: "grid_gas") == "G1 from 0-1:96.1.1 at \(second)")
            #expect(house.origin(.serial) == "E4711 from 0-0:96.1.1 at \(second)")
        }
    }

    @Test func ofAPulseMeter() {
        var house = House()
        #expect(house.origin(.energy, of: "heat") == "0.000 from none at 0")
        house.pulse(1, at: 1)
        house.pulse(2, at: 5)
        #expect(house.origin(.energy, of: "heat") == "0.002 from none at 5" && house.origin(.pulses, of: "heat") == "2 from none at 5")
        #expect(house.origin(.pulsesLost, of: "heat") == "0 from none at 5" && house.origin(.power, of: "heat") == "900 from none at 5")
        house.wait(until: 60)
        #expect(house.origin(.power, of: "heat")?.hasSuffix(" from none at 60") == true, "lower because no pulse came")
        #expect(house.origin(.energy, of: "heat") == "0.002 from none at 5")
        house.set(Quantity(7), at: 70)
        #expect(house.origin(.energy, of: "heat") == "7.000 from none at 70")
    }
}
