import Metering
import Testing

private let start = Instant(nanoseconds: 1_000_000_000_000)

private func at(_ seconds: Double) -> Instant { start + .nanoseconds(Int64(seconds * 1e9)) }

extension RateEstimate {
    fileprivate func contains(_ rate: Double) -> Bool { (self.rate - rate).magnitude <= error }
}

/// A register of whole counts, refreshed once a second, that is asked every 0.31 s and answers after 0.29 s.
private struct ReadRegister {
    var estimator = RateEstimator(refresh: .seconds(1))
    var now = 0.0
    /// Counts that there were before `now`.
    var progress: Double
    private var shown = 0.0
    private var refreshAt: Double

    init(progress: Double, refresh: Double) {
        self.progress = progress
        refreshAt = refresh
    }

    mutating func run(for seconds: Double, rate: (Double) -> Double, each: (RateEstimate?, Double) -> Void = { _, _ in }) {
        let end = now + seconds
        while now < end {
            let asked = now
            while now < asked + 0.31 {
                now += 0.01
                progress += rate(now) * 0.01
                if now >= refreshAt {
                    shown = progress.rounded(.down)
                    refreshAt += 1
                }
                if now >= asked + 0.26, now < asked + 0.27 {
                    estimator.record(Int64(shown), asked: at(asked), answered: at(asked + 0.29))
                    each(estimator.estimate, now)
                }
            }
        }
    }
}

@Suite struct RateEstimatorTests {
    @Test func oneReadingSaysNothing() {
        var estimator = RateEstimator(refresh: .seconds(1))
        #expect(estimator.estimate == nil)
        estimator.record(7, asked: at(0), answered: at(0.3))
        #expect(estimator.estimate == nil)
        estimator.record(8, asked: at(1), answered: at(1.3))
        #expect(estimator.estimate == nil, "nor does one step")
    }

    /// Exact by hand: between the brackets (-1 s, 1.3 s] and (8 s, 10.3 s] there are 6.7 s to 11.3 s.
    @Test func twoBracketsBoundTheRate() throws {
        var estimator = RateEstimator(refresh: .seconds(1))
        for (count, asked) in [(0, 0.0), (1, 1), (1, 9), (2, 10)] {
            estimator.record(Int64(count), asked: at(asked), answered: at(asked + 0.3))
        }
        let estimate = try #require(estimator.estimate)
        #expect((estimate.rate - 1 / 9.0).magnitude < 1e-9)
        #expect((estimate.error - (1 / 6.7 - 1 / 9.0)).magnitude < 1e-9)
    }

    @Test(arguments: [0.03, 0.153, 0.694, 2.2])
    func aConstantRateIsFoundAndBounded(_ rate: Double) throws {
        for phase in 0..<4 {
            var register = ReadRegister(progress: Double(phase) * 0.238, refresh: Double(phase) * 0.246)
            var (values, kept): ([Double], Int) = ([], 0)
            register.run(for: 30 + 4 / rate, rate: { _ in rate })
            register.run(for: max(60, 4 / rate), rate: { _ in rate }) { estimate, _ in
                guard let estimate else { return }
                values.append(estimate.rate)
                if estimate.contains(rate) { kept += 1 }
            }
            let mean = values.reduce(0, +) / Double(values.count)
            #expect((mean / rate - 1).magnitude < 0.02, "\(mean) for \(rate)")
            #expect(Double(kept) >= Double(values.count) * 0.95, "\(kept) of \(values.count)")
        }
    }

    @Test func aJumpIsFollowedWithinSomeSteps() throws {
        for phase in 0..<4 {
            var register = ReadRegister(progress: Double(phase) * 0.238, refresh: Double(phase) * 0.246)
            register.run(for: 60, rate: { _ in 1 / 12 })
            var near: Double?
            register.run(for: 20, rate: { _ in 0.7 }) { estimate, now in
                if let estimate, (estimate.rate - 0.7).magnitude < 0.07 { near = near ?? now - 60 }
            }
            let delay = try #require(near)
            #expect(delay < 10, "phase \(phase)")
        }
    }

