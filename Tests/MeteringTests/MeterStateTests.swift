import Metering
import Testing

private let start = Instant(nanoseconds: 1_000_000_000_000)
private let wall = WallTime(millisecondsSince1970: 1_700_000_000_000)
private let grid = MeterDescription(name: "grid", title: "Grid meter")

private func optical() -> MeterState {
    var state = MeterState()
    state.addOptical(grid, maxPower: 25_000, staleAfter: .seconds(30))
    return state
}

private func reading(_ imported: Int64?, _ exported: Int64? = nil, serial: String? = nil, at seconds: Double) -> Readout {
    var registers: [Register] = []
    if let serial { registers.append(Register(OBISCode(96, 1, 0), .text(serial))) }
    if let imported { registers.append(Register(OBISCode(1, 8, 0), .number(Quantity(imported, exponent: -3), .kilowattHours))) }
    if let exported { registers.append(Register(OBISCode(2, 8, 0), .number(Quantity(exported, exponent: -3), .kilowattHours))) }
    return Readout(registers, at: start + .nanoseconds(Int64(seconds * 1e9)))
}

extension Snapshot {
    fileprivate func text(_ meter: String, _ measurand: Measurand) -> String? { self[meter]?.values[measurand]?.text }
}

@Suite struct OpticalMeterTests {
    /// Whatever the reader does meanwhile, a meter without readings must get a problem.
    @Test func aMeterThatIsNeverReadHasAProblem() {
        var state = MeterState()
        state.addOptical(grid, maxPower: 25_000, staleAfter: .seconds(40), since: start)
        #expect(state.deadline == start + .seconds(40))
        state.advance(to: start + .seconds(39), wall: wall)
        #expect(state.snapshot["grid"]?.problem == nil)
        state.advance(to: start + .seconds(40), wall: wall)
        #expect(state.snapshot["grid"]?.problem == "no valid reading for 40 s" && state.deadline == nil)
        state.record(reading(1000, at: 50), of: "grid", wall: wall)
        #expect(state.snapshot["grid"]?.problem == nil && state.deadline == start + .seconds(90))
    }

    @Test func onlyAMeterThatChangedIsCopied() {
        var state = optical()
        state.addPulse(
            MeterDescription(name: "heat", title: "Heat pump"), medium: .electricity, unit: .kilowattHours, pulsesPerUnit: Quantity(1000),
            restored: .new, wall: wall)
        state.record(reading(1000, at: 0), of: "grid", wall: wall)
        let before = state.drainChanges(ofPulses: true).snapshot
        state.record(reading(1001, at: 10), of: "grid", wall: wall)
        let after = state.drainChanges(ofPulses: true).snapshot
        #expect(after.text("grid", .energyImport) == "1.001" && before.text("grid", .energyImport) == "1.000")
        #expect(after.shared[0] !== before.shared[0] && after.shared[1] === before.shared[1])
        var reading = PulseReading()
        reading.counted = 1
        state.record(reading, of: "heat", now: start + .seconds(11), wall: wall)
        let last = state.drainChanges(ofPulses: true).snapshot
        #expect(last.text("heat", .energy) == "0.001" && after.text("heat", .energy) == "0.000")
        #expect(last.shared[0] === after.shared[0] && last.shared[1] !== after.shared[1])
    }

    @Test func nothingIsKnownBeforeItWasRead() {
        let meter = optical().snapshot["grid"]
        #expect(meter?.values == MeasuredValues())
        #expect(meter?.isAvailable == false)
    }

    @Test func aReadoutIsPublishedWithItsDigits() {
        var state = optical()
        state.record(reading(33_402_264, 13465, serial: "28342193", at: 0), of: "grid", wall: wall)
        #expect(state.snapshot.text("grid", .energyImport) == "33402.264")
        #expect(state.snapshot.text("grid", .energyExport) == "13.465")
        #expect(state.snapshot.text("grid", .serial) == "28342193")
        #expect(state.snapshot.text("grid", .lastReading) == "2023-11-14T22:13:20.000Z")
        #expect(state.snapshot.text("grid", .power) == nil, "one reading says nothing about power")
        #expect(state.snapshot["grid"]?.isAvailable == true)
    }

