import Metering
import Testing

@testable import MeterProtocols

@Suite struct ReactionTimeTests {
    private let start = Instant(nanoseconds: 0)

    /// So many answers, each after the wait that it asks for.
    private func answered(_ count: Int, _ reaction: inout ReactionTime, at now: Instant) -> [Int64] {
        var waits: [Int64] = []
        for _ in 0..<count {
            let wait = reaction.beforeRegister
            if waits.last != wait.nanoseconds / 1_000_000 { waits.append(wait.nanoseconds / 1_000_000) }
            reaction.answered(after: wait, now)
        }
        return waits
    }

    @Test func isShortenedStepByStepWhileAnswersCome() {
        var reaction = ReactionTime()
        #expect(answered(1000, &reaction, at: start) == [205, 102, 51, 25, 20])
        #expect(reaction.beforeOthers == .milliseconds(205), "all else waits as the standard says")
        var quick = ReactionTime(named: .milliseconds(20))
        #expect(answered(1000, &quick, at: start) == [25, 20])
        #expect(quick.beforeOthers == .milliseconds(25))
    }

    /// What was lost at once is not tried again for some time, and then ever more rarely.
    @Test func isPutBackAtTheFirstLoss() {
        var reaction = ReactionTime()
        var now = start
        for minutes in [10, 20, 40] as [Int64] {
            while reaction.beforeRegister > .milliseconds(100) { _ = answered(8, &reaction, at: now) }
            #expect(reaction.beforeRegister == .microseconds(51_250))
            reaction.lost(after: reaction.beforeRegister, now)
            #expect(answered(1000, &reaction, at: now) == [205, 102])
            #expect(answered(1000, &reaction, at: now + .seconds(minutes * 60 - 1)) == [102])
            now = now + .seconds(minutes * 60)
        }
    }

    /// After so many answers it was the line.
    @Test func aLateLossTeachesNothing() {
        var reaction = ReactionTime()
        _ = answered(1000, &reaction, at: start)
        reaction.lost(after: reaction.beforeRegister, start)
        #expect(answered(1000, &reaction, at: start) == [205, 102, 51, 25, 20])
    }

    /// A session that rests between its rounds asks late: that says nothing about shorter waits, lost or not.
    @Test func whatWaitedLongerProvesNothing() {
        var reaction = ReactionTime()
        _ = answered(8, &reaction, at: start)
        for _ in 0..<1000 { reaction.answered(after: .seconds(1), start) }
        #expect(reaction.beforeRegister == .microseconds(102_500))
        reaction.lost(after: .seconds(1), start)
        #expect(answered(1000, &reaction, at: start) == [205, 102, 51, 25, 20])
    }

    /// The small letter does not keep what it promises: then everything waits as for the others.
    @Test func aMeterThatIsSlowerThanItSaysIsGivenMore() {
        var reaction = ReactionTime(named: .milliseconds(20))
        reaction.lost(after: reaction.beforeOthers, start)
        #expect(reaction.beforeOthers == .milliseconds(205))
        #expect(answered(1000, &reaction, at: start) == [205, 102, 51, 25])
    }
}
