import MeterProtocols
import Metering
import Testing

private let start = Instant(nanoseconds: 1_000_000_000)
private func at(_ seconds: Double) -> Instant { start + .milliseconds(Int64(seconds * 1000)) }
private let good = MeterAction.deliver(Readout([], at: start))

@Suite struct LinkQualityTests {
    private func quality(_ actions: [MeterAction]) -> (LinkQuality, Instant) {
        var quality = LinkQuality()
        for (index, action) in actions.enumerated() { quality.note(action, at(Double(index))) }
        return (quality, at(Double(max(actions.count - 1, 0))))
    }

    @Test func knowsNothingBeforeTheFirstTelegram() {
        let (quality, now) = quality([.send([1]), .apply(LineSettings.opening), .problem("no data")])
        #expect(quality.share(now) == nil && !quality.isSilent(now) && quality.bytesPerSecond(now) == 0)
    }

    @Test func isTheShareOfTheLastTen() {
        let bad = MeterAction.noise(.wrongCheck)
        let (half, now) = quality([good, bad, good, bad])
        #expect(half.share(now) == 50)
        let (none, last) = quality([bad, bad])
        #expect(none.share(last) == 0 && !none.isSilent(last))
        // Ten good telegrams restore the quality, but the wrong checksums stay counted.
        let (mended, end) = quality([MeterAction](repeating: bad, count: 20) + [MeterAction](repeating: good, count: 9))
        #expect(mended.share(end) == 90)
        var better = mended
        better.note(good, end + .seconds(1))
        #expect(better.share(end + .seconds(1)) == 100 && better.wrongChecks == 20 && better.good == 10)
    }

    @Test func countsEachKindOfError() {
        let (quality, now) = quality([
            .noise(.wrongCheck), .noise(.wrongParity), .noise(.wrongParity), .noise(.damaged), .noise(.unexpected), .noise(.silence), good,
        ])
        #expect(quality.wrongChecks == 1 && quality.wrongParities == 2 && quality.damaged == 2 && quality.unanswered == 1)
        #expect(quality.share(now) == 100 / 7)
    }

    /// When nothing arrives, for example because the head was moved, the quality falls in spite of earlier telegrams.
    @Test func fallsWhenNothingComes() {
        let (everySecond, now) = quality([good, good, good])
        #expect(everySecond.share(now + .seconds(5)) == 100)
        #expect(everySecond.share(now + .seconds(6)) == 0 && everySecond.isSilent(now + .seconds(6)))
        var slow = LinkQuality()
        slow.note(good, at(0))
        #expect(slow.share(at(12)) == 100 && slow.share(at(13)) == 0)
        slow.note(good, at(10))
        #expect(slow.share(at(39)) == 100 && slow.share(at(41)) == 0)
    }

    @Test func countsBytesOfTheLastSeconds() {
        var quality = LinkQuality()
        for tenth in 0..<100 { quality.received(48, at(Double(tenth) / 10)) }
        #expect(quality.bytesPerSecond(at(9.95)) == 480)
        #expect(quality.bytesPerSecond(at(12.5)) < 300)
        #expect(quality.bytesPerSecond(at(20)) == 0)
    }
}

@Suite struct LinkQualityBoundaryTests {
    /// Bytes of the last five seconds; everything within 100 ms is one portion, timed by its first byte.
    @Test func theBytesOfFiveSeconds() {
        var quality = LinkQuality()
        quality.received(100, at(0))
        #expect(quality.bytesPerSecond(at(0)) == 20 && quality.bytesPerSecond(at(4.999)) == 20 && quality.bytesPerSecond(at(5)) == 0)
        quality.received(50, at(0.099))
        #expect(quality.bytesPerSecond(at(4.999)) == 30 && quality.bytesPerSecond(at(5)) == 0)
        quality.received(25, at(0.1))
        #expect(quality.bytesPerSecond(at(4.999)) == 35 && quality.bytesPerSecond(at(5)) == 5 && quality.bytesPerSecond(at(5.1)) == 0)
        quality.received(10, at(6))
        #expect(quality.bytesPerSecond(at(6)) == 2)
    }

    /// Silence begins after three times the usual pause, at least five seconds; twelve seconds after a single telegram.
    private static let pauses: [(pace: Double?, limit: Double)] = [
        (nil, 12), (0.5, 5), (1, 5), (1.666, 5), (1.667, 5.001), (2, 6), (10, 30),
    ]