    @Test func aPushedReadoutIsUnderstood() {
        var state = optical()
        func number(_ c: UInt8, _ d: UInt8, _ e: UInt8, _ text: String, _ unit: Unit?) -> Register {
            Register(OBISCode(c, d, e), .number(Quantity(text) ?? Quantity(-1), unit))
        }
        var readout = Readout(
            [
                number(1, 8, 1, "1.5", .kilowattHours), number(1, 8, 2, "2", .kilowattHours), number(15, 7, 0, "250", .watts),
                number(3, 8, 0, "70", .varHours), number(13, 7, 0, "0.98", nil),
            ], at: start)
        readout.source = .sml
        readout.serial = "1ISK0012345678"
        state.record(readout, of: "grid", wall: wall)
        #expect(state.snapshot.text("grid", .energyImport) == "3.5" && state.snapshot.text("grid", .energyImportT1) == "1.5")
        #expect(state.snapshot.text("grid", .power) == "250" && state.snapshot.text("grid", .serial) == "1ISK0012345678")
        #expect(state.snapshot.text("grid", .reactiveEnergyImport) == "0.070")
        #expect(state.snapshot["grid"]?.values[.powerFactor] == .number(Quantity(98, exponent: -2)))
    }

    @Test func totalsNeverRunBackwards() {
        var state = optical()
        state.record(reading(5000, at: 0), of: "grid", wall: wall)
        state.record(reading(0, at: 1), of: "grid", wall: wall)
        state.record(reading(4999, at: 2), of: "grid", wall: wall)
        #expect(state.snapshot.text("grid", .energyImport) == "5.000")
        #expect(state.snapshot["grid"]?.problem?.contains("backwards") == true)
        state.record(reading(5001, at: 3), of: "grid", wall: wall)
        #expect(state.snapshot.text("grid", .energyImport) == "5.001")
        #expect(state.snapshot["grid"]?.problem == nil)
    }

    @Test func aJumpIsHeldUntilItHasLastedLongEnough() {
        var state = optical()
        state.record(reading(5000, at: 0), of: "grid", wall: wall)
        state.record(reading(50_000_000, at: 1), of: "grid", wall: wall)
        #expect(state.snapshot.text("grid", .energyImport) == "5.000")
        state.record(reading(5001, at: 2), of: "grid", wall: wall)
        #expect(state.snapshot.text("grid", .energyImport) == "5.001")
        for second in 3..<903 { state.record(reading(60_000 + Int64(second), at: Double(second)), of: "grid", wall: wall) }
        #expect(state.snapshot.text("grid", .energyImport) == "5.001")
        #expect(state.snapshot["grid"]?.problem == "energy_import rose faster than 25000 W: held until confirmed")
        #expect(state.takeRemarks() == [])
        state.record(reading(60_903, at: 903), of: "grid", wall: wall)
        #expect(state.snapshot.text("grid", .energyImport) == "60.903", "a meter that insists is believed")
        #expect(state.snapshot["grid"]?.problem == nil)
        let remark = "grid: energy_import went from 5.001 to 60.903: it stayed there, so the meter was replaced or set"
        #expect(state.takeRemarks() == [remark] && state.takeRemarks() == [])
    }

    /// A register in whole or tenths of kWh may step by more than the house connection can deliver in a second.
    @Test(arguments: [0, -1]) func aCoarseRegisterMayStep(_ exponent: Int) {
        var state = optical()
        for second in 0..<60 {
            let value = RegisterValue.number(Quantity(5000 + Int64(second) / 30, exponent: exponent), .kilowattHours)
            state.record(Readout([Register(OBISCode(1, 8, 0), value)], at: start + .seconds(second)), of: "grid", wall: wall)
        }
        #expect(state.snapshot.text("grid", .errors) == "0")
        #expect(state.snapshot.text("grid", .energyImport) == Quantity(5001, exponent: exponent).description)
    }

