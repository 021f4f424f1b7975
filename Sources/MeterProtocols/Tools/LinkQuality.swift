import Metering

/// How well a head sees its meter, from what is heard of it: for a person who turns the head until it is best.
package struct LinkQuality: Sendable {
    /// Few, so that a turn of the head shows soon.
    package static let window = 10
    /// Over which bytes are counted.
    private static let span = Duration.seconds(5)
    /// A head that sees nothing any more is not as good as its last telegrams. The rarest come every 10 s.
    private static let longestPause = Duration.seconds(12)
    private static let shortestPause = Duration.seconds(5)

    package private(set) var good = 0
    package private(set) var wrongChecks = 0
    package private(set) var wrongParities = 0
    /// Damaged in another way, or cut off.
    package private(set) var damaged = 0
    package private(set) var unanswered = 0
    private var last: [Bool] = []
    private var lastGood: Instant?
    /// Between the last two good ones.
    private var pace: Duration?
    private var received: [(at: Instant, count: Int)] = []

    package init() {}

    package mutating func received(_ count: Int, _ now: Instant) {
        received.removeAll { now - $0.at > Self.span }
        // One entry for all of a tenth of a second: whoever sends byte by byte needs no more memory.
        if let latest = received.last, now - latest.at < .milliseconds(100) {
            received[received.count - 1].count += count
        } else {
            received.append((now, count))
        }
    }

    package mutating func note(_ action: MeterAction, _ now: Instant) {
        switch action {
        case .send, .apply, .problem: break
        case .deliver:
            good += 1
            if let lastGood { pace = now - lastGood }
            lastGood = now
            count(true)
        case .noise(let noise):
            switch noise {
            case .wrongCheck: wrongChecks += 1
            case .wrongParity: wrongParities += 1
            case .silence: unanswered += 1
            case .damaged, .unexpected, .refused: damaged += 1
            }
            count(false)
        }
    }

    private mutating func count(_ isGood: Bool) {
        last = last.suffix(Self.window - 1) + [isGood]
    }

    /// Of the last telegrams, how many there were and how many were good.
    package var recent: (good: Int, of: Int) { (last.count { $0 }, last.count) }

    /// 0 to 100; `nil` before the first telegram.
    package func share(_ now: Instant) -> Int? {
        guard !last.isEmpty else { return nil }
        return isSilent(now) ? 0 : 100 * recent.good / recent.of
    }

    /// Nothing good has come for longer than it should take.
    package func isSilent(_ now: Instant) -> Bool {
        guard let lastGood else { return false }
        return now - lastGood > (pace.map { max(Self.shortestPause, $0 * 3) } ?? Self.longestPause)
    }

    package func bytesPerSecond(_ now: Instant) -> Int {
        received.reduce(0) { now - $1.at < Self.span ? $0 + $1.count : $0 } / Int(Self.span.components.seconds)
    }
}
