import Testing

@testable import Metering

private let start = Instant(nanoseconds: 1_000_000_000_000)
private let wall = WallTime(millisecondsSince1970: 1_700_000_000_000)
private func at(_ seconds: Double) -> Instant { start + .nanoseconds(Int64((seconds * 1e9).rounded())) }

/// A line whose pulses are reported as they arrive.
private struct Line {
    var meter: PulseMeterState
    var reading = PulseReading()

    init(_ restored: StoredTotal = .new, unit: Unit = .kilowattHours, pulsesPerUnit: Quantity = Quantity(1000)) {
        meter = PulseMeterState(
            MeterDescription(name: "heat", title: "Heat"), medium: unit == .kilowattHours ? .electricity : .water, unit: unit,
            pulsesPerUnit: pulsesPerUnit, restored: restored, wall: wall)
    }

    mutating func pulse(_ seconds: Double, pulses: Int64 = 1, before: Double? = nil) {
        reading.counted += pulses
        reading.lastPulse = at(seconds)
        reading.pulseBefore = before.map { at($0) }
        tell(seconds)
    }

    mutating func tell(_ seconds: Double) { meter.record(reading, now: at(seconds), wall: wall) }

    subscript(_ measurand: Measurand) -> String? { meter.snapshot.values[measurand]?.text }
}

@Suite struct PulseMeterStateTests {
    /// Pulses of 1 Wh every 3.6 s, with contact and timestamp exact to 2 ms: 1000 W, at most 0.6 W more.
    @Test func powerAndItsError() {
        var line = Line()
        #expect(line.meter.snapshot.expected == [.power, .powerError])
        line.pulse(0)
        #expect(line[.power] == nil && line[.powerError] == nil)
        line.pulse(3.6)
        #expect(line[.power] == "1000" && line[.powerError] == "2" && line[.flow] == nil)
        // With 800 pulses per kWh it is 1250 W.
        var other = Line(pulsesPerUnit: Quantity(800))
        other.pulse(0)
        other.pulse(3.6)
        #expect(other[.power] == "1250")
        // And 100 L per hour.
        var water = Line(unit: .cubicMetres)
        #expect(water.meter.snapshot.expected == [.flow])
        water.pulse(0)
        water.pulse(36)
        #expect(water[.flow] == "0.100" && water[.power] == nil && water[.powerError] == nil)
    }

    /// Several pulses may be reported together.
    @Test func thePulseBeforeHasItsTime() {
        func power(_ before: Double?) -> String? {
            var line = Line()
            line.pulse(0)
            line.pulse(4, pulses: 2, before: before)
            return line[.power]
        }
        #expect(power(nil) == "1800" && power(3) == "3600")
        var line = Line()
        line.pulse(0)
        line.pulse(3.6, before: 0)
        #expect(line[.power] == "1000" && line.meter.snapshot.readings == 2)
        // The first two pulses of all give an interval.
        var first = Line()
        first.pulse(4, pulses: 9, before: 0.4)
        #expect(first[.power] == "1000")
    }

    /// A pulse is reported at most 200 ms after it began. After that the rate is checked every two seconds, later after a tenth of the time passed.
    @Test func whenItIsLookedAtAgain() {
        var line = Line()
        line.pulse(0)
        #expect(line.meter.deadline == at(300.2))
        line.pulse(3.6)
        // At most 3.602 s to the next pulse.
        #expect(line.meter.deadline == at(7.402))
        line.meter.advance(to: at(7.401), wall: wall)
        #expect(line.meter.deadline == at(7.402) && line[.power] == "1000")
        line.meter.advance(to: at(7.402), wall: wall)
        #expect(line.meter.deadline == at(9.402))
        line.meter.advance(to: at(9.402), wall: wall)
        // 5.602 s and 2 ms without a pulse: 1.5625 / (5.604 / 3.6)² of 642 W.
        #expect(line[.power] == "414" && line.meter.deadline == at(11.402))
        line.meter.advance(to: at(107.202), wall: wall)
        #expect(line.meter.deadline == at(117.202))
        line.meter.advance(to: at(303.8), wall: wall)
        #expect(line[.power] == "0" && line.meter.deadline == nil)
        line.pulse(400)
        #expect(line[.power] != "0" && line.meter.deadline != nil)
    }

    @Test func whatWasReadAndWhen() {
        var line = Line()
        #expect(line.meter.snapshot.readings == 0 && line.meter.snapshot.readAt == nil && !line.meter.snapshot.isAvailable)
        line.tell(1)
        #expect(line.meter.snapshot.readings == 0 && line[.lastReading] == nil && line.meter.snapshot.isAvailable)
        line.pulse(2)
        #expect(line.meter.snapshot.readings == 1 && line.meter.snapshot.readAt == wall && line[.lastReading] == wall.rfc3339)
        line.tell(3)
        #expect(line.meter.snapshot.readings == 1)
        line.meter.set(Quantity(5), wall: wall)
        #expect(line.meter.snapshot.readings == 2 && line[.energy] == "5.000")
    }

    @Test func howManyWereLostAndRecovered() {
        var line = Line()
        line.reading.lost = 3
        line.reading.recovered = 2
        line.pulse(1)
        #expect(line[.pulsesLost] == "3" && line[.pulsesRecovered] == "2" && line[.pulses] == "1")
    }

