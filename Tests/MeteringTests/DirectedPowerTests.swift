import Testing

@testable import Metering

private let start = Instant(nanoseconds: 1_000_000_000_000)
private func at(_ seconds: Double) -> Instant { start + .nanoseconds(Int64((seconds * 1e9).rounded())) }

/// Wh registers read once a second, with no delay: a step seen in a reading happened within the 2 s before it.
private struct Registers {
    var power = DirectedPower()
    var imported: Int64 = 1000
    var exported: Int64 = 500
    var exponent = -3
    var now = 0.0
    var limit: Int64 = 25_000

    /// Reads once a second until `end`.
    mutating func read(until end: Double, onlyImport: Bool = false) {
        while now <= end {
            let readout = Readout([], at: at(now))
            power.record(Quantity(imported, exponent: exponent), .imported, in: readout)
            if !onlyImport { power.record(Quantity(exported, exponent: exponent), .exported, in: readout) }
            now += 1
        }
    }

    /// Steps at intervals of `seconds`; the last one has just been read.
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

    /// The session shows more digits than the readout before it: that is not a step of either register.
    @Test func anotherNumberOfDigitsIsNoStep() {
        var meter = Registers(imported: 10, exported: 5, exponent: -1)
        meter.read(until: 3)
        (meter.imported, meter.exported, meter.exponent) = (1000, 500, -3)
        meter.read(until: 100)
        #expect(meter.estimate == nil)
    }

    /// 300 W. The counts 1 and 2 come within (10 s, 12 s] and (22 s, 24 s], and count 0 by 0 s: at least 11 s and at most 14 s per Wh. The
    /// error is certain to be below 39 W, and likely to be below 22 W, which is published. It narrows to 15 W, until that is certain.
    @Test func theFirstIsLikelyAndNarrows() {
        var meter = Registers()
        meter.read(until: 0)
        meter.importing(every: 12, steps: 1)
        #expect(meter.estimate == nil)
        let expected = [(288, 23), (296, 16), (298, 16), (299, 13)].map { Estimate(watts: $0.0, error: $0.1) }
        for estimate in expected {
            meter.importing(every: 12, steps: 1)
            #expect(meter.estimate == estimate)
        }
    }

    /// 1 kW. After two steps it is 2.5 s to 5 s per Wh, 960 W with a likely error of 264 W: more than a fifth. The third one makes it at
    /// least 3 s and at most 4.5 s.
    @Test func theFirstMustBeGood() {
        var meter = Registers()
        meter.read(until: 0)
        meter.importing(every: 4, steps: 1)
        #expect(meter.estimate == nil)
        meter.importing(every: 3, steps: 1)
        #expect(meter.estimate == nil)
        meter.importing(every: 4, steps: 1)
        #expect(meter.estimate == Estimate(watts: 960, error: 133))
    }

    /// The load falls before the error was ever small: the error of the estimate is the whole one.
    @Test func anOverdueStepHasNoLikelyError() {
        var meter = Registers()
        meter.read(until: 0)
        meter.importing(every: 12, steps: 2)
        #expect(meter.estimate == Estimate(watts: 288, error: 23))
        // 25 s to 27 s after the last step: less than 1 Wh in 25 s is less than 144 W.
        meter.read(until: 50)
        #expect(meter.estimate == Estimate(watts: 53, error: 92))
    }

    /// 100 W: a single interval of 35 s to 38 s is off by at most 4 W.
    @Test func twoStepsOfASmallLoadAreGoodEnough() {
        var meter = Registers()
        meter.read(until: 0)
        meter.importing(every: 36, steps: 1)
        #expect(meter.estimate == nil)
        meter.importing(every: 36, steps: 1)
        #expect(meter.estimate == Estimate(watts: 99, error: 5))
        // Later estimates are published with any error: 300 s without a step mean less than 12 W.
        meter.read(until: meter.now - 1 + 301)
        #expect(meter.estimate == Estimate(watts: 0, error: 13))
    }

