import MeterProtocols
import Metering
import Testing

/// A counter that reports when due.
private struct Listener {
    var pace: ReportPace
    var isListening = true
    var heard: [Instant] = []
    var now = Instant(nanoseconds: 1_000_000_000)

    init(every: Duration = .seconds(1)) { pace = ReportPace(listenedEvery: every, keptEvery: .seconds(60)) }

    private mutating func settle(_ at: Instant) {
        now = at
        guard pace.isDue(now) else { return }
        heard.append(now)
        pace.reported(now)
    }

    mutating func rest(until end: Instant) {
        while pace.due <= end { settle(max(now, pace.due)) }
        now = end
    }

    /// A pulse that ends `milliseconds` after the previous one. Returns whether it was reported immediately.
    @discardableResult
    mutating func pulse(after milliseconds: Int) -> Bool {
        let end = now + .milliseconds(milliseconds)
        rest(until: end)
        let before = heard.count
        pace.count(at: end, isListenedTo: isListening)
        settle(end)
        return heard.count > before
    }
}

@Suite struct ReportPaceTests {
    @Test func whatComesAloneIsHeardAtOnce() {
        var listener = Listener()
        for pause in [5000, 1000, 60_000, 1001, 1700] {
            let isHeard = listener.pulse(after: pause)
            #expect(isHeard)
        }
        #expect(listener.heard.count == 5)
        #expect(listener.pace.due == .distantFuture)
    }

