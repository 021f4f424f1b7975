import Testing

@testable import Metering

private let start = Instant(nanoseconds: 1_000_000_000_000)
private func at(_ seconds: Double) -> Instant { start + .nanoseconds(Int64((seconds * 1e9).rounded())) }

/// Registers of Wh that are read once a second, in no time: a step that is seen at a reading came within the 2 s before it.
private struct Registers {
    var power = DirectedPower()
    var imported: Int64 = 1000
    var exported: Int64 = 500
    var exponent = -3
    var now = 0.0
    var limit: Int64 = 25_000

    /// Reads until `end`; what has stepped shows it from then on.
    mutating func read(until end: Double, onlyImport: Bool = false) {
        while now <= end {
            let readout = Readout([], at: at(now))
            power.record(Quantity(imported, exponent: exponent), .imported, in: readout)
            if !onlyImport { power.record(Quantity(exported, exponent: exponent), .exported, in: readout) }
            now += 1
        }
    }

    /// A step every so many seconds, the last one just read.
    mutating func importing(every seconds: Double, steps: Int) {
        for _ in 0..<steps {
            read(until: now + seconds - 2)
            imported += 1
            read(until: now)
        }
    }

    var estimate: DirectedPower.Estimate? { mutating get { power.estimate(below: limit) } }
}

@Suite struct DirectedPowerTests {
    typealias Estimate = DirectedPower.Estimate

    /// 300 W: what is said first must be known to 15 W. Of the steps' interval of 12 s the fourth leaves 11.5 s and more, 313 W.
    @Test func theFirstMustBeGood() {
        var meter = Registers()
        meter.read(until: 0)
        meter.importing(every: 12, steps: 4)
        #expect(meter.estimate == nil)
        meter.importing(every: 12, steps: 1)
        #expect(meter.estimate == Estimate(watts: 300, error: 14))
    }

    /// 100 W: one interval of 34 s to 38 s is 6 W more at most, 5 % or not.
    @Test func aFewWattsAreGoodEnough() {
        var meter = Registers()
        meter.read(until: 0)
        meter.importing(every: 36, steps: 1)
        #expect(meter.estimate == nil)
        meter.importing(every: 36, steps: 1)
        #expect(meter.estimate == Estimate(watts: 100, error: 7))
        // What follows is said as well as it is known: 300 s without a step are less than 12 W.
        meter.read(until: meter.now - 1 + 301)
        #expect(meter.estimate == Estimate(watts: 0, error: 13))
    }

    /// A register of hundredths of kWh.
    @Test func theUnitIsThatOfTheLastDigit() {
        var meter = Registers(exponent: -2)
        meter.read(until: 0)
        meter.importing(every: 360, steps: 2)
        #expect(meter.estimate == Estimate(watts: 100, error: 2))
    }

    /// At most 1 Wh in the time since the last step of the other one.
    @Test func theOtherDirectionBeginsAnew() {
        var meter = Registers()
        meter.read(until: 0)
        meter.importing(every: 36, steps: 2)
        #expect(meter.estimate?.watts == 100)
        // The import stepped between 70 s and 72 s, the export between 78 s and 80 s: 1 Wh in 8 s is 450 W, and 0.4 of that is likely.
        meter.read(until: 79)
        meter.exported += 1
        meter.read(until: 80)
        #expect(meter.estimate == Estimate(watts: -180, error: 181))
        // Back again after 10 s.
        meter.read(until: 89)
        meter.imported += 1
        meter.read(until: 90)
        #expect(meter.estimate == Estimate(watts: 144, error: 145))
    }

    /// Less than 1 Wh in 300 s are 12 W. What the other register says must be known as well.
    @Test func nothingFlowsInEitherDirection() {
        var one = Registers()
        one.read(until: 299, onlyImport: true)
        #expect(one.estimate == nil)
        one.read(until: 300, onlyImport: true)
        #expect(one.estimate == Estimate(watts: 0, error: 13))
        var both = Registers()
        both.read(until: 49, onlyImport: true)
        both.read(until: 349)
        #expect(both.estimate == nil)
        both.read(until: 350)
        #expect(both.estimate == Estimate(watts: 0, error: 13), "the export was seen for 300 s")
    }