    @Test(arguments: pauses) func silence(_ pace: Double?, _ limit: Double) {
        var quality = LinkQuality()
        if let pace { quality.note(good, at(-pace)) }
        #expect(!quality.isSilent(at(1000)) || pace != nil)
        quality.note(good, at(0))
        // Noise doesn't count as data from the meter.
        quality.note(.noise(.damaged), at(1))
        #expect(!quality.isSilent(at(limit)) && quality.share(at(limit)) == (pace == nil ? 50 : 66))
        #expect(quality.isSilent(at(limit + 0.001)) && quality.share(at(limit + 0.001)) == 0)
    }

    @Test func recentIsTen() {
        var quality = LinkQuality()
        #expect(quality.recent == (0, 0) && LinkQuality.window == 10)
        for count in 1...12 {
            quality.note(count == 1 ? .noise(.refused) : good, at(Double(count)))
            #expect(quality.recent == (min(count - 1, 10), min(count, 10)))
        }
        #expect(quality.damaged == 1 && quality.good == 11)
    }
}

@Suite struct LinkWatchTests {
    @Test func showsAndGoesOnReading() {
        var watch = LinkWatch(PushSession(.sml), every: .seconds(1))
        #expect(watch.opened(start) == [.apply(LineSettings(.b9600, .eightNone))])
        #expect(watch.isDue && watch.line.framing == .eightNone && watch.readout == nil)
        #expect(watch.deadline == at(1), "it wants to be shown before the session waits no longer")
        var damaged = smlTelegram()
        damaged[damaged.count - 1] ^= 1
        #expect(watch.received(smlTelegram() + damaged, at(0.5)).count == 2)
        #expect(!watch.isDue && watch.readout?.source == .sml && watch.quality.wrongChecks == 1)
        #expect(watch.quality.share(at(0.5)) == 50 && watch.quality.bytesPerSecond(at(0.5)) == smlTelegram().count * 2 / 5)
        #expect(watch.timedOut(at(1)) == [] && watch.isDue && watch.deadline == at(2))
        #expect(watch.timedOut(at(1.5)) == [] && !watch.isDue)
    }

    /// The watch's own wake-ups must not replace the session's deadlines.
    @Test func theSessionKeepsItsDeadlines() {
        var watch = LinkWatch(PushSession(.d0Push), every: .seconds(1))
        var speeds = watch.opened(start).count
        for second in 1...60 { speeds += watch.timedOut(at(Double(second))).filter { if case .apply = $0 { true } else { false } }.count }
        #expect(speeds >= 4 && watch.problem?.hasPrefix("no data at 9600 Bd 8N1") == true)
    }

    /// A session that waits for nothing and reports a problem at each timeout.
    private struct Patient: MeterSession {
        var deadline: Instant?
        var gathering: Duration? { .milliseconds(7) }
        var farewell: [UInt8] { [7] }

        mutating func opened(_ now: Instant) -> [MeterAction] { [] }
        mutating func received(_ bytes: [UInt8], _ now: Instant) -> [MeterAction] { [] }
        mutating func timedOut(_ now: Instant) -> [MeterAction] { [.noise(.silence)] }
        mutating func closed() -> [MeterAction] { [.problem("closed")] }
    }

    @Test func aSessionIsDisturbedOnlyWhenItIsDue() {
        for (deadline, isDue) in [(nil, false), (at(1), true), (at(0.5), true), (at(1.5), false)] as [(Instant?, Bool)] {
            var watch = LinkWatch(Patient(deadline: deadline), every: .seconds(1))
            #expect(watch.deadline == deadline, "nothing is shown before it is open")
            _ = watch.opened(start)
            #expect(watch.isDue && watch.deadline == [deadline, at(1)].compactMap { $0 }.min())
            #expect(watch.timedOut(at(1)) == (isDue ? [.noise(.silence)] : []) && watch.isDue && watch.now == at(1))
            #expect(watch.quality.unanswered == (isDue ? 1 : 0) && watch.gathering == .milliseconds(7) && watch.farewell == [7])
            #expect(watch.timedOut(at(1.999)).count == (deadline == nil ? 0 : 1) && !watch.isDue)
            _ = watch.timedOut(at(2))
            #expect(watch.isDue)
            #expect(watch.closed() == [.problem("closed")] && watch.deadline == deadline)
        }
    }

    @Test func parityErrorsAreTold() {
        var telegram = withParity(modeD)
        telegram[40] ^= 0x80
        var watch = LinkWatch(PushSession(.d0Push), every: .seconds(1))
        _ = watch.opened(start)
        _ = watch.received(withParity(modeD) + telegram, start)
        #expect(watch.quality.wrongParities == 1 && watch.quality.wrongChecks == 0)
    }
}
