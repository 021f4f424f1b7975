import Metering

/// How well an optical head receives its meter, for a person who turns the head until reception is best.
package struct LinkQuality: Sendable {
    /// How many telegrams are rated: few, so that turning the head soon has a visible effect.
    package static let window = 10
    /// The time over which bytes are counted.
    private static let span = Duration.seconds(5)
    /// Without a good telegram for this long, a head counts as silent: it must not be rated by old telegrams. The slowest meters send every
    /// 10 s. Once it is known how often the meter sends, three times that pause applies instead, or `shortestPause` if it is longer.
    private static let longestPause = Duration.seconds(12)
    private static let shortestPause = Duration.seconds(5)

    package private(set) var good = 0
    package private(set) var wrongChecks = 0
    package private(set) var wrongParities = 0
    /// Telegrams that were corrupted in another way, or cut off.
    package private(set) var damaged = 0
    package private(set) var unanswered = 0
    private var last: [Bool] = []
    private var lastGood: Instant?
    /// The time between the last two good telegrams.
    private var pace: Duration?
    private var received: [(at: Instant, count: Int)] = []

    package init() {}

    package mutating func received(_ count: Int, _ now: Instant) {
        received.removeAll { now - $0.at > Self.span }
        // One entry per tenth of a second, so that byte-by-byte input needs no more memory.
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

    /// How many of the last telegrams were good.
    package var recent: (good: Int, of: Int) { (last.count { $0 }, last.count) }

    /// 0 to 100; `nil` before the first telegram.
    package func share(_ now: Instant) -> Int? {
        guard !last.isEmpty else { return nil }
        return isSilent(now) ? 0 : 100 * recent.good / recent.of
    }

    /// Whether the next good telegram is overdue.
    package func isSilent(_ now: Instant) -> Bool {
        guard let lastGood else { return false }
        return now - lastGood > (pace.map { max(Self.shortestPause, $0 * 3) } ?? Self.longestPause)
    }

    package func bytesPerSecond(_ now: Instant) -> Int {
        received.reduce(0) { now - $1.at < Self.span ? $0 + $1.count : $0 } / Int(Self.span.components.seconds)
    }
}
