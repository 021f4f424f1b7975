import Metering
import Testing
import VirtualMeters

@testable import MeterProtocols

/// Extreme counts and times from outside must not overflow.
@Suite struct HostileCountsTests {
    /// After a day of noise the next telegram is handled as usual.
    @Test func countsEndSomewhere() {
        for speed in BaudRate.allCases {
            let line = LineSettings(speed)
            let counts = [0, 1, 922_337_203, 922_337_204, 1 << 40, .max]
            let durations = counts.map { line.duration(of: $0) }
            #expect(durations == durations.sorted() && durations[1] > .zero && durations[3] > .seconds(3600))
            var usual = UsualLength()
            usual.note(.max)
            #expect(usual.rest(after: 1, on: line) == .milliseconds(250))
        }
    }

    /// The kernel's edge numbers are trusted, but no value makes a count decrease or crashes the process.
    @Test func hostileEdges() {
        let numbers: [UInt64] = [0, 1, 2, 3, 1 << 32, UInt64(Int64.max), 1 << 63, .max - 1, .max]
        let counts: [Int64] = [0, 1, .max - 1, .max]
        let times: [Int64] = [.min, .min + 1, -1, 0, 1, 1_000_000_000, .max - 1, .max]
        var random = SeededGenerator(seed: 3)
        func any<Element>(_ elements: [Element]) -> Element { elements[Int(random.number(in: 0...Int64(elements.count - 1)))] }
        for round in 0..<2000 {
            var tally = PulseTally(active: .falling, minPulse: .milliseconds(20), counted: any(counts))
            var pace = ReportPace(listenedEvery: .seconds(1), keptEvery: .seconds(60))
            let position = LinePosition(number: any(numbers), activeSince: Instant(nanoseconds: any(times)))
            tally.begin(isDebounced: round % 2 == 0, at: round % 3 == 0 ? nil : position)
            for _ in 0..<12 {
                let before = tally.count
                let at = Instant(nanoseconds: any(times))
                tally.push(Edge(any([.rising, .falling]), at: at, number: any(numbers)))
                _ = tally.overflowed(now: Instant(nanoseconds: any(times)))
                let after = tally.count
                #expect(after.counted >= before.counted && after.lost >= before.lost && after.recovered >= before.recovered)
                pace.count(at: at, isListenedTo: random.happens(0.5))
                if random.happens(0.5) { pace.reported(at) }
            }
        }
    }

    /// A clock that was set back between two reported pulses.
    @Test func aClockThatRunsBackwards() {
        var pace = ReportPace(listenedEvery: .seconds(1), keptEvery: .seconds(60))
        for seconds in [100, 10, 11, 12] as [Int64] {
            let now = Instant(nanoseconds: seconds * 1_000_000_000)
            pace.count(at: now, isListenedTo: true)
            pace.reported(now)
        }
        #expect(!pace.isDue(Instant(nanoseconds: 12_000_000_000)))
    }
}
