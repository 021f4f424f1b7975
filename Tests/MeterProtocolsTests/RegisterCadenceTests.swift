import MeterProtocols
import Metering
import Testing

@Suite struct RegisterCadenceTests {
    private let imported = OBISCode(1, 8, 0)
    private let exported = OBISCode(2, 8, 0)

    private func register(_ code: OBISCode, _ wattHours: Int64) -> Register {
        Register(code, .number(Quantity(wattHours, exponent: -3), .kilowattHours))
    }

    /// It has seen the register step.
    private func cadence(every: Duration, active: OBISCode, isEven: Bool = false) -> RegisterCadence {
        var cadence = RegisterCadence(every: every, isEven: isEven)
        #expect(cadence.note(register(active, 1)) == false)
        #expect(cadence.note(register(active, 2)) == false, "the first direction is no change")
        return cadence
    }

    @Test func allAreReadUntilADirectionIsKnown() {
        var cadence = RegisterCadence(every: .zero)
        #expect(cadence.round(of: [imported, exported]) == [imported, exported])
        #expect(cadence.note(register(imported, 5)) == false)
        #expect(cadence.note(register(imported, 5)) == false)
        #expect(cadence.round(of: [imported, exported]) == [imported, exported])
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

    /// A change of direction is seen within five seconds, or within a round.
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
}
