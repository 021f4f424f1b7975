import Metering
import Testing

@testable import MeterProtocols

@Suite struct ReactionTimeTests {
    private let start = Instant(nanoseconds: 0)

    /// Reports `count` answers, each after the requested wait. Returns the different waits in milliseconds.
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

    /// A wait whose first use was lost is not tried again for some time, and less often after each loss.
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

    /// After that many answers the line is to blame for the loss.
    @Test func aLateLossTeachesNothing() {
        var reaction = ReactionTime()
        _ = answered(1000, &reaction, at: start)
        reaction.lost(after: reaction.beforeRegister, start)
        #expect(answered(1000, &reaction, at: start) == [205, 102, 51, 25, 20])
    }

    /// A session that pauses between rounds asks late, which proves nothing about shorter waits, whether answered or lost.
    @Test func whatWaitedLongerProvesNothing() {
        var reaction = ReactionTime()
        _ = answered(8, &reaction, at: start)
        for _ in 0..<1000 { reaction.answered(after: .seconds(1), start) }
        #expect(reaction.beforeRegister == .microseconds(102_500))
        reaction.lost(after: .seconds(1), start)
        #expect(answered(1000, &reaction, at: start) == [205, 102, 51, 25, 20])
    }

    /// If a meter is slower than its lower-case letter announces, the usual wait is used for everything.
    @Test func aMeterThatIsSlowerThanItSaysIsGivenMore() {
        var reaction = ReactionTime(named: .milliseconds(20))
        reaction.lost(after: reaction.beforeOthers, start)
        #expect(reaction.beforeOthers == .milliseconds(205))
        #expect(answered(1000, &reaction, at: start) == [205, 102, 51, 25])
    }

    /// Eight answers are enough to try half of the wait; the minimum is 20 ms.
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

    /// Before a wait that was too short is tried again, eight answers are needed as well, whatever came before.
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

    /// Only answers within less than twice the wait count as proof.
    @Test func anAnswerProvesWhatItWaited() {
        var reaction = ReactionTime()
        for _ in 0..<8 { reaction.answered(after: .seconds(10), start) }
        #expect(reaction.beforeRegister == .microseconds(102_500), "there is no longer wait to prove")
        for _ in 0..<8 { reaction.answered(after: .milliseconds(205), start) }
        #expect(reaction.beforeRegister == .microseconds(102_500))
        for _ in 0..<8 { reaction.answered(after: .nanoseconds(204_999_999), start) }
        #expect(reaction.beforeRegister == .microseconds(51_250))
    }

    /// 200 answers prove a wait: later losses are blamed on the line.
    @Test(arguments: [(199, [205, 102, 51, 25]), (200, [205, 102, 51, 25, 20])] as [(Int, [Int64])])
    func aLossAfterManyAnswers(_ answers: Int, _ waits: [Int64]) {
        var reaction = ReactionTime()
        _ = answered(32 + answers, &reaction, at: start)
        #expect(reaction.beforeRegister == .milliseconds(20))
        reaction.lost(after: reaction.beforeRegister, start)
        #expect(answered(1000, &reaction, at: start) == waits)
    }

    /// The time before a wait that was too short is tried again doubles each time, up to a day.
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

    /// After a day without a loss the retry time is reset.
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

    /// A loss after the longest wait, or after one shorter than the known limit, changes nothing.
    @Test func whichLossTeaches() {
        var quick = ReactionTime(named: .milliseconds(20))
        quick.lost(after: .milliseconds(205), start)
        #expect(quick.beforeOthers == .milliseconds(25))
        quick.lost(after: .nanoseconds(24_999_999), start)
        #expect(quick.beforeOthers == .milliseconds(25))
        quick.lost(after: .milliseconds(25), start)
        #expect(quick.beforeOthers == .milliseconds(205))
        // The time until the retry is not extended by further losses.
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