    /// In a session each readout holds a different register.
    @Test func totalsThatAreHeldAreAProblemUntilTheyFit() {
        var state = optical()
        state.record(reading(5000, 700, at: 0), of: "grid", wall: wall)
        let held = ["energy_import ran backwards: held at 5.000", "energy_export ran backwards: held at 0.700"]
        state.record(reading(0, at: 1), of: "grid", wall: wall)
        #expect(state.snapshot["grid"]?.problem == held[0])
        for second in 2...9 {
            state.record(second % 2 == 0 ? reading(nil, 0, at: Double(second)) : reading(0, at: Double(second)), of: "grid", wall: wall)
            #expect(state.snapshot["grid"]?.problem == held.joined(separator: "; "))
        }
        state.record(reading(5000, at: 10), of: "grid", wall: wall)
        #expect(state.snapshot["grid"]?.problem == held[1])
        state.record(reading(nil, 700, at: 11), of: "grid", wall: wall)
        #expect(state.snapshot["grid"]?.problem == nil)
    }

    @Test func aTotalThatStaysLowIsSaidOnce() {
        var state = optical()
        state.record(reading(5000, at: 0), of: "grid", wall: wall)
        state.record(reading(100, at: 1), of: "grid", wall: wall)
        let problem = state.snapshot["grid"]?.problem
        state.record(reading(101, at: 2), of: "grid", wall: wall)
        #expect(state.snapshot["grid"]?.problem == problem)
    }

    /// The consumption during an outage shows as a single step at the wrong time.
    @Test func aGapInTheReadingGivesNoWrongPower() {
        var state = optical()
        for tick in 0...60 { state.record(reading(1000 + Int64(tick) / 36, at: Double(tick)), of: "grid", wall: wall) }
        state.note(problem: "the adapter is gone", of: "grid")
        // 100 W: a step every 36 s; reading resumes 10 s before the next one.
        for tick in 662...672 {
            state.record(reading(1000 + Int64(tick) / 36, at: Double(tick)), of: "grid", wall: wall)
            let power = state.snapshot.text("grid", .power).flatMap { Int64($0) } ?? 100
            #expect(power <= 110, "\(power) W at \(tick)")
        }
    }

    /// C.1.0 and 0.0.0 may differ: then 0.0.0 is an address.
    @Test func theAddressIsNoOtherMeter() {
        var state = optical()
        let total = Register(OBISCode(1, 8, 0), .number(Quantity(5000, exponent: -3), .kilowattHours))
        let address = Register(OBISCode(0, 0, 0), .text("7"))
        state.record(Readout([Register(OBISCode(96, 1, 0), .text("28342193")), address, total], at: start), of: "grid", wall: wall)
        state.record(Readout([total, address], at: start + .seconds(1)), of: "grid", wall: wall)
        #expect(state.snapshot["grid"]?.serial == "28342193")
    }

    @Test func anotherMeterMaySendNoPower() {
        var state = optical()
        let power = Register(OBISCode(16, 7, 0), .number(Quantity(900), .watts))
        state.record(Readout([Register(OBISCode(96, 1, 0), .text("1")), power], at: start), of: "grid", wall: wall)
        for tick in 60...180 { state.record(reading(1000 + Int64(tick) / 12, serial: "2", at: Double(tick)), of: "grid", wall: wall) }
        #expect(state.snapshot.text("grid", .power) == "299")
    }

    @Test func anotherMeterBeginsWhereItIsWhenItHasSaidSoForAMinute() {
        var state = optical()
        state.record(reading(5000, serial: "1", at: 0), of: "grid", wall: wall)
        for (second, serial) in ["2", "2", "2", "1", "3", "2", "2"].enumerated() {
            state.record(reading(5000, serial: serial, at: Double(second)), of: "grid", wall: wall)
            #expect(state.snapshot["grid"]?.serial == "1" && state.snapshot["grid"]?.isAvailable == true)
            #expect((state.snapshot["grid"]?.problem == nil) == (serial == "1"))
        }
        let turns = state.turns
        state.record(reading(3, serial: "2", at: 65), of: "grid", wall: wall)
        #expect(state.snapshot.text("grid", .energyImport) == "0.003")
        #expect(state.snapshot["grid"]?.serial == "2" && state.snapshot["grid"]?.problem == nil)
        #expect(state.takeRemarks() == ["grid: the meter was replaced: 2 instead of 1"] && state.turns > turns)
    }