    @Test func aSteadyStreamIsHeardOnceASecond() {
        var listener = Listener()
        for index in 0..<1600 { listener.pulse(after: 62 + index % 2) }
        #expect((98...104).contains(listener.heard.count))
        for (before, next) in zip(listener.heard, listener.heard.dropFirst(4)) { #expect(next - before <= .milliseconds(4 * 1070)) }
    }

    /// Without a listener, reports are as rare as saves; with one, the next pulse is reported immediately.
    @Test func whatNobodyListensToIsKept() {
        var listener = Listener()
        listener.isListening = false
        for _ in 0..<3200 { listener.pulse(after: 60) }
        #expect((3...6).contains(listener.heard.count))
        listener.isListening = true
        let isHeard = listener.pulse(after: 60)
        #expect(isHeard)
    }

    /// When the next pulse is overdue the count is reported, so that the end of the stream shows.
    @Test func theEndOfAStreamIsHeard() {
        var listener = Listener()
        for _ in 0..<100 { listener.pulse(after: 60) }
        let last = listener.now
        listener.rest(until: last + .seconds(10))
        #expect(listener.pace.due == .distantFuture)
        #expect((listener.heard.last ?? last) - last <= .milliseconds(66))
    }

    /// A changed interval is reported within two pulses plus 0.2 s.
    @Test(arguments: [30, 52, 70, 90, 120, 300]) func aChangeIsHeardSoon(interval: Int) {
        for steady in 40..<60 {
            var listener = Listener()
            for _ in 0..<steady { listener.pulse(after: 60) }
            let changed = listener.now
            listener.pulse(after: interval)
            listener.pulse(after: interval)
            let limit = listener.now + .milliseconds(200)
            listener.rest(until: limit)
            let heardSince = listener.heard.filter { $0 > changed + .milliseconds(interval) }
            #expect(!heardSince.isEmpty, "\(steady)")
        }
    }

    /// Every pulse is reported within a second, with at most ten reports per second.
    @Test func aRestlessStreamIsBounded() {
        var listener = Listener()
        var state = UInt64(7)
        for _ in 0..<3000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            listener.pulse(after: 30 + Int(state >> 33) % 60)
            if listener.pace.due != .distantFuture { #expect(listener.pace.due - listener.now <= .seconds(1)) }
        }
        let seconds = (listener.now - listener.heard[0]).nanoseconds / 1_000_000_000
        #expect(Int64(listener.heard.count) <= seconds * 10 + 2)
        #expect(Int64(listener.heard.count) > seconds)
    }

    @Test func whoWantsEachPulseHearsEach() {
        var listener = Listener(every: .zero)
        for _ in 0..<50 {
            let isHeard = listener.pulse(after: 60)
            #expect(isHeard)
        }
    }

    @Test func whatIsMoreThanAPulseIsHeardAtOnce() {
        var listener = Listener()
        for _ in 0..<20 { listener.pulse(after: 60) }
        listener.pace.hurry()
        #expect(listener.pace.isDue(listener.now))
        listener.pace.reported(listener.now)
        #expect(listener.pace.due == .distantFuture)
    }

    // MARK: Due times

    private static func at(_ microseconds: Int64) -> Instant { Instant(nanoseconds: microseconds * 1000) }

    /// A pulse every 60 ms, reported at 1, 1.1 and 1.2 s; the following pulses are as expected.
    private func steady(every: Duration = .seconds(1)) -> ReportPace {
        var pace = ReportPace(listenedEvery: every, keptEvery: .seconds(60))
        pace.count(at: Self.at(1_000_000), isListenedTo: true)
        #expect(pace.due == Self.at(1_000_000))
        pace.reported(Self.at(1_000_000))
        pace.count(at: Self.at(1_060_000), isListenedTo: true)
        #expect(pace.due == Self.at(1_100_000), "100 ms after the one before at the earliest")
        pace.reported(Self.at(1_100_000))
        pace.count(at: Self.at(1_120_000), isListenedTo: true)
        #expect(pace.due == Self.at(1_200_000), "the next one says to what it changed")
        pace.count(at: Self.at(1_180_000), isListenedTo: true)
        #expect(pace.due == Self.at(1_200_000))
        pace.reported(Self.at(1_200_000))
        #expect(pace.due == .distantFuture)
        return pace
    }

    /// The tolerance is 60 ms / 16 + 2 ms = 5.75 ms.
    private static let intervals: [(nanoseconds: Int64, isUnexpected: Bool)] = [
        (60_000_000, false), (65_750_000, false), (65_750_001, true), (54_250_000, false), (54_249_999, true), (-60_000_000, true),
    ]

    @Test(arguments: intervals) func whatIsUnexpectedIsHeardSoon(_ nanoseconds: Int64, _ isUnexpected: Bool) {
        var pace = steady()
        let pulse = Self.at(1_180_000) + .nanoseconds(nanoseconds)
        pace.count(at: pulse, isListenedTo: true)
        #expect(pace.due == (isUnexpected ? Self.at(1_300_000) : pulse + .microseconds(65_750)))
    }

    /// Due when the next pulse is overdue, at least once a second.
    @Test func aSteadyStreamIsDue() {
        var pace = steady()
        var pulse: Int64 = 1_180_000
        for _ in 0..<17 {
            pulse += 60_000
            pace.count(at: Self.at(pulse), isListenedTo: true)
            #expect(pace.due == Self.at(min(pulse + 65_750, 2_200_000)))
        }
        #expect(pulse == 2_200_000 && pace.due == Self.at(2_200_000) && pace.isDue(Self.at(2_200_000)))
        #expect(!pace.isDue(Instant(nanoseconds: 2_199_999_999)))
        // Without a listener once a minute is enough.
        var kept = steady()
        for pulse in stride(from: 1_240_000, through: 61_180_000, by: 60_000) as StrideThrough<Int64> {
            kept.count(at: Self.at(pulse), isListenedTo: false)
            #expect(kept.due == Self.at(min(pulse + 65_750, 61_200_000)))
        }
        kept.count(at: Self.at(61_240_000), isListenedTo: false)
        #expect(kept.due == Self.at(61_240_000), "at once, because it is late")
    }

    /// A listener may ask for more than ten reports a second.
    @Test func aShortPauseIsTheLeast() {
        var pace = ReportPace(listenedEvery: .milliseconds(50), keptEvery: .seconds(60))
        pace.count(at: Self.at(1_000_000), isListenedTo: true)
        pace.reported(Self.at(1_000_000))
        pace.count(at: Self.at(1_030_000), isListenedTo: true)
        #expect(pace.due == Self.at(1_050_000))
    }

    @Test func whatIsUrgentStaysSo() {
        var pace = steady()
        pace.hurry()
        #expect(pace.due == Instant(nanoseconds: 0))
        pace.count(at: Self.at(1_240_000), isListenedTo: true)
        #expect(pace.due == Instant(nanoseconds: 0))
        pace.reported(Self.at(1_240_000))
        pace.count(at: Self.at(1_300_000), isListenedTo: true)
        #expect(pace.due == Self.at(1_365_750), "and is over when it was told")
    }
}
