import MeterProtocols
import Metering
import Testing

/// A counter that settles at each pulse, and when it is due.
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

    /// A pulse that ends so long after the one before. Says whether it was heard at once.
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

    /// As often as it is saved; but as soon as somebody listens, he hears.
    @Test func whatNobodyListensToIsKept() {
        var listener = Listener()
        listener.isListening = false
        for _ in 0..<3200 { listener.pulse(after: 60) }
        #expect((3...6).contains(listener.heard.count))
        listener.isListening = true
        let isHeard = listener.pulse(after: 60)
        #expect(isHeard)
    }

    /// What was counted is told when the next pulse is overdue, so that silence is silence.
    @Test func theEndOfAStreamIsHeard() {
        var listener = Listener()
        for _ in 0..<100 { listener.pulse(after: 60) }
        let last = listener.now
        listener.rest(until: last + .seconds(10))
        #expect(listener.pace.due == .distantFuture)
        #expect((listener.heard.last ?? last) - last <= .milliseconds(66))
    }

    /// Two pulses after the change and 0.2 s it is known.
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

    /// Whatever comes, it is heard within a second, and nobody is woken more often than ten times in one.
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
}