    /// In a session only the first readout contains the serial number.
    @Test func aReadoutWithoutANumberIsOfTheMeterThatSpokeLast() {
        var state = optical()
        state.record(reading(5000, serial: "1", at: 0), of: "grid", wall: wall)
        state.record(reading(2, 0, serial: "2", at: 60), of: "grid", wall: wall)
        state.record(reading(nil, 0, at: 90), of: "grid", wall: wall)
        state.record(reading(2, at: 119), of: "grid", wall: wall)
        #expect(state.snapshot.text("grid", .energyImport) == "5.000")
        state.record(reading(3, at: 120), of: "grid", wall: wall)
        #expect(state.snapshot.text("grid", .energyImport) == "0.003" && state.snapshot["grid"]?.serial == "2")
    }

    /// The serial number was misread, and is not sent again for hours.
    @Test func aMeterWhoseTotalsGoOnIsTheSame() {
        var state = optical()
        state.record(reading(5000, serial: "1", at: 0), of: "grid", wall: wall)
        state.record(reading(5000, serial: "9", at: 60), of: "grid", wall: wall)
        #expect(state.snapshot["grid"]?.problem?.contains("is now 9") == true)
        for second in 61...200 { state.record(reading(5000 + Int64(second), at: Double(second)), of: "grid", wall: wall) }
        #expect(state.snapshot.text("grid", .energyImport) == "5.200" && state.snapshot["grid"]?.serial == "1")
        #expect(state.snapshot["grid"]?.problem == nil && state.takeRemarks() == [])
    }

    /// A sum with a missing tariff would be too low; and if it were the first one, the next would rise too fast.
    @Test func aSumWithoutOneOfItsTariffsIsNone() {
        var state = optical()
        func record(_ tariffs: [(UInt8, Int64)], at seconds: Int) {
            let registers = tariffs.map {
                Register(OBISCode(1, 8, $0.0), .number(Quantity($0.1, exponent: -3), .kilowattHours))
            }
            var readout = Readout(registers, at: start + .seconds(seconds))
            readout.source = .p1
            state.record(readout, of: "grid", wall: wall)
        }
        record([(1, 1000), (2, 500)], at: 0)
        record([(1, 1001)], at: 1)
        record([(2, 501)], at: 2)
        #expect(state.snapshot.text("grid", .energyImport) == "1.500" && state.snapshot.text("grid", .energyImportT1) == "1.001")
        #expect(state.snapshot["grid"]?.problem == nil && state.snapshot.text("grid", .errors) == "2")
        record([(1, 1001), (2, 501)], at: 3)
        #expect(state.snapshot.text("grid", .energyImport) == "1.502")
        // After a restart, a tariff that is missing in the first reading is noticed as well.
        var next = MeterState()
        next.addOptical(grid, maxPower: 25_000, staleAfter: .seconds(30), remembered: state.memories["grid"] ?? MeterMemory())
        state = next
        record([(1, 1002)], at: 4)
        #expect(state.snapshot.text("grid", .energyImport) == nil && state.snapshot.text("grid", .energyImportT1) == "1.002")
        // A tariff that stays missing is dropped from the sum. The sum is then too low, which is reported for as long again.
        for second in 5...2000 { record([(1, 1002)], at: second) }
        #expect(state.snapshot.text("grid", .energyImport) == "1.002")
    }

    @Test(arguments: [true, false]) func anotherLifeGoesOnFromTheTotalsOfTheLast(_ isSameMeter: Bool) {
        var first = optical()
        first.record(reading(5_000_000, 700_000, serial: "1", at: 0), of: "grid", wall: wall)
        var next = MeterState()
        next.addOptical(grid, maxPower: 25_000, staleAfter: .seconds(30), remembered: first.memories["grid"] ?? MeterMemory())
        #expect(next.snapshot["grid"]?.values == MeasuredValues() && next.snapshot["grid"]?.serial == nil, "nothing was read yet")
        #expect(next.memories == first.memories, "but it is still known")
        let later = WallTime(millisecondsSince1970: wall.millisecondsSince1970 + 7_200_000)
        let serial = isSameMeter ? "1" : "2"
        next.record(reading(0, 0, serial: serial, at: 0), of: "grid", wall: later)
        next.record(reading(50_010_000, 700_000, serial: serial, at: 1), of: "grid", wall: later)
        #expect(next.snapshot.text("grid", .energyImport) == nil, "of another meter everything waits")
        #expect(next.snapshot.text("grid", .energyExport) == (isSameMeter ? "700.000" : nil))
        next.record(reading(5_010_000, 700_000, serial: serial, at: 61), of: "grid", wall: later)
        next.record(reading(5_010_000, 700_000, serial: serial, at: 122), of: "grid", wall: later)
        #expect(next.snapshot.text("grid", .energyImport) == "5010.000")
        #expect(next.takeRemarks().count == (isSameMeter ? 0 : 1))
    }

