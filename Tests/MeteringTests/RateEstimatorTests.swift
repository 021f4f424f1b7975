import Testing

@testable import Metering

private let start = Instant(nanoseconds: 1_000_000_000_000)

private func at(_ seconds: Double) -> Instant { start + .nanoseconds(Int64(seconds * 1e9)) }

extension RateEstimate {
    fileprivate func contains(_ rate: Double) -> Bool { (self.rate - rate).magnitude <= error }
}

/// A register of whole counts that is refreshed once a second; it is requested every 0.31 s and answers after 0.29 s.
private struct ReadRegister {
    var estimator = RateEstimator(refresh: .seconds(1))
    var now = 0.0
    /// The counts before `now`.
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

    /// Exact by hand: between the brackets (-1 s, 1.3 s] and (8 s, 10.3 s] lie 6.7 s to 11.3 s.
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

    /// A window long enough to be smooth would lag by half its length.
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

    /// Each estimate is shown for the next five seconds, of which it is the mean.
    @Test func aRateThatGrowsHasNoBias() {
        var (sum, count) = (0.0, 0.0)
        let rate = { (now: Double) in 0.1 + 0.001 * now }
        for phase in 0..<8 {
            var register = ReadRegister(progress: Double(phase) * 0.119, refresh: Double(phase) * 0.123)
            register.run(for: 100, rate: rate)
            register.run(for: 400, rate: rate) { estimate, now in
                sum += (estimate?.rate ?? 0) / rate(now + 2.5) - 1
                count += 1
            }
        }
        #expect((sum / count).magnitude < 0.006, "\(sum / count)")
    }

    /// Between the readout and the session, counts 1 and 2 came: after -1 s and by 3 s.
    @Test func theFirstStepMayBeOfSeveralCounts() throws {
        var estimator = RateEstimator(refresh: .seconds(1))
        for (count, asked) in [(0, 0.0), (2, 3), (2, 7), (3, 8)] { estimator.record(Int64(count), asked: at(asked), answered: at(asked)) }
        let estimate = try #require(estimator.estimate)
        // Count 3 came within (6 s, 8 s]: at least 3 s after count 2, and at most 9 s, two intervals, after count 1.
        #expect((estimate.rate - 1 / 3.75).magnitude < 1e-9 && (estimate.error - (1 / 3.0 - 1 / 3.75)).magnitude < 1e-9)
        #expect((estimate.likely - 0.55 * estimate.error).magnitude < 1e-9)
    }

