import Metering
import Testing

@testable import MeterProtocols

@Suite struct ClockCadenceTests {
    private static let time = OBISCode(0, 9, 1)
    private static let date = OBISCode(0, 9, 2)
    private let registers = [OBISCode(1, 8, 0)]

    private static func at(_ seconds: Double) -> Instant { Instant(nanoseconds: Int64(seconds * 1e9)) }

    private func cadence(begun seconds: Double = 0) -> ClockCadence {
        var cadence = ClockCadence()
        cadence.begin(Self.at(seconds))
        return cadence
    }

    @Test func theTimeThenTheDateOnceAnHour() {
        var cadence = ClockCadence()
        #expect(cadence.question(besides: registers, Self.at(1000)) == nil, "there is no session")
        cadence.begin(Self.at(0))
        #expect(cadence.question(besides: registers, Self.at(59.999)) == nil)
        #expect(!cadence.isAsking(for: Self.time))
        #expect(cadence.question(besides: registers, Self.at(60)) == Self.time)
        #expect(cadence.isAsking(for: Self.time) && !cadence.isAsking(for: Self.date))
        cadence.succeeded()
        #expect(cadence.question(besides: registers, Self.at(61)) == Self.date && cadence.isAsking(for: Self.date))
        cadence.succeeded()
        #expect(cadence.question(besides: registers, Self.at(62)) == nil)
        // An hour after the time was requested.
        #expect(cadence.question(besides: registers, Self.at(3659.999)) == nil)
        #expect(cadence.question(besides: registers, Self.at(3660)) == Self.time)
    }

    /// Time and date are read in each round if the plan names them.
    @Test(arguments: [time, date]) func whoNamesThemHasThemAnyhow(_ code: OBISCode) {
        var cadence = cadence()
        #expect(cadence.question(besides: registers + [code], Self.at(100)) == nil)
        #expect(cadence.question(besides: registers, Self.at(100)) == Self.time)
    }

    /// The first minute of each session is for the values only; an hour that has begun continues in the next session.
    @Test func anotherSession() {
        var early = cadence()
        early.begin(Self.at(50))
        #expect(early.question(besides: registers, Self.at(109.999)) == nil)
        #expect(early.question(besides: registers, Self.at(110)) == Self.time)
        // A time without its date is useless, so both are read again.
        early.begin(Self.at(120))
        #expect(!early.isAsking(for: Self.time))
        #expect(early.question(besides: registers, Self.at(179.999)) == nil)
        #expect(early.question(besides: registers, Self.at(180)) == Self.time)
        early.succeeded()
        early.begin(Self.at(200))
        #expect(early.question(besides: registers, Self.at(260)) == Self.time)
        early.succeeded()
        early.succeeded()
        // Both were read at 260 s: the next is due at 3860 s, or a minute after the session began.
        early.begin(Self.at(300))
        #expect(early.question(besides: registers, Self.at(3859.999)) == nil)
        early.begin(Self.at(3830))
        #expect(early.question(besides: registers, Self.at(3889.999)) == nil)
        #expect(early.question(besides: registers, Self.at(3890)) == Self.time)
    }

    @Test func threeFailuresAreEnough() {
        var cadence = cadence()
        for hour in 0..<3 {
            #expect(cadence.question(besides: registers, Self.at(Double(60 + 3600 * hour))) == Self.time)
            cadence.failed()
            #expect(!cadence.isAsking(for: Self.time))
            #expect(cadence.question(besides: registers, Self.at(Double(61 + 3600 * hour))) == nil)
        }
        #expect(cadence.question(besides: registers, Self.at(100_000)) == nil)
    }

    /// Only reading both time and date proves that the meter has them.
    @Test func aPairMakesUpForFailures() {
        for isWhole in [false, true] {
            var cadence = cadence()
            for hour in 0..<2 {
                _ = cadence.question(besides: registers, Self.at(Double(60 + 3600 * hour)))
                cadence.failed()
            }
            #expect(cadence.question(besides: registers, Self.at(7260)) == Self.time)
            cadence.succeeded()
            if isWhole { cadence.succeeded() } else { cadence.failed() }
            #expect(cadence.question(besides: registers, Self.at(10_860)) == (isWhole ? Self.time : nil))
            guard isWhole else { continue }
            // From then on three more failures are allowed.
            for hour in 3..<6 {
                #expect(cadence.question(besides: registers, Self.at(Double(60 + 3600 * hour))) == Self.time)
                cadence.failed()
            }
            #expect(cadence.question(besides: registers, Self.at(100_000)) == nil)
        }
    }
}