    @Test func silenceMakesItUnavailableAndKeepsTheValues() {
        var state = optical()
        state.record(reading(5000, at: 0), of: "grid", wall: wall)
        #expect(state.deadline == start + .seconds(30))
        state.advance(to: start + .seconds(29), wall: wall)
        #expect(state.snapshot["grid"]?.isAvailable == true)
        state.advance(to: start + .seconds(30), wall: wall)
        #expect(state.snapshot["grid"]?.isAvailable == false)
        #expect(state.snapshot["grid"]?.problem == "no valid reading for 30 s")
        #expect(state.snapshot.text("grid", .energyImport) == "5.000")
        state.record(reading(5001, at: 40), of: "grid", wall: wall)
        #expect(state.snapshot["grid"]?.isAvailable == true)
        #expect(state.snapshot["grid"]?.problem == nil)
    }

    /// A long readout at 300 Bd takes minutes and must not count as silence.
    @Test func aSlowMeterIsNoSilentOne() {
        var state = optical()
        for minute in 0..<10 {
            let now = start + .seconds(minute * 60)
            if minute > 1 { #expect((state.deadline ?? now) > now, "minute \(minute)") }
            state.advance(to: now, wall: wall)
            state.record(reading(5000 + Int64(minute), at: Double(minute) * 60), of: "grid", wall: wall)
        }
        state.note(problem: "no answer", of: "grid")
        state.record(reading(6000, at: 3600), of: "grid", wall: wall)
        #expect((state.deadline ?? start) <= start + .seconds(3780), "an outage is no pace")
    }

    @Test func theReadersProblemIsKeptWhileItLasts() {
        var state = optical()
        state.note(problem: "no answer", of: "grid")
        #expect(state.snapshot["grid"]?.problem == "no answer")
        state.note(problem: nil, of: "grid")
        #expect(state.snapshot["grid"]?.problem == nil)
    }

    /// A window that began at the first reading, anywhere between two steps, would be up to 20 % wrong.
    @Test(arguments: [60, 300, 550, 2500, -1500]) func theFirstPowerHasNoBias(_ watts: Int64) {
        for offset in 0..<10 {
            var state = optical()
            var first: Int64?
            for tick in 0..<1000 where first == nil {
                // A register that is refreshed once a second and read every 0.65 s.
                let second = (Double(tick) * 0.65).rounded(.down)
                let wattHours = Int64((Double(abs(watts)) * second / 3600 + Double(offset) / 10).rounded(.down))
                let (imported, exported) = watts > 0 ? (1000 + wattHours, Int64(500)) : (1000, 500 + wattHours)
                state.record(reading(imported, exported, at: Double(tick) * 0.65), of: "grid", wall: wall)
                first = state.snapshot.text("grid", .power).flatMap { Int64($0) }
            }
            // Each end of the window is seen up to 1.65 s late.
            let allowed = abs(watts) <= 300 ? 10 : 20
            #expect(first.map { abs($0 - watts) * 100 <= abs(watts) * Int64(allowed) } == true, "\(watts) W at \(offset): \(first ?? 0)")
        }
    }

    @Test func powerFallsWhenNoStepComes() {
        var state = optical()
        for tick in 0...60 { state.record(reading(1000 + Int64(tick) / 12, at: Double(tick)), of: "grid", wall: wall) }
        #expect(state.snapshot.text("grid", .power) == "299")
        state.record(reading(1005, at: 181), of: "grid", wall: wall)
        // Less than 1 Wh in the 120 s that are certain: at most 30 W.
        #expect(state.snapshot.text("grid", .power) == "12")
        #expect(state.snapshot.text("grid", .powerError) == "19")
        state.record(reading(1005, at: 400), of: "grid", wall: wall)
        #expect(state.snapshot.text("grid", .power) == "0")
        #expect(state.snapshot.text("grid", .powerError) == "12")
    }
}

@Suite struct LightTests {
    /// A meter with import and export in Wh, and an LED that pulses for each.
    private struct House {
        var state = optical()
        var light = PulseReading()
        var (imported, exported) = (Int64(1000), Int64(500))

