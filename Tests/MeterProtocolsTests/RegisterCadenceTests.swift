import MeterProtocols
import Metering
import Testing

@Suite struct RegisterCadenceTests {
    private let imported = OBISCode(1, 8, 0)
    private let exported = OBISCode(2, 8, 0)

    private func register(_ code: OBISCode, _ wattHours: Int64) -> Register {
        Register(code, .number(Quantity(wattHours, exponent: -3), .kilowattHours))
    }

    /// A cadence that has seen the active register step.
    private func cadence(every: Duration, active: OBISCode, isEven: Bool = false) -> RegisterCadence {
        var cadence = RegisterCadence(every: every, isEven: isEven)
        #expect(cadence.note(register(active, 1)) == false)
        #expect(cadence.note(register(active, 2)) == false, "the first direction is no change")
        return cadence
    }

    @Test func allAreReadUntilADirectionIsKnown() {
        var cadence = RegisterCadence(every: .zero, isEven: false)
        #expect(cadence.round(of: [imported, exported]) == [imported, exported])
        #expect(cadence.note(register(imported, 5)) == false)
        #expect(cadence.note(register(imported, 5)) == false)
        #expect(cadence.round(of: [imported, exported]) == [imported, exported])
    }

    /// A step between the readout and the session shows the direction. More digits in the session are no step.
    @Test func theReadoutIsCompared() {
        var cadence = RegisterCadence(every: .zero, isEven: false)
        cadence.begin(with: [register(imported, 5), register(exported, 5), register(OBISCode(1, 8, 1), 5)])
        #expect(cadence.round(of: [imported, exported]) == [imported, exported])
        #expect(cadence.note(Register(imported, .number(Quantity(5009, exponent: -6), .kilowattHours))) == false)
        #expect(cadence.round(of: [imported, exported]) == [imported, exported])
        #expect(cadence.note(register(exported, 6)) == false, "the first direction is no change")
        #expect(cadence.round(of: [imported, exported]) == [exported, exported, exported, exported, imported])
        #expect(cadence.note(Register(imported, .text("5"))) == false)
        #expect(cadence.note(register(imported, 6)) == false, "nothing is known of it before")
        #expect(cadence.note(register(imported, 7)) == true)
    }

    @Test func theActiveDirectionIsReadMoreOften() {
        var cadence = cadence(every: .zero, active: exported)
        #expect(cadence.round(of: [imported, exported]) == [exported, exported, exported, exported, imported])
        #expect(cadence.note(register(imported, 1)) == false)
        #expect(cadence.note(register(imported, 2)) == true)
        #expect(cadence.round(of: [imported, exported]) == [imported, imported, imported, imported, exported])
    }

    @Test func tariffsTakeTurns() {
        let tariffs = [OBISCode(1, 8, 1), OBISCode(1, 8, 2)]
        var cadence = cadence(every: .zero, active: imported)
        let rounds = (0..<4).map { _ in cadence.round(of: [imported, exported] + tariffs) }
        for round in rounds { #expect(round.prefix(5) == [imported, imported, imported, imported, exported] && round.count == 6) }
        #expect(Set(rounds.prefix(2).map { $0[5] }) == Set(tariffs))
        #expect(rounds[0] == rounds[2] && rounds[1] == rounds[3])
    }

    /// A change of direction is noticed within two seconds, or within a round if rounds are longer.
    @Test func atSetTimesTheIdleDirectionIsReadEveryTwoSeconds() {
        var everySecond = cadence(every: .seconds(1), active: imported)
        let short = (0..<4).map { _ in everySecond.round(of: [imported, exported]).count }
        #expect(short == [1, 2, 1, 2])
        var everyMinute = cadence(every: .seconds(60), active: imported)
        let long = (0..<3).map { _ in everyMinute.round(of: [imported, exported]).count }
        #expect(long == [2, 2, 2])
    }

    @Test func withPowerOrPulsesAllAreAlike() {
        let power = OBISCode(16, 7, 0)
        var telling = cadence(every: .zero, active: imported)
        #expect(telling.round(of: [power, imported, exported]) == [power, imported, exported])
        var pulsed = cadence(every: .zero, active: imported, isEven: true)
        #expect(pulsed.round(of: [imported, exported]) == [imported, exported])
    }

    /// The number of rounds per look at the idle direction: a look every two seconds, or in each round if rounds are longer.
    private static let looks: [(every: Duration, rounds: Int)] = [
        (.milliseconds(100), 20), (.milliseconds(500), 4), (.milliseconds(700), 2), (.milliseconds(1000), 2), (.milliseconds(1001), 1),
        (.milliseconds(1500), 1), (.seconds(2), 1), (.milliseconds(2001), 1), (.seconds(3600), 1),
    ]

    @Test(arguments: looks) func aLookEveryTwoSeconds(_ every: Duration, _ rounds: Int) {
        var cadence = cadence(every: every, active: imported)
        let tariff = OBISCode(1, 8, 1)
        for round in 1...60 {
            let expected = round % rounds == 0 ? [imported, exported, tariff] : [imported]
            #expect(cadence.round(of: [exported, imported, tariff]) == expected, "\(round)")
        }
    }

    @Test func theOthersTakeTurnsInTheirOrder() {
        let others = [OBISCode(1, 8, 1), OBISCode(1, 8, 2), OBISCode(32, 7, 0)]
        var cadence = cadence(every: .zero, active: imported)
        let looks = (0..<6).map { _ in cadence.round(of: [imported] + others).last }
        #expect(looks == [others[1], others[2], others[0], others[1], others[2], others[0]])
        var negative = self.cadence(every: .seconds(-1), active: imported)
        #expect(negative.round(of: [imported]) == [imported, imported, imported, imported])
    }

    /// Any power register gives the power; a direction that is not read provides nothing.
    @Test func whenAllAreAlike() {
        for power in [OBISCode(16, 7, 0), OBISCode(1, 7, 0), OBISCode(2, 7, 0)] {
            var cadence = cadence(every: .zero, active: imported)
            #expect(cadence.round(of: [power, imported]) == [power, imported])
        }
        for other in [OBISCode(15, 7, 0), OBISCode(1, 8, 1), OBISCode(3, 7, 0), OBISCode(1, 7, 1), OBISCode(16, 8, 0)] {
            var cadence = cadence(every: .zero, active: imported)
            #expect(cadence.round(of: [other, imported]) == [imported, imported, imported, imported, other])
        }
        var elsewhere = cadence(every: .zero, active: exported)
        #expect(elsewhere.round(of: [imported]) == [imported])
    }

    /// Only a step of the other direction's total changes the direction.
    @Test func whichStepTurnsIt() {
        var cadence = cadence(every: .zero, active: imported)
        #expect(cadence.note(register(imported, 3)) == false)
        #expect(cadence.note(register(exported, 1)) == false, "nothing is known of it before")
        #expect(cadence.note(register(exported, 1)) == false)
        for other in [OBISCode(1, 8, 1), OBISCode(2, 8, 1), OBISCode(3, 8, 0), OBISCode(1, 7, 0)] {
            #expect(cadence.note(register(other, 1)) == false)
            #expect(cadence.note(register(other, 2)) == false)
        }
        #expect(cadence.round(of: [imported, exported]).first == imported)
        #expect(cadence.note(register(exported, 2)) == true)
        #expect(cadence.round(of: [imported, exported]).first == exported)
        #expect(cadence.note(register(exported, 3)) == false)
    }
}