    /// A register in hundredths of kWh.
    @Test func theUnitIsThatOfTheLastDigit() {
        var meter = Registers(exponent: -2)
        meter.read(until: 0)
        meter.importing(every: 360, steps: 2)
        #expect(meter.estimate == Estimate(watts: 100, error: 1))
    }

    /// After a change of direction, at most 1 Wh has flowed since the other register's last step.
    @Test func theOtherDirectionBeginsAnew() {
        var meter = Registers()
        meter.read(until: 0)
        meter.importing(every: 36, steps: 2)
        #expect(meter.estimate?.watts == 99)
        // The import stepped between 70 s and 72 s, the export between 78 s and 80 s: 1 Wh in 8 s is 450 W, and 0.4 of that is the estimate.
        meter.read(until: 79)
        meter.exported += 1
        meter.read(until: 80)
        #expect(meter.estimate == Estimate(watts: -180, error: 181))
        // The direction changes again after 10 s.
        meter.read(until: 89)
        meter.imported += 1
        meter.read(until: 90)
        #expect(meter.estimate == Estimate(watts: 144, error: 145))
    }

    /// Less than 1 Wh in 300 s is less than 12 W. Both registers must have been read.
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

/// The meter's LED: 3600 W are one pulse per second.
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

    /// Up to a fifth more than the connection's limit is accepted.
    @Test(arguments: [(0.121, Int64?(29_752)), (0.119, nil)]) func hasALimit(_ interval: Double, _ watts: Int64?) {
        var meter = importing()
        for count in 0...2 { meter.power.recordLight(Int64(count) + 1, at: at(11 + Double(count) * interval)) }
        #expect(meter.estimate?.watts == watts)
    }

    /// If two pulses are reported together, the time of the first is reported as well.
    @Test func theOneBeforeHasItsTimeToo() {
        func estimate(after before: Double?) -> Int64? {
            var meter = importing()
            meter.power.recordLight(1, at: at(11))
            meter.power.recordLight(3, at: at(13), after: before.map { at($0) })
            return meter.estimate?.watts
        }
        #expect(estimate(after: nil) == 3600 && estimate(after: 12.5) == 7200)
        // The time is that of the newest known pulse, or earlier pulses are missing.
        var meter = importing()
        meter.power.recordLight(1, at: at(11))
        meter.power.recordLight(2, at: at(12), after: at(11))
        #expect(meter.estimate == Estimate(watts: 3600, error: 8))
        meter.power.recordLight(2, at: at(12), after: at(11))
        #expect(meter.estimate == Estimate(watts: 3600, error: 8), "the same once more is nothing new")
    }

    /// Pulses are reported at most 200 ms late: a reading proves that there was none until 200 ms before it.
    @Test func fallsWithTheReadings() {
        var meter = importing()
        for count in 1...3 as ClosedRange<Int64> { meter.power.recordLight(count, at: at(10 + Double(count))) }
        meter.read(until: 14)
        // 0.8 s after the pulse, within the usual second.
        #expect(meter.estimate?.watts == 3600)
        meter.read(until: 15)
        // 1.8 s after it: the rate is at most 2000 W, and 1.5625 / 1.802² of 3600 W, about half of that, is the estimate.
        #expect(meter.estimate?.watts == 961)
    }

    /// Five steps of the register without a pulse mean that the head doesn't see the LED.
    @Test func isLeftOutWhenItIsNotSeen() {
        var meter = importing()
        for count in 1...3 as ClosedRange<Int64> { meter.power.recordLight(count, at: at(10 + Double(count))) }
        #expect(meter.estimate?.watts == 3600)
        meter.importing(every: 4, steps: 4)
        // 12.802 s after the last pulse: 0.4 of one pulse in that time.
        #expect(meter.estimate?.watts == 112)
        var seen = meter
        seen.power.recordLight(4, at: at(meter.now))
        seen.importing(every: 4, steps: 4)
        // 14 s after the previous pulse, and 14.802 s ago.
        #expect(seen.estimate?.watts == 97, "a pulse begins the five anew")
        meter.importing(every: 4, steps: 1)
        #expect(meter.estimate?.watts == 900)
    }

    /// Pulses that were counted while the line was not read have no time.
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