        init() { state.addLight("light", of: "grid", pulsesPerUnit: Quantity(1000)) }

        mutating func read(at seconds: Double) { state.record(reading(imported, exported, at: seconds), of: "grid", wall: wall) }

        mutating func blink(at seconds: Double) {
            let at = start + .nanoseconds(Int64(seconds * 1e9))
            light.counted += 1
            light.lastPulse = at
            state.record(light, of: "light", now: at + .milliseconds(50), wall: wall)
        }

        var power: String? { state.snapshot.text("grid", .power) }
        var error: String? { state.snapshot.text("grid", .powerError) }
    }

    /// A pulse every 3.6 s; the register is refreshed up to a second later.
    private func importing() -> House {
        var house = House()
        house.read(at: 0)
        for pulse in 1...5 {
            let at = Double(pulse) * 3.6
            house.blink(at: at)
            house.imported += 1
            house.read(at: at + 0.9)
        }
        return house
    }

    @Test func itSaysWhenAndTheRegistersWhichWay() {
        var house = importing()
        #expect(house.power == "1000")
        #expect(house.error == "1")
        house.blink(at: 19)
        house.blink(at: 20)
        #expect(house.power == "3600", "before any register has shown it")
        house.exported += 2
        house.read(at: 20.5)
        #expect(house.power == "-3600")
    }

    @Test func itIsNoMeterOfItsOwn() {
        var house = importing()
        #expect(house.state.snapshot.meters.map(\.name) == ["grid"])
        #expect(house.state.snapshot.totals.isEmpty)
        #expect(house.state.setTotal(Quantity(5), of: "light", wall: wall) != nil)
    }

    @Test func withoutItTheRegistersMustDo() {
        var house = importing()
        house.light.problem = "the GPIO chip is gone"
        house.state.record(house.light, of: "light", now: start + .seconds(20), wall: wall)
        #expect(house.state.snapshot["grid"]?.problem == "light: the GPIO chip is gone")
        #expect(house.state.snapshot["grid"]?.isAvailable == true)
        for second in 20...80 {
            house.imported = 1005 + Int64(second - 20) / 12
            house.read(at: Double(second))
        }
        #expect(house.power.flatMap { Int64($0) }.map { (270...330).contains($0) } == true, "\(house.power ?? "none")")
        house.light.problem = nil
        house.state.record(house.light, of: "light", now: start + .seconds(81), wall: wall)
        #expect(house.state.snapshot["grid"]?.problem == nil)
    }

    /// The head slipped: the LED still pulses, but the sensor doesn't see it.
    @Test func aLightThatIsNotSeenIsLeftOut() {
        var house = importing()
        for second in 20...120 {
            house.imported = 1005 + Int64(second - 20) / 4
            house.read(at: Double(second))
        }
        #expect(house.power.flatMap { Int64($0) }.map { (855...945).contains($0) } == true, "\(house.power ?? "none")")
    }
}

@Suite struct PulseMeterTests {
    private func state(_ restored: StoredTotal, unit: Unit = .kilowattHours) -> MeterState {
        var state = MeterState()
        state.addPulse(
            MeterDescription(name: "heat", title: "Heat pump"), medium: unit == .kilowattHours ? .electricity : .water, unit: unit,
            pulsesPerUnit: Quantity(1000), restored: restored, wall: wall)
        return state
    }

    private func counted(_ count: Int64, at seconds: Double) -> PulseReading {
        var reading = PulseReading()
        reading.counted = count
        reading.lastPulse = count > 0 ? start + .nanoseconds(Int64(seconds * 1e9)) : nil
        return reading
    }

    /// A journal that can't be written doesn't make the line's counts invalid.
    @Test func aJournalThatFailsIsAProblemAlone() {
        var state = state(.new)
        var reading = counted(1, at: 1)
        reading.journalProblem = "no space"
        state.record(reading, of: "heat", now: start + .seconds(1), wall: wall)
        #expect(state.snapshot["heat"]?.problem == "no space")
        #expect(state.snapshot["heat"]?.isAvailable == true)
        state.record(counted(2, at: 2), of: "heat", now: start + .seconds(2), wall: wall)
        #expect(state.snapshot["heat"]?.problem == nil)
    }

