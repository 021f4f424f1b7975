import Testing
import VirtualMeters

/// An hour in debug builds; a day with optimization: `deploy/test --long`.
@Suite struct NoisyLineTests {
    #if DEBUG
        private static let hours = 1
    #else
        private static let hours = 24
    #endif

    @Test(arguments: NoisyLine.kinds)
    func noWrongTotalAndNoWrongPower(_ kind: NoisyLine.Kind) {
        let trial = NoisyLine(kind, for: Self.hours)
        print("\(kind.flipsBits ? "flipped bits" : "lost characters") \(kind.hasParity ? "with" : "without") parity: \(trial.description)")
        #expect(trial.wrong == [])
        #expect(trial.lost == 0)
        #expect(trial.totals > Self.hours * 1800 && trial.powers > Self.hours * 60)
        #expect(trial.hurt > Self.hours * 400)
    }
}
