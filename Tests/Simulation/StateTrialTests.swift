import StateTrial
import Testing

/// Telegrams with correct checksums and arbitrary contents. `Tests/Real/decoder-test` does the same with a fuzzer, for minutes.
@Suite struct StateTrialTests {
    @Test func whateverMetersSayTheBrokerIsToldWhatItMay() {
        var readouts: [String: Int] = [:]
        var messages = 0
        for seed in 0..<80 as Range<UInt64> {
            let trial = StateTrial.run(StateTrial.script(seed: seed, length: 300))
            #expect(trial.failures == [], "seed \(seed)")
            readouts.merge(trial.readouts) { $0 + $1 }
            messages += trial.messages
        }
        // Every decoder must have produced readouts, or it would not be tested.
        #expect(readouts.count == 6 && readouts.values.allSatisfy { $0 >= 8 }, "\(readouts)")
        #expect(messages > 4_000)
    }
}