    @Test func continuesFromWhatWasSaved() {
        var state = state(.total(PulseTotal(pulses: 41, base: Quantity(8000), basePulses: 40, pulsesPerUnit: Quantity(1000))))
        #expect(state.snapshot.text("heat", .energy) == "8000.001")
        state.record(counted(43, at: 1), of: "heat", now: start + .seconds(1), wall: wall)
        #expect(state.snapshot.text("heat", .energy) == "8000.003")
        #expect(state.snapshot.text("heat", .pulses) == "43")
        #expect(state.snapshot["heat"]?.total?.pulses == 43)
    }

    @Test func aDamagedTotalIsUnknownNotZero() {
        var state = state(.damaged("torn"))
        state.record(counted(5, at: 1), of: "heat", now: start + .seconds(1), wall: wall)
        #expect(state.snapshot.text("heat", .energy) == nil)
        #expect(state.snapshot["heat"]?.total == nil)
        #expect(state.snapshot["heat"]?.problem?.contains("set it") == true)
        #expect(state.setTotal(Quantity(77125, exponent: -3), of: "heat", wall: wall) == nil)
        #expect(state.snapshot.text("heat", .energy) == "77.125")
        state.record(counted(6, at: 2), of: "heat", now: start + .seconds(2), wall: wall)
        #expect(state.snapshot.text("heat", .energy) == "77.126")
        #expect(state.snapshot["heat"]?.problem == nil)
    }

    @Test func impossibleTotalsAreRefused() {
        var state = state(.new)
        #expect(state.setTotal(Quantity(-1), of: "heat", wall: wall) != nil)
        #expect(state.setTotal(Quantity(2_000_000_000), of: "heat", wall: wall) != nil)
        #expect(state.setTotal(Quantity(1), of: "cellar", wall: wall) != nil)
    }

    @Test func powerComesFromTheSpacingAndFalls() throws {
        var state = state(.new)
        for pulse in 0...4 {
            let at = Double(pulse) * 3.6
            state.record(counted(Int64(pulse) + 1, at: at), of: "heat", now: start + .nanoseconds(Int64(at * 1e9)), wall: wall)
        }
        #expect(state.snapshot.text("heat", .power) == "1000")
        let due = try #require(state.deadline)
        #expect(due > start + .seconds(18) && due < start + .seconds(25))
        state.advance(to: start + .seconds(14) + .seconds(36), wall: wall)
        // Less than 1 Wh in 35 s.
        #expect(state.snapshot.text("heat", .power) == "41")
        #expect(state.snapshot.text("heat", .powerError) == "62")
        var last = start + .seconds(50)
        var wakes = 0
        while let deadline = state.deadline, deadline < start + .seconds(10_000) {
            last = deadline
            state.advance(to: deadline, wall: wall)
            wakes += 1
        }
        #expect(state.snapshot.text("heat", .power) == "0")
        #expect(last < start + .seconds(400) && wakes < 60)
        #expect(state.deadline == nil, "nothing to wake up for")
    }

    @Test func waterIsAVolumeWithAFlow() {
        var state = state(.new, unit: .cubicMetres)
        state.record(counted(1, at: 0), of: "heat", now: start, wall: wall)
        state.record(counted(2, at: 36), of: "heat", now: start + .seconds(36), wall: wall)
        #expect(state.snapshot.text("heat", .volume) == "0.002")
        #expect(state.snapshot.text("heat", .flow) == "0.100")
        #expect(state.snapshot.text("heat", .energy) == nil)
    }
}

@Suite struct WholeStateTests {
    private func gas(_ reading: Int64, _ serial: String = "A", channel: UInt8 = 1) -> [Register] {
        [
            Register(OBISCode(0, channel, 24, 1, 0, 255), .text("003")),
            Register(OBISCode(0, channel, 96, 1, 0, 255), .text("No" + serial)),
            Register(OBISCode(0, channel, 24, 2, 1, 255), .number(Quantity(reading, exponent: -3), .cubicMetres)),
        ]
    }

    private func read(_ registers: [Register], at second: Int, _ meter: String = "grid", in state: inout MeterState) {
        state.record(Readout(registers, at: start + .seconds(second)), of: meter, wall: wall)
    }