    @Test func forgetsEverythingButItsLight() {
        var meter = Registers()
        meter.power.follow(lightOfWatts: 3600)
        meter.read(until: 0)
        meter.importing(every: 36, steps: 2)
        #expect(meter.estimate != nil)
        meter.power.forget()
        #expect(meter.estimate == nil)
        meter.importing(every: 36, steps: 1)
        #expect(meter.estimate == nil)
        for second in 0...1 { meter.power.recordLight(Int64(second) + 1, at: at(meter.now + Double(second))) }
        #expect(meter.estimate == Estimate(watts: 3600, error: 8))
    }
}

/// The light of a meter: 3600 W are a pulse in each second.
@Suite struct DirectedLightTests {
    typealias Estimate = DirectedPower.Estimate

    /// A first step of import at 10 s, read at 10 s.
    private func importing() -> Registers {
        var meter = Registers()
        meter.power.follow(lightOfWatts: 3600)
        meter.read(until: 9)
        meter.imported += 1
        meter.read(until: 10)
        return meter
    }

    @Test func saysNothingWithoutADirection() {
        var meter = Registers()
        meter.power.follow(lightOfWatts: 3600)
        meter.read(until: 0)
        for count in 1...3 as ClosedRange<Int64> { meter.power.recordLight(count, at: at(Double(count))) }
        #expect(meter.estimate == nil)
        meter.imported += 3
        meter.read(until: 3)
        #expect(meter.estimate?.watts == 3600)
    }

    /// A fifth more than the connection has is believed, and no more.
    @Test(arguments: [(0.121, Int64?(29_752)), (0.119, nil)]) func hasALimit(_ interval: Double, _ watts: Int64?) {
        var meter = importing()
        for count in 0...2 { meter.power.recordLight(Int64(count) + 1, at: at(11 + Double(count) * interval)) }
        #expect(meter.estimate?.watts == watts)
    }

    /// Of two pulses that are told at once, it is known when the first came.
    @Test func theOneBeforeHasItsTimeToo() {
        func estimate(after before: Double?) -> Int64? {
            var meter = importing()
            meter.power.recordLight(1, at: at(11))
            meter.power.recordLight(3, at: at(13), after: before.map { at($0) })
            return meter.estimate?.watts
        }
        #expect(estimate(after: nil) == 3600 && estimate(after: 12.5) == 7200)
        // It is the newest that is known already, or nothing is known of those before it.
        var meter = importing()
        meter.power.recordLight(1, at: at(11))
        meter.power.recordLight(2, at: at(12), after: at(11))
        #expect(meter.estimate == Estimate(watts: 3600, error: 8))
        meter.power.recordLight(2, at: at(12), after: at(11))
        #expect(meter.estimate == Estimate(watts: 3600, error: 8), "the same once more is nothing new")
    }

    /// Pulses are told 200 ms late at most: so long after a reading that shows none, none has come.
    @Test func fallsWithTheReadings() {
        var meter = importing()
        for count in 1...3 as ClosedRange<Int64> { meter.power.recordLight(count, at: at(10 + Double(count))) }
        meter.read(until: 14)
        // 0.8 s after the pulse: within the usual second.
        #expect(meter.estimate?.watts == 3600)
        meter.read(until: 15)
        // 1.8 s: of 2000 W, 1.5625 / 1.802² are likely.
        #expect(meter.estimate?.watts == 961)
    }

    /// Five steps of the registers without a pulse: its head sees nothing.
    @Test func isLeftOutWhenItIsNotSeen() {
        var meter = importing()
        for count in 1...3 as ClosedRange<Int64> { meter.power.recordLight(count, at: at(10 + Double(count))) }
        #expect(meter.estimate?.watts == 3600)
        meter.importing(every: 4, steps: 4)
        // 12.802 s after the last pulse, 0.4 of what a pulse in that time would be.
        #expect(meter.estimate?.watts == 112)
        var seen = meter
        seen.power.recordLight(4, at: at(meter.now))
        seen.importing(every: 4, steps: 4)
        // 14 s after the one before; 14.802 s ago.
        #expect(seen.estimate?.watts == 97, "a pulse begins the five anew")
        meter.importing(every: 4, steps: 1)
        #expect(meter.estimate?.watts == 900)
    }

    /// What came while the line was not read has no time.
    @Test func losesItsLight() {
        var meter = importing()
        for count in 1...3 as ClosedRange<Int64> { meter.power.recordLight(count, at: at(10 + Double(count))) }
        meter.power.losesLight()
        meter.power.recordLight(9, at: at(14))
        #expect(meter.estimate?.watts != 3600)
        meter.power.recordLight(10, at: at(15))
        #expect(meter.estimate?.watts == 3600)
    }
}