    /// With five steps an error as large as the bound needs five coincidences.
    @Test func theLikelyErrorShrinksWithTheSteps() throws {
        for (steps, share) in [(5, 0.55), (6, 0.4)] {
            var estimator = RateEstimator(refresh: .zero, count: 0)
            for count in 1...steps { estimator.record(Int64(count), asked: at(Double(count) * 10 - 5), answered: at(Double(count) * 10)) }
            let estimate = try #require(estimator.estimate)
            #expect(estimate.error > 0.005 && (estimate.likely / estimate.error - share).magnitude < 1e-9)
        }
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

/// Computed by hand, for pulses whose times are exact unless `width` is given.
@Suite struct RateArithmeticTests {
    private func pulses(_ times: [Double], width: Double = 0) -> RateEstimator {
        var estimator = RateEstimator(refresh: .zero, count: 0)
        for (index, time) in times.enumerated() {
            estimator.record(Int64(index) + 1, asked: at(time - width), answered: at(time))
        }
        return estimator
    }

    private func expect(
        _ estimate: RateEstimate?, _ rate: Double, _ error: Double, _ comment: Comment? = nil, at place: SourceLocation = #_sourceLocation
    ) {
        guard let estimate else {
            Issue.record("nothing is said", sourceLocation: place)
            return
        }
        #expect((estimate.rate - rate).magnitude < 1e-8, comment, sourceLocation: place)
        #expect((estimate.error - error).magnitude < 1e-8, comment, sourceLocation: place)
    }

    struct Case: Sendable {
        var pulses: [Double]
        var quietUntil: Double
        var rate: Double
        var error: Double
        var width = 0.0
    }

    /// An interval of 10 s followed by nothing: an overdue step lowers the rate to one count in the time since, then further to 0.4 of that.
    /// After 300 s, or three intervals, it is 0.
    private static let late: [Case] = [
        Case(pulses: [0, 10], quietUntil: 10, rate: 0.1, error: 0), Case(pulses: [0, 10], quietUntil: 20, rate: 0.1, error: 0),
        Case(pulses: [0, 10], quietUntil: 22, rate: 1 / 12.0, error: 1 / 12.0),
        Case(pulses: [0, 10], quietUntil: 25, rate: 1.5625 / 2.25 / 15, error: 1.5625 / 2.25 / 15),
        Case(pulses: [0, 10], quietUntil: 30, rate: 0.02, error: 0.03),
        Case(pulses: [0, 10], quietUntil: 309, rate: 0.4 / 299, error: 0.6 / 299),
        Case(pulses: [0, 10], quietUntil: 310, rate: 0, error: 1 / 300.0),
        Case(pulses: [0, 200], quietUntil: 799, rate: 0.4 / 599, error: 0.6 / 599),
        Case(pulses: [0, 200], quietUntil: 800, rate: 0, error: 1 / 600.0),
        // A single step without a known interval: the rate never becomes 0.
        Case(pulses: [0], quietUntil: 300, rate: 0.4 / 300, error: 0.6 / 300),
        Case(pulses: [0], quietUntil: 900, rate: 0.4 / 900, error: 0.6 / 900),
        // Brackets of 2 s: the interval is 8 to 12 s, and no shorter than the time since.
        Case(pulses: [0, 10], quietUntil: 10, rate: 0.1, error: 1 / 8.0 - 0.1, width: 2),
        Case(pulses: [0, 10], quietUntil: 19, rate: 1 / 10.5, error: 1 / 9.0 - 1 / 10.5, width: 2),
        Case(pulses: [0, 10], quietUntil: 22, rate: 1 / 12.0, error: 0, width: 2),
        Case(pulses: [0, 10], quietUntil: 23, rate: 1.5625 / 2.25 / 15, error: 1.5625 / 2.25 / 15, width: 2),
    ]

    @Test(arguments: late) func aStepThatIsLate(_ given: Case) {
        var estimator = pulses(given.pulses, width: given.width)
        estimator.quiet(until: at(given.quietUntil))
        expect(estimator.estimate, given.rate, given.error)
        estimator.quiet(until: at(given.quietUntil - 5))
        expect(estimator.estimate, given.rate, given.error, "what is known already stays known")
    }

    /// An interval over 1.5 times as long as the previous one, or under two thirds of it, means another load, which began at an unknown time within
    /// the interval.
    private static let changes: [Case] = [
        Case(pulses: [0, 10, 20, 32], quietUntil: 32, rate: 1 / 12.0, error: 1 / 10.0 - 1 / 12.0),
        Case(pulses: [0, 10, 20, 32, 44], quietUntil: 44, rate: 1 / 12.0, error: 0),
        Case(pulses: [0, 10, 20, 35], quietUntil: 35, rate: 1 / 15.0, error: 1 / 10.0 - 1 / 15.0),
        Case(pulses: [0, 10, 20, 36], quietUntil: 36, rate: 1.5625 / 2.56 / 16, error: 1.5625 / 2.56 / 16),
        Case(pulses: [0, 10, 20, 50], quietUntil: 50, rate: 0.4 / 30, error: 0.6 / 30),
        Case(pulses: [0, 15, 30, 40], quietUntil: 40, rate: 1 / 10.0, error: 1 / 10.0 - 1 / 15.0),
        Case(pulses: [0, 15, 30, 39], quietUntil: 39, rate: 1 / 9.0, error: 1 / 9.0),
        Case(pulses: [0, 10, 20, 24], quietUntil: 24, rate: 0.25, error: 0.25),
        Case(pulses: [0, 10, 20, 24], quietUntil: 28, rate: 0.25, error: 0.25),
        Case(pulses: [0, 10, 20, 24], quietUntil: 34, rate: 0.04, error: 0.06),
        // The first interval alone doesn't establish a load.
        Case(pulses: [0, 10, 14], quietUntil: 14, rate: 0.25, error: 0),
        Case(pulses: [0, 10, 20, 24, 28], quietUntil: 28, rate: 0.25, error: 0),
    ]

    @Test(arguments: changes) func aLoadThatChanges(_ given: Case) {
        var estimator = pulses(given.pulses)
        estimator.quiet(until: at(given.quietUntil))
        expect(estimator.estimate, given.rate, given.error)
    }

    /// A step between `after` and `by`, following exact ones; it may have several counts.
    private func changed(_ times: [Double], after: Double, by: Double, counts: Int64 = 1, quietUntil: Double) -> RateEstimate? {
        var estimator = pulses(times)
        estimator.record(Int64(times.count) + counts, asked: at(after), answered: at(by))
        estimator.quiet(until: at(quietUntil))
        return estimator.estimate
    }

    @Test func aChangeThatIsNotKnownExactly() {
        // 6 to 8 s after intervals of 1 s.
        expect(changed([0, 1, 2], after: 8, by: 10, quietUntil: 16.5), 0.4 / 7, 1 / 6.0 - 0.4 / 7)
        expect(changed([0, 1, 2], after: 8, by: 10, quietUntil: 17), 0.4 / 9, 1 / 7.0 - 0.4 / 9, "one count in 9 s at most")
        // At most 7 s: about two thirds of the interval's length is assumed, and the rate has no upper bound.
        expect(changed([0, 1, 2], after: 1.9, by: 9, quietUntil: 9), 0.6 / 7, 0.6 / 7)
        // Faster: 1 to 7 s after intervals of 10 s, part of which still belongs to the old load.
        expect(changed([0, 10, 20], after: 21, by: 27, quietUntil: 27), 0.25, 0.25)
        // Two counts in one step.
        expect(changed([0, 10, 20], after: 28, by: 28, counts: 2, quietUntil: 28), 0.25, 0.25)
        expect(changed([0, 10, 20], after: 80, by: 80, counts: 2, quietUntil: 80), 0.4 / 30, 0.6 / 30)
        expect(changed([0, 10, 20], after: 50, by: 78, counts: 2, quietUntil: 78), 0.4 / 22, 1 / 15.0 - 0.4 / 22)
        expect(changed([0, 10, 20], after: 19, by: 84, counts: 2, quietUntil: 84), 0.4 * 3 / 64, 0.4 * 3 / 64)
    }

    /// Brackets of 1 s, 9 s apart: over n steps the interval is known to within 1 s / n.
    @Test func aSteadyLoadIsMeasuredOverManySteps() {
        let steady = pulses((0...10).map { 9 * Double($0) }, width: 1)
        // Six steps suffice for 2 %.
        expect(steady.estimate, 1 / 9.0, 1 / (9 - 1 / 6.0) - 1 / 9.0)
        // After a change of load three steps suffice for 5 %.
        let lively = pulses([0] + (0...10).map { 20 + 9 * Double($0) }, width: 1)
        expect(lively.estimate, 1 / 9.0, 1 / (9 - 1 / 3.0) - 1 / 9.0)
        // One interval would suffice, but two are used; if even all of them are too inaccurate, all are used.
        expect(pulses([0, 10, 20, 30], width: 0.1).estimate, 0.1, 1 / 9.95 - 0.1)
        expect(pulses([0, 10], width: 0.1).estimate, 0.1, 1 / 9.9 - 0.1)
        expect(pulses([0, 10, 20, 30], width: 5).estimate, 0.1, 1 / (10 - 5 / 3.0) - 0.1)
    }

    /// At most the newest 48 steps: 47 intervals of 10 s, with brackets of 11 s.
    @Test(arguments: [48, 49, 100]) func noMoreStepsAreKept(_ count: Int) {
        let times = (0..<count).map { 10 * Double($0) }
        expect(pulses(times, width: 11).estimate, 0.1, 1 / (10 - 11 / 47.0) - 0.1)
    }

    /// If the rate has no upper bound, the estimate is the likely rate, and the error is the same amount.
    @Test func brackets() {
        var close = RateEstimator(refresh: .zero, count: 0)
        close.record(1, asked: at(-4), answered: at(0))
        var near = close
        // From 1 s to 9 s.
        near.record(2, asked: at(1), answered: at(5))
        expect(near.estimate, 0.2, 0.2)
        // From 0 s to 9 s.
        close.record(2, asked: at(-1), answered: at(5))
        expect(close.estimate, 1 / 6.0, 1 / 6.0)
    }

    /// A rate that grows by 0.4 % per second is extrapolated until the next step.
    @Test func aRateThatGrowsGoesOnGrowing() throws {
        // Time of count k before the newest: the root of t + 0.002 t² = −5 k.
        let times = (0..<24).map { (index: Int) -> Double in
            let root: Double = (1 - 0.04 * Double(23 - index)).squareRoot()
            return 200 + (root - 1) / 0.004
        }
        var estimator = pulses(times, width: 1)
        let first = try #require(estimator.estimate)
        #expect((first.rate - 0.2 * 1.01).magnitude < 0.002)
        estimator.quiet(until: at(203))
        let later = try #require(estimator.estimate)
        // The first estimate is for 2.5 s after the bracket began, the second for 6.5 s: each leads by 2.5 s.
        let growth: Double = later.rate / first.rate
        #expect((growth - 1.026 / 1.01).magnitude < 1e-6, "\(growth)")
    }

    @Test func nothingAtAll() {
        var counted = RateEstimator(refresh: .zero, count: 0)
        #expect(counted.isFed && counted.fallsAt == nil && counted.estimate == nil)
        counted.quiet(until: at(5))
        #expect(counted.fallsAt == at(305))
        counted.quiet(until: at(304.9))
        #expect(counted.estimate == nil)
        counted.quiet(until: at(305))
        expect(counted.estimate, 0, 1 / 300.0)
        // A register that has never been read may have any value.
        var unread = RateEstimator(refresh: .zero)
        unread.quiet(until: at(5))
        unread.quiet(until: at(999))
        #expect(!unread.isFed && unread.estimate == nil)
        unread.record(7, asked: at(1000), answered: at(1000))
        #expect(unread.isFed)
        expect(unread.estimate, 0, 1 / 995.0)
    }

    @Test func saysWhetherItHasMoved() {
        var estimator = RateEstimator(refresh: .seconds(1))
        let moved = [7, 7, 8, 8, 6, 6, 9].enumerated().map { second, count in
            estimator.record(Int64(count), asked: at(Double(second)), answered: at(Double(second)))
        }
        #expect(moved == [false, false, true, false, false, false, true])
    }

    /// The register's value may be a second old.
    @Test func sinceWhenNothingHasCome() {
        var estimator = RateEstimator(refresh: .seconds(1))
        estimator.record(7, asked: at(10), answered: at(11))
        #expect(estimator.fallsAt == at(309))
        estimator.record(5, asked: at(50), answered: at(51))
        #expect(estimator.fallsAt == at(349), "another register: from its first reading on")
        estimator.record(5, asked: at(60), answered: at(61))
        estimator.forget()
        #expect(estimator.fallsAt == at(359))
    }

    /// The rate falls as soon as one count in the time since the last step would be less than it.
    @Test func whenItFallsByItself() {
        #expect(pulses([10]).fallsAt == at(310))
        #expect(pulses([0, 10]).fallsAt == at(20))
        #expect(pulses([0, 10], width: 2).fallsAt == at(22), "the longest that the interval may be")
        #expect(pulses([0, 10, 20, 24]).fallsAt == at(28))
        #expect(pulses([0, 100_000]).fallsAt == at(186_400), "within a day")
    }

    /// Earlier steps belong to the other direction.
    @Test func aTurn() {
        var one = pulses([0, 4, 10])
        one.turn(at: at(10), from: at(0))
        // At most one count since the other direction was last seen; the likely part of that.
        expect(one.estimate, 0.04, 0.04)
        one.turn(at: at(10), from: at(9.8))
        expect(one.estimate, 0.8, 0.8, "never less than half a second")
        var two = pulses([0, 10, 14])
        two.turn(at: at(10), from: at(0))
        expect(two.estimate, 0.25, 0)
        // A deviation from the other direction's steps doesn't count as an error of the new one.
        var restless = pulses([0, 10, 20, 30, 42])
        restless.turn(at: at(30), from: at(0))
        expect(restless.estimate, 1 / 12.0, 0)
        restless.turn(at: at(42.1), from: at(0))
        #expect(restless.newest == nil && restless.estimate == nil)
        // A step between 8 s and 12 s is assumed at 10 s.
        var wide = RateEstimator(refresh: .zero, count: 0)
        wide.record(1, asked: at(8), answered: at(12))
        wide.turn(at: at(12), from: at(0))
        expect(wide.estimate, 0.04, 0.04)
    }

    /// Timestamps from a corrupted kernel queue must not produce an absurd rate.
    @Test func aPulseThatSeemsToComeBeforeTheLast() throws {
        var estimator = pulses([0, 10, 20, 15], width: 0.002)
        let estimate = try #require(estimator.estimate)
        #expect(estimate.rate > 0 && estimate.rate <= 0.2 && estimate.error > 0)
        estimator.record(5, asked: at(25.998), answered: at(26))
        let next = try #require(estimator.estimate)
        #expect(next.rate.isFinite && next.error.isFinite)
    }
}
