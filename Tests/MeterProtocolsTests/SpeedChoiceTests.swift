import Metering
import Testing

@testable import MeterProtocols

@Suite struct SpeedChoiceTests {
    private static func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    private static func name(_ way: SpeedChoice.Way) -> Int {
        if case .negotiated(let speed) = way { speed.rawValue } else { 0 }
    }

    /// What is tried when all fails: each speed twice, the one offered and two below it, 300 Bd, and then none is acknowledged (0).
    private static let ladders: [(offered: BaudRate, ways: [Int])] = [
        (.b19200, [19200, 9600, 4800, 300, 0]), (.b9600, [9600, 4800, 2400, 300, 0]), (.b2400, [2400, 1200, 600, 300, 0]),
        (.b1200, [1200, 600, 300, 0]), (.b600, [600, 300, 0]), (.b300, [300, 0]),
    ]

    @Test(arguments: ladders) func eachIsTriedTwice(_ offered: BaudRate, _ ways: [Int]) {
        var choice = SpeedChoice()
        for way in ways {
            for _ in 0..<2 {
                #expect(Self.name(choice.choose(offered: offered, now: Self.at(0))) == way)
                choice.failed(isSlow: false, now: Self.at(0))
            }
        }
        // There is nothing below it.
        for _ in 0..<4 {
            #expect(choice.choose(offered: offered, now: Self.at(1)) == .unacknowledged)
            choice.failed(isSlow: false, now: Self.at(0))
        }
    }

    /// One failure between successes is the line's.
    @Test func aSuccessForgivesAFailure() {
        var choice = SpeedChoice()
        for _ in 0..<5 {
            #expect(choice.choose(offered: .b9600, now: Self.at(0)) == .negotiated(.b9600))
            choice.failed(isSlow: false, now: Self.at(0))
            #expect(choice.choose(offered: .b9600, now: Self.at(0)) == .negotiated(.b9600))
            choice.succeeded()
        }
    }

    /// A meter that was heard at 300 Bd is read there, and the last way is tried after it.
    @Test(arguments: [(BaudRate.b9600, [300, 0]), (.b300, [0]), (.b600, [300, 0])]) func aSlowMeter(_ offered: BaudRate, _ ways: [Int]) {
        var choice = SpeedChoice()
        _ = choice.choose(offered: offered, now: Self.at(0))
        for way in ways {
            for _ in 0..<2 { choice.failed(isSlow: true, now: Self.at(0)) }
            #expect(Self.name(choice.choose(offered: offered, now: Self.at(0))) == way)
        }
    }

    private func fallen(to way: Int, at now: Int64 = 0) -> SpeedChoice {
        var choice = SpeedChoice()
        while Self.name(choice.choose(offered: .b9600, now: Self.at(now))) != way { choice.failed(isSlow: false, now: Self.at(now)) }
        return choice
    }

    /// After ten minutes, then twenty, forty, up to a day: one attempt each time.
    @Test func theFasterOneIsTriedAgain() {
        var choice = fallen(to: 4800)
        var (now, patience) = (Int64(0), Int64(600))
        for _ in 0..<12 {
            #expect(choice.choose(offered: .b9600, now: Self.at(now + patience - 1)) == .negotiated(.b4800))
            choice.succeeded()
            now += patience
            #expect(choice.choose(offered: .b9600, now: Self.at(now)) == .negotiated(.b9600))
            choice.failed(isSlow: false, now: Self.at(now))
            #expect(choice.choose(offered: .b9600, now: Self.at(now)) == .negotiated(.b4800))
            patience = min(patience * 2, 86_400)
        }
        #expect(patience == 86_400)
    }

    @Test func theFasterOneWorksAgain() {
        var choice = fallen(to: 2400)
        #expect(choice.choose(offered: .b9600, now: Self.at(600)) == .negotiated(.b4800))
        choice.succeeded()
        // And the next one is tried at once.
        #expect(choice.choose(offered: .b9600, now: Self.at(600)) == .negotiated(.b9600))
        choice.failed(isSlow: false, now: Self.at(600))
        #expect(choice.choose(offered: .b9600, now: Self.at(1799)) == .negotiated(.b4800))
        #expect(choice.choose(offered: .b9600, now: Self.at(1800)) == .negotiated(.b9600))
        choice.succeeded()
        #expect(choice.choose(offered: .b9600, now: Self.at(1_000_000)) == .negotiated(.b9600))
        // It fails later: the patience is that of the beginning.
        for _ in 0..<2 { choice.failed(isSlow: false, now: Self.at(2000)) }
        #expect(choice.choose(offered: .b9600, now: Self.at(2599)) == .negotiated(.b4800))
        #expect(choice.choose(offered: .b9600, now: Self.at(2600)) == .negotiated(.b9600))
    }

    /// Another meter has other speeds.
    @Test func anotherOffer() {
        var choice = fallen(to: 300)
        #expect(choice.choose(offered: .b4800, now: Self.at(1)) == .negotiated(.b4800))
        #expect(choice.choose(offered: .b9600, now: Self.at(2)) == .negotiated(.b9600))
    }
}