    @Test func whatDoesNotComeBoundsTheRate() throws {
        var register = ReadRegister(progress: 0.4, refresh: 0.3)
        register.run(for: 60, rate: { _ in 0.25 })
        var least = 0.25
        register.run(for: 290, rate: { _ in 0 }) { estimate, now in
            guard let estimate else { return }
            let quiet = now - 60
            #expect(estimate.rate <= least * 1.05, "it only falls")
            #expect(quiet < 12 || estimate.rate + estimate.error <= 1.1 / (quiet - 8))
            #expect(quiet < 12 || estimate.contains(0))
            least = estimate.rate
        }
        register.run(for: 30, rate: { _ in 0 })
        let last = try #require(register.estimator.estimate)
        #expect(last.rate == 0)
    }

    @Test func nothingEverIsZeroAfterFiveMinutes() throws {
        var register = ReadRegister(progress: 0.4, refresh: 0.3)
        register.run(for: 295, rate: { _ in 0 }) { estimate, _ in #expect(estimate == nil) }
        register.run(for: 10, rate: { _ in 0 })
        let estimate = try #require(register.estimator.estimate)
        #expect(estimate.rate == 0 && estimate.error < 1 / 299.0)
    }

    /// A window long enough to be calm would lag by half of its length.
    @Test func aRateThatGrowsIsFollowed() throws {
        var register = ReadRegister(progress: 0.4, refresh: 0.3)
        let rate = { (now: Double) in 0.1 + 0.001 * now }
        register.run(for: 200, rate: rate)
        var (sum, count) = (0.0, 0.0)
        register.run(for: 300, rate: rate) { estimate, now in
            sum += (rate(now) - (estimate?.rate ?? 0)) / rate(now)
            count += 1
        }
        #expect((sum / count).magnitude < 0.03, "\(sum / count)")
    }

    @Test func pulsesGiveTheRateOfTheirLastIntervals() throws {
        var estimator = RateEstimator(refresh: .zero, count: 0)
        func pulse(_ count: Int64, _ seconds: Double) {
            estimator.record(count, asked: at(seconds - 0.002), answered: at(seconds))
        }
        for count in 1...10 { pulse(Int64(count), Double(count) * 10) }
        let calm = try #require(estimator.estimate)
        #expect((calm.rate - 0.1).magnitude < 0.0001)
        pulse(11, 102)
        pulse(12, 104)
        let risen = try #require(estimator.estimate)
        #expect((risen.rate - 0.5).magnitude < 0.001, "two intervals later")
        pulse(13, 114)
        estimator.quiet(until: at(115))
        let fallen = try #require(estimator.estimate)
        #expect(fallen.contains(0.1) && fallen.rate <= 0.1, "the interval in which it fell is no interval of the new rate")
        pulse(14, 124)
        let again = try #require(estimator.estimate)
        #expect((again.rate - 0.1).magnitude < 0.0001)
    }

    @Test func aCounterThatRunsBackwardsBeginsAnew() {
        var estimator = RateEstimator(refresh: .seconds(1))
        for count in 0..<10 { estimator.record(Int64(count), asked: at(Double(count) * 3), answered: at(Double(count) * 3 + 0.3)) }
        #expect(estimator.estimate != nil)
        estimator.record(2, asked: at(40), answered: at(40.3))
        #expect(estimator.estimate == nil)
    }

    @Test func whatWasForgottenSaysNothing() {
        var estimator = RateEstimator(refresh: .seconds(1))
        for count in 0..<10 { estimator.record(Int64(count), asked: at(Double(count) * 3), answered: at(Double(count) * 3 + 0.3)) }
        estimator.forget()
        estimator.record(10, asked: at(31), answered: at(31.3))
        #expect(estimator.estimate == nil)
    }
}
