import Testing

@testable import Metering

private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: 1_000_000_000_000 + Int64((seconds * 1e9).rounded())) }

/// One count at each time, each in a bracket of the given width that ends there.
private func steps(_ times: [Double], width: Double) -> [CounterStep] {
    times.enumerated().map { CounterStep(count: Int64($0.offset), after: at($0.element - width), by: at($0.element)) }
}

private func near(_ a: Double, _ b: Double) -> Bool { (a - b).magnitude < 1e-9 }

@Suite struct SteadyLineTests {
    @Test func theMiddleOfABracket() {
        #expect(CounterStep(count: 1, after: at(2), by: at(8)).middle == at(5))
        #expect(CounterStep(count: 1, after: at(8), by: at(8)).middle == at(8))
    }

    @Test func oneStepIsNoLine() {
        for few in [[], steps([0], width: 1)] {
            let line = SteadyLine(through: few)
            #expect(line.reaches.isEmpty && line.isWhole && line.bend == 0 && line.best(error: 1) == nil)
        }
    }

    /// From (−2, 0] to (8, 10] it is 8 s to 12 s; from (−2, 0] to (18, 20] it is twice 9 s to twice 11 s.
    @Test func boundsOfTheInterval() {
        let line = SteadyLine(through: steps([0, 10, 20], width: 2))
        #expect(line.reaches.map(\.oldest) == [1, 0] && line.reaches.map(\.counts) == [1, 2])
        #expect(line.reaches.map(\.shortest) == [8, 9] && line.reaches.map(\.longest) == [12, 11] && line.isWhole)
        #expect(line.reaches.map(\.middle) == [10, 10] && near(line.reaches[0].error, 0.2) && near(line.reaches[1].error, 0.1))
    }

    @Test func stepsOfSeveralCounts() {
        var several = steps([0, 10, 40], width: 2)
        (several[2].count, several[2].first) = (4, 4)
        let line = SteadyLine(through: several)
        #expect(line.reaches.map(\.counts) == [3, 4])
        #expect(near(line.reaches[0].shortest, 28 / 3.0) && near(line.reaches[0].longest, 32 / 3.0))
        #expect(near(line.reaches[1].shortest, 9.5) && near(line.reaches[1].longest, 10.5))
    }

    /// Counts 0 and 1 were both reached in the first bracket: to count 2 it is one interval from count 1, at least 8 s, or two from count 0, at
    /// most 24 s.
    @Test func severalCountsWithinABracket() {
        let wide = [CounterStep(count: 1, first: 0, after: at(-4), by: at(2)), CounterStep(count: 2, after: at(10), by: at(20))]
        let line = SteadyLine(through: wide)
        #expect(line.reaches.map(\.counts) == [1] && line.reaches.map(\.shortest) == [8] && line.reaches.map(\.longest) == [12])
    }

    /// The first reading showed count −1 at −7 s: until count 2, which came after 8 s, at least 15 s passed in three intervals. A first reading
    /// that doesn't fit is left out.
    @Test func theFirstReadingNarrowsTheLine() {
        let three = steps([0, 5, 12], width: 4)
        let without = SteadyLine(through: three)
        #expect(near(without.reaches[1].shortest, 4) && near(without.reaches[1].longest, 8))
        func shortest(_ seconds: Double) -> [Double] {
            SteadyLine(through: three, since: SteadyLine.Start(count: -1, by: at(seconds))).reaches.map(\.shortest)
        }
        #expect(near(shortest(-7)[1], 5) && shortest(-7)[0] == without.reaches[0].shortest, "only the longest reach")
        #expect(near(shortest(-1)[1], 4), "nothing new")
        #expect(near(shortest(-30)[1], 4), "it would be 26 s until count 0")
        let late = steps([0, 10, 20, 24], width: 1)
        #expect(SteadyLine(through: late, since: SteadyLine.Start(count: -1, by: at(-9))).reaches.count == 1, "not if it isn't whole")
    }

    /// The middle step is late. If less than 0.35 s of the outer brackets' 2 s is left, the rate is not considered constant.
    @Test(arguments: [(0.0, 2), (1.6, 2), (1.7, 1), (2.1, 1), (-1.6, 2), (-1.7, 1)])
    func aLineNeedsSomeRoom(_ late: Double, _ reaches: Int) {
        let line = SteadyLine(through: steps([0, 10 + late, 20], width: 2))
        #expect(line.reaches.count == reaches && line.isWhole == (reaches == 2))
    }

    /// With zero width the intervals must be equal; a single step gives none.
    @Test func exactSteps() {
        #expect(SteadyLine(through: steps([0, 10, 20], width: 0)).reaches.map(\.longest) == [10, 10])
        #expect(SteadyLine(through: steps([0, 0.25], width: 0)).reaches.map(\.shortest) == [0.25])
        #expect(SteadyLine(through: steps([0, 10, 21], width: 0)).reaches.count == 1)
        let none = SteadyLine(through: steps([5, 5], width: 0))
        #expect(none.reaches.isEmpty && !none.isWhole)
        // Overlapping brackets may be at the same moment.
        let close = SteadyLine(through: steps([0, 1], width: 4))
        #expect(close.reaches.map(\.shortest) == [0] && close.reaches.map(\.longest) == [5])
    }