    /// `turns` changes when the state must be saved, which includes the exchange of a meter behind another one.
    @Test func turnsOfTheMetersBehind() {
        var state = optical()
        #expect(state.turns == 0)
        read(gas(1000), at: 0, in: &state)
        let first = state.turns
        read(gas(1001), at: 1, in: &state)
        #expect(state.turns == first)
        for second in [2, 3, 62] { read(gas(5, "B"), at: second, in: &state) }
        #expect(state.turns == first + 1 && state.takeRemarks().count == 1)
    }

    @Test func whatHasMoved() {
        var state = optical()
        state.addOptical(MeterDescription(name: "garage", title: "Garage"), maxPower: 25_000, staleAfter: .seconds(30))
        let nothing = state.takeMoved()
        #expect(nothing == nil)
        state.record(reading(1000, at: 0), of: "garage", wall: wall)
        let moved = state.takeMoved()
        #expect(moved?.meter == "garage" && moved?.memory.totals[.energyImport]?.value == Quantity(1000, exponent: -3))
        let again = state.takeMoved()
        state.record(reading(1000, at: 1), of: "garage", wall: wall)
        let same = state.takeMoved()
        #expect(again == nil && same == nil)
        read(gas(1000), at: 2, in: &state)
        let behind = state.takeMoved()
        #expect(behind?.meter == "grid" && behind?.memory.channels[1]?.totals[.volume]?.value == Quantity(1000, exponent: -3))
        read(gas(1000), at: 3, in: &state)
        let still = state.takeMoved()
        #expect(still == nil)
    }

    /// The earliest deadline of all meters; pulse meters may have none.
    @Test func deadlines() {
        var state = MeterState()
        #expect(state.deadline == nil)
        state.addPulse(
            MeterDescription(name: "heat", title: "Heat"), medium: .electricity, unit: .kilowattHours, pulsesPerUnit: Quantity(1000),
            restored: .new, wall: wall)
        for (name, seconds) in [("grid", 40), ("garage", 20)] {
            state.addOptical(
                MeterDescription(name: name, title: name), maxPower: 25_000, staleAfter: .seconds(seconds), since: start)
        }
        #expect(state.deadline == start + .seconds(20))
        var reading = PulseReading()
        for count in 1...2 as ClosedRange<Int64> {
            (reading.counted, reading.lastPulse) = (count, start + .seconds(3 * count))
            state.record(reading, of: "heat", now: start + .seconds(3 * count), wall: wall)
        }
        #expect(state.deadline == start + .milliseconds(9202) && state.deadline(ofPulses: false) == start + .seconds(20))
        state.advance(to: start + .seconds(20), wall: wall)
        #expect(state.deadline(ofPulses: false) == start + .seconds(40))
    }

    /// Four channels are remembered; a channel whose name contains its number keeps the name.
    @Test func whatIsRememberedBehind() {
        var memory = MeterMemory()
        for channel in 0...5 as ClosedRange<UInt8> { memory.channels[channel] = MeterMemory(serial: "\(channel)") }
        memory.channels[2]?.name = "grid_gas_2"
        memory.channels[3]?.name = "grid_gas"
        var state = MeterState()
        state.addOptical(grid, maxPower: 25_000, staleAfter: .seconds(30), remembered: memory)
        #expect(state.memories["grid"]?.channels.keys.sorted() == [1, 2, 3, 4])
        read(gas(1, channel: 2) + gas(1, channel: 1) + gas(1, channel: 3), at: 0, in: &state)
        #expect(state.snapshot.meters.map(\.name) == ["grid", "grid_gas_2", "grid_gas_1", "grid_gas"])
    }

    /// Up to a billion units, with up to nine decimals.
    @Test func possibleTotals() {
        var state = MeterState()
        state.addPulse(
            MeterDescription(name: "heat", title: "Heat"), medium: .electricity, unit: .kilowattHours, pulsesPerUnit: Quantity(1000),
            restored: .new, wall: wall)
        for (text, isPossible) in [
            ("0", true), ("1000000000", true), ("1000000000.000000001", false), ("1000000001", false), ("0.000000001", true),
            ("0.0000000001", false), ("-0.1", false),
        ] {
            let refusal = state.setTotal(Quantity(text) ?? Quantity(-1), of: "heat", wall: wall)
            #expect((refusal == nil) == isPossible, "\(text)")
        }
    }
}
