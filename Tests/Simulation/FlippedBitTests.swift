import Testing
import VirtualMeters

/// An hour in debug builds; a day with optimization: `deploy/test --long`.
@Suite struct FlippedBitTests {
    #if DEBUG
        private static let hours = 1
    #else
        private static let hours = 24
    #endif

    @Test(arguments: FlippedBits.lines)
    func noWrongTotalAndNoImpossiblePower(_ faults: [Fault]) {
        let trial = FlippedBits(faults, for: Self.hours)
        print(trial.description)
        #expect(trial.wrong == [])
        #expect(trial.totals > Self.hours * 1800 && trial.powers > Self.hours * 60)
        #expect(trial.errors > Self.hours * 400 && trial.hurt > Self.hours * 400)
    }
}
