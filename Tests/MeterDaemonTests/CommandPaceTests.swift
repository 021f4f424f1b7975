import Metering
import Testing

@testable import MeterDaemon

@Suite struct CommandPaceTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)

    @Test func obeysAtOnceAndThenOnceInAWhile() {
        var pace = CommandPace(.seconds(5))
        #expect(pace.isDue(start) == false)
        pace.ask()
        #expect(pace.isDue(start) == true)
        #expect(pace.isDue(start) == false)
        #expect(pace.nextDeadline == nil)
        for _ in 0..<9 { pace.ask() }
        #expect(pace.isDue(start + .milliseconds(4999)) == false)
        #expect(pace.nextDeadline == start + .seconds(5))
        #expect(pace.isDue(start + .seconds(5)) == true)
        #expect(pace.nextDeadline == nil)
        var later = CommandPace(.seconds(10), notBefore: start + .seconds(10))
        later.ask()
        #expect(later.isDue(start) == false)
        #expect(later.isDue(start + .seconds(10)) == true)
    }

    @Test func setsTheNewestTotalWhenTheLastIsOnDisk() {
        var commands = TotalCommands()
        func order(_ total: Int64) -> TotalCommands.Order { TotalCommands.Order(meter: "gas", total: Quantity(total)) }
        #expect(commands.take(.success(Quantity(1)), of: "gas", now: start) == nil)
        #expect(commands.nextDeadline == start)
        #expect(commands.due(now: start).orders == [order(1)])
        #expect(commands.nextDeadline == nil, "it is being set")
        #expect(commands.take(.success(Quantity(2)), of: "gas", now: start) == nil)
        #expect(commands.take(.success(Quantity(3)), of: "gas", now: start) == "replaced by 3")
        #expect(commands.take(.failure(TypedTotal.Refusal(description: "no")), of: "gas", now: start) == "no")
        #expect(commands.due(now: start + .seconds(60)).orders == [], "the disk hangs")
        commands.finish("gas")
        #expect(commands.due(now: start + .seconds(60)).orders == [order(3)])
        commands.finish("gas")
        #expect(commands.take(.success(Quantity(4)), of: "gas", now: start + .seconds(60)) == nil)
        #expect(commands.nextDeadline == start + .seconds(61))
        #expect(commands.due(now: start + .milliseconds(60_999)).orders == [])
        #expect(commands.due(now: start + .seconds(61)).orders == [order(4)])
        #expect(commands.abandon() == [])
        _ = commands.take(.success(Quantity(5)), of: "gas", now: start + .seconds(61))
        #expect(commands.abandon() == ["gas"])
    }

    @Test func countsWhatItDoesNotAnswer() {
        var commands = TotalCommands()
        var answers = 0
        for total in 1...1000 where commands.take(.success(Quantity(Int64(total))), of: "gas", now: start) != nil { answers += 1 }
        #expect(answers == 20)
        #expect(commands.due(now: start).answers.count == 0)
        #expect(commands.nextDeadline == start + .seconds(1))
        let due = commands.due(now: start + .seconds(1))
        #expect(due.answers.map(\.words) == ["979 more were rejected or replaced by newer ones"])
        #expect(commands.nextDeadline == nil)
    }
}
