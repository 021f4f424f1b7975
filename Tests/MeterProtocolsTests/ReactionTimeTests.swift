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

    /// Eight answers are enough to try half of it; 20 ms are the least.
    @Test func eachStepTakesEightAnswers() {
        var reaction = ReactionTime()
        for microseconds in [205_000, 102_500, 51_250, 25_625] as [Int64] {
            #expect(reaction.beforeRegister == .microseconds(microseconds))
            _ = answered(7, &reaction, at: start)
            #expect(reaction.beforeRegister == .microseconds(microseconds))
            _ = answered(1, &reaction, at: start)
        }
        #expect(reaction.beforeRegister == .milliseconds(20))
        _ = answered(100, &reaction, at: start)
        #expect(reaction.beforeRegister == .milliseconds(20))
    }

    /// When a wait that was too short is tried again, eight answers are needed, too, whatever came before.
    @Test func eightAnswersBeforeItIsTriedAgain() {
        var reaction = ReactionTime()
        _ = answered(8, &reaction, at: start)
        reaction.lost(after: reaction.beforeRegister, start)
        _ = answered(150, &reaction, at: start)
        #expect(reaction.beforeRegister == .milliseconds(205))
        _ = answered(7, &reaction, at: start + .seconds(600))
        #expect(reaction.beforeRegister == .milliseconds(205))
        _ = answered(1, &reaction, at: start + .seconds(600))
        #expect(reaction.beforeRegister == .microseconds(102_500))
    }

    /// An answer to what waited twice as long proves nothing.
    @Test func anAnswerProvesWhatItWaited() {
        var reaction = ReactionTime()
        for _ in 0..<8 { reaction.answered(after: .seconds(10), start) }
        #expect(reaction.beforeRegister == .microseconds(102_500), "there is no longer wait to prove")
        for _ in 0..<8 { reaction.answered(after: .milliseconds(205), start) }
        #expect(reaction.beforeRegister == .microseconds(102_500))
        for _ in 0..<8 { reaction.answered(after: .nanoseconds(204_999_999), start) }
        #expect(reaction.beforeRegister == .microseconds(51_250))
    }

    /// 200 answers prove the wait: what is lost then was lost by the line.
    @Test(arguments: [(199, [205, 102, 51, 25]), (200, [205, 102, 51, 25, 20])] as [(Int, [Int64])])
    func aLossAfterManyAnswers(_ answers: Int, _ waits: [Int64]) {
        var reaction = ReactionTime()
        _ = answered(32 + answers, &reaction, at: start)
        #expect(reaction.beforeRegister == .milliseconds(20))
        reaction.lost(after: reaction.beforeRegister, start)
        #expect(answered(1000, &reaction, at: start) == waits)
    }

    /// How long a wait that was too short is not tried again: twice as long each time, a day at most.
    @Test func patienceEndsSomewhere() {
        var (reaction, now, patience) = (ReactionTime(), start, Int64(600))
        for _ in 0..<11 {
            _ = answered(8, &reaction, at: now)
            reaction.lost(after: reaction.beforeRegister, now)
            #expect(answered(100, &reaction, at: now + .seconds(patience) - .nanoseconds(1)) == [205])
            now = now + .seconds(patience)
            patience = min(2 * patience, 86_400)
        }
        #expect(patience == 86_400)
    }

    /// After a day without a loss the patience is that of the beginning.
    @Test func proofEndsThePatience() {
        var (reaction, now) = (ReactionTime(), start)
        for seconds in [600, 1200] as [Int64] {
            _ = answered(8, &reaction, at: now)
            reaction.lost(after: reaction.beforeRegister, now)
            now = now + .seconds(seconds)
        }
        _ = answered(1000, &reaction, at: now)
        #expect(reaction.beforeRegister == .milliseconds(20))
        reaction.lost(after: reaction.beforeRegister, now)
        _ = answered(8, &reaction, at: now)
        reaction.lost(after: reaction.beforeRegister, now)
        #expect(answered(100, &reaction, at: now + .seconds(599)) == [205])
        #expect(answered(100, &reaction, at: now + .seconds(600)) == [205, 102, 51, 25, 20])
    }

    /// The longest wait is nobody's fault; a shorter one than is known to be too short tells nothing new.
    @Test func whichLossTeaches() {
        var quick = ReactionTime(named: .milliseconds(20))
        quick.lost(after: .milliseconds(205), start)
        #expect(quick.beforeOthers == .milliseconds(25))
        quick.lost(after: .nanoseconds(24_999_999), start)
        #expect(quick.beforeOthers == .milliseconds(25))
        quick.lost(after: .milliseconds(25), start)
        #expect(quick.beforeOthers == .milliseconds(205))
        // What is too short stays so for as long as was said then.
        for wait in [24, 25] as [Int64] { quick.lost(after: .milliseconds(wait), start + .seconds(1000)) }
        quick.answered(after: .milliseconds(205), start + .seconds(1199))
        #expect(quick.beforeOthers == .milliseconds(205))
        quick.answered(after: .milliseconds(205), start + .seconds(1200))
        #expect(quick.beforeOthers == .milliseconds(25))
        var slow = ReactionTime()
        slow.lost(after: .nanoseconds(204_999_999), start)
        #expect(slow.beforeOthers == .milliseconds(205) && answered(100, &slow, at: start) == [205])
    }
}