    @Test func allThatIsWrongIsSaid() {
        var line = Line(.damaged("torn"))
        #expect(line.meter.snapshot.problem == "the saved total can't be read (torn): set it" && line.meter.snapshot.lacksTotal)
        line.reading.problem = "no line"
        line.tell(1)
        line.meter.note(savingProblem: "no space")
        #expect(line.meter.snapshot.problem == "no line; the saved total can't be read (torn): set it; no space")
        #expect(!line.meter.snapshot.isAvailable)
        line.reading.problem = nil
        line.reading.journalProblem = "no journal"
        line.tell(2)
        #expect(line.meter.snapshot.problem == "the saved total can't be read (torn): set it; no space; no journal")
        line.meter.set(Quantity(5), wall: wall)
        #expect(line.meter.snapshot.problem == "no space; no journal" && !line.meter.snapshot.lacksTotal)
        line.meter.note(savingProblem: nil)
        line.reading.journalProblem = nil
        line.tell(3)
        #expect(line.meter.snapshot.problem == nil && line.meter.snapshot.isAvailable)
    }

    /// Pulses that were counted during an outage have no time.
    @Test func anOutageIsNoInterval() {
        var line = Line()
        line.pulse(0)
        line.pulse(3.6)
        line.reading.problem = "no line"
        line.tell(4)
        line.reading.problem = nil
        line.pulse(100, pulses: 2)
        #expect(line.meter.deadline == at(400.2))
        line.pulse(107.2)
        #expect(line[.power] == "500")
    }

    // MARK: The total

    private let saved = PulseTotal(pulses: 41, base: Quantity(8000), basePulses: 40, pulsesPerUnit: Quantity(1000))

    @Test func goesOnWithAnotherConstant() {
        var line = Line(.older(saved, "torn"), pulsesPerUnit: Quantity(500))
        line.reading.counted = 41
        line.pulse(1)
        #expect(line[.energy] == "8000.003" && line[.pulses] == "42")
    }

    @Test func aTotalThatWaitsForTheBrokerIsNotShown() {
        let unsettled = PulseTotal(pulses: 2, pulsesPerUnit: Quantity(1000), origin: .unsettled)
        let line = Line(.total(unsettled))
        #expect(line.meter.snapshot.lacksTotal && line[.energy] == nil && line[.pulses] == nil && line.meter.snapshot.knownTotal == nil)
        var found = line
        found.meter.settle(.found(Quantity(8000)), wall: wall)
        #expect(found[.energy] == "8000.002" && found.meter.snapshot.problem?.contains("continues from the broker's") == true)
        found.meter.settle(.found(Quantity(9000)), wall: wall)
        #expect(found[.energy] == "8000.002", "once")
        var none = line
        none.meter.settle(.nothing, wall: wall)
        #expect(none[.energy] == "0.002" && none.meter.snapshot.problem == nil)
        var unreadable = line
        unreadable.meter.settle(.unreadable("not a number"), wall: wall)
        let problem = "no saved total, and the broker's can't be read (not a number): set it"
        #expect(unreadable[.energy] == nil && unreadable.meter.snapshot.problem == problem)
        unreadable.meter.settle(.unanswered, wall: wall)
        #expect(unreadable.meter.snapshot.problem == problem, "the first reason stays")
        var unanswered = line
        unanswered.meter.settle(.unanswered, wall: wall)
        #expect(unanswered.meter.snapshot.problem?.contains("can't be asked") == true && unanswered[.energy] == nil)
        var long = line
        long.meter.settle(.found(Quantity(999_999_999_999_999_999)), wall: wall)
        #expect(long[.energy] == "999999999999999999" || long.meter.snapshot.problem?.contains("too many digits") == true)
    }

    /// A total whose record was corrupted must not restart at 0.
    @Test func aDamagedTotalNeedsMoreThanNothing() {
        var line = Line(.damaged("torn"))
        line.reading.counted = 6
        line.pulse(1)
        line.meter.settle(.nothing, wall: wall)
        #expect(line[.energy] == nil && line.meter.snapshot.problem?.contains("torn") == true)
        line.meter.settle(.found(Quantity(8000)), wall: wall)
        #expect(line[.energy] == "8000.007" && line[.pulses] == "7", "with what has come since")
    }

    @Test func tellsTheDriftOfItsTotal() {
        var total = PulseTotal(pulses: 700, pulsesPerUnit: Quantity(1000))
        total.set(Quantity(50_000, exponent: -1), at: wall)
        total.pulses += 102_340
        var line = Line(.total(total))
        #expect(line[.drift] == nil && line[.driftPulses] == nil && line[.driftPercent] == nil)
        line.meter.set(Quantity(51_000, exponent: -1), wall: WallTime(millisecondsSince1970: wall.millisecondsSince1970 + 86_400_000))
        #expect(line[.driftPulses] == "2340" && line[.driftPercent] == "2.34")
        #expect(line[.drift] == "too many pulses: bounce or interference")
        let next = line.meter.snapshot.total.map { Line(.total($0)) }
        #expect(next?[.driftPulses] == "2340")
    }
}
