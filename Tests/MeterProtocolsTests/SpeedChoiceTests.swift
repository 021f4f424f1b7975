import Metering
import Testing

@testable import MeterProtocols

@Suite struct SpeedChoiceTests {
    private static func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    private static func name(_ way: SpeedChoice.Way) -> Int {
        if case .negotiated(let speed) = way { speed.rawValue } else { 0 }
    }

    /// What is tried if everything fails: the offered speed and the two below it, 300 Bd, then no acknowledgement (0), each twice.
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
        // There is nothing after it.
        for _ in 0..<4 {
            #expect(choice.choose(offered: offered, now: Self.at(1)) == .unacknowledged)
            choice.failed(isSlow: false, now: Self.at(0))
        }
    }

    /// A single failure between successes is blamed on the line.
    @Test func aSuccessForgivesAFailure() {
        var choice = SpeedChoice()
        for _ in 0..<5 {
            #expect(choice.choose(offered: .b9600, now: Self.at(0)) == .negotiated(.b9600))
            choice.failed(isSlow: false, now: Self.at(0))
            #expect(choice.choose(offered: .b9600, now: Self.at(0)) == .negotiated(.b9600))
            choice.succeeded()
        }
    }

    /// If the meter was heard at 300 Bd, that speed is used, and then no acknowledgement.
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

    /// One attempt each after ten minutes, twenty, forty, up to a day.
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
        // The next faster speed is tried immediately.
        #expect(choice.choose(offered: .b9600, now: Self.at(600)) == .negotiated(.b9600))
        choice.failed(isSlow: false, now: Self.at(600))
        #expect(choice.choose(offered: .b9600, now: Self.at(1799)) == .negotiated(.b4800))
        #expect(choice.choose(offered: .b9600, now: Self.at(1800)) == .negotiated(.b9600))
        choice.succeeded()
        #expect(choice.choose(offered: .b9600, now: Self.at(1_000_000)) == .negotiated(.b9600))
        // It fails later: the retry time starts again at ten minutes.
        for _ in 0..<2 { choice.failed(isSlow: false, now: Self.at(2000)) }
        #expect(choice.choose(offered: .b9600, now: Self.at(2599)) == .negotiated(.b4800))
        #expect(choice.choose(offered: .b9600, now: Self.at(2600)) == .negotiated(.b9600))
    }

    /// Another offer means another meter.
    @Test func anotherOffer() {
        var choice = fallen(to: 300)
        #expect(choice.choose(offered: .b4800, now: Self.at(1)) == .negotiated(.b4800))
        #expect(choice.choose(offered: .b9600, now: Self.at(2)) == .negotiated(.b9600))
    }
}