    @Test func theShortestReachThatIsGoodEnough() {
        let line = SteadyLine(through: steps([0, 10, 20, 30, 40], width: 1))
        // One interval is accurate to 10 %, two to 5 %, three to 3.3 %, four to 2.5 %.
        #expect(line.best(error: 0.2)?.counts == 2 && line.best(error: 0.06)?.counts == 2 && line.best(error: 0.04)?.counts == 3)
        #expect(line.best(error: 0.03)?.counts == 4 && line.best(error: 0.01)?.counts == 4)
        var pairs = steps([0, 10, 20], width: 1)
        for index in pairs.indices { (pairs[index].count, pairs[index].first) = (Int64(index) * 2, Int64(index) * 2) }
        #expect(SteadyLine(through: pairs).best(error: 0.2)?.oldest == 1, "an interval of two counts will do")
    }

    /// Steps for which `t + bend · t²` advances by `interval` with each count; the newest is at 0.
    struct Curve: Sendable {
        var bend: Double
        var interval: Double
        var width: Double
        var steps: Int
        /// The bend that is found, and how many counts it explains.
        var found: Double
        var counts: Double
    }

    private static let curves: [Curve] = [
        Curve(bend: 0.0005, interval: 5, width: 1, steps: 25, found: 0.0005, counts: 24),
        Curve(bend: -0.0005, interval: 5, width: 1, steps: 25, found: -0.0005, counts: 24),
        Curve(bend: 0.001, interval: 5, width: 1, steps: 25, found: 0.001, counts: 24),
        Curve(bend: -0.001, interval: 5, width: 1, steps: 25, found: -0.001, counts: 24),
        Curve(bend: 0.002, interval: 5, width: 1, steps: 24, found: 0.002, counts: 23),
        Curve(bend: -0.002, interval: 5, width: 1, steps: 25, found: -0.002, counts: 24),
        Curve(bend: 0.004, interval: 5, width: 1, steps: 12, found: 0.004, counts: 11),
        Curve(bend: -0.004, interval: 5, width: 1, steps: 25, found: -0.004, counts: 24),
        // More than 100 s back, a rate that grows this fast would have been almost zero.
        Curve(bend: 0.004, interval: 2, width: 0.2, steps: 32, found: 0.004, counts: 29),
        // A straight line explains ten counts, so a bent one must explain more than 13.
        Curve(bend: 0.0005, interval: 5, width: 0.5, steps: 14, found: 0, counts: 10),
        Curve(bend: 0.0005, interval: 5, width: 0.5, steps: 15, found: 0.0005, counts: 14),
        // A straight line explains four counts here and three in the next case, which are too few to show a bend.
        Curve(bend: 0.002, interval: 5, width: 0.3, steps: 7, found: 0.002, counts: 6),
        Curve(bend: 0.001, interval: 10, width: 0.4, steps: 12, found: 0, counts: 3),
        // Less than 10 s can't show a bend.
        Curve(bend: -0.004, interval: 0.5, width: 0.1, steps: 39, found: 0, counts: 19),
    ]

    private func times(_ curve: Curve) -> [Double] {
        (0..<curve.steps).reversed().map { (count: Int) -> Double in
            let before: Double = curve.interval * Double(count)
            let root: Double = (1 - 4 * curve.bend * before).squareRoot()
            return (root - 1) / (2 * curve.bend)
        }
    }

    @Test(arguments: curves) func aRateThatGrowsOrFalls(_ curve: Curve) throws {
        let line = SteadyLine(through: steps(times(curve), width: curve.width))
        let longest = try #require(line.reaches.last)
        #expect(line.bend == curve.found && longest.counts == curve.counts)
        #expect(curve.found == 0 || (longest.middle / curve.interval - 1).magnitude < 0.01)
        #expect(!line.isWhole, "a straight one does not explain all")
    }

    /// Extending the line step by step, as in production, gives the same result, even when the oldest steps are dropped.
    @Test(arguments: curves) func isExtendedStepByStep(_ curve: Curve) {
        let all = steps(times(curve), width: curve.width)
        var line = SteadyLine()
        for end in 2...all.count {
            let some = Array(all[max(0, end - 20)..<end])
            line = SteadyLine(through: some, extending: line)
            let anew = SteadyLine(through: some)
            #expect(line.bend == anew.bend && line.isWhole == anew.isWhole && line.reaches.count == anew.reaches.count)
            #expect(zip(line.reaches, anew.reaches).allSatisfy { near($0.shortest, $1.shortest) && near($0.longest, $1.longest) })
        }
    }
}
