import Metering

/// Which speed to ask for. After two failures the next lower speed is used; after a while the faster speed is tried again.
struct SpeedChoice {
    /// The ways to read, fastest first: a negotiated speed, 300 Bd with an acknowledgement, 300 Bd without one.
    enum Way: Hashable { case negotiated(BaudRate), unacknowledged }

    private static let failuresAllowed = 2
    private static let firstPatience = Duration.seconds(600)
    private static let longestPatience = Duration.seconds(86_400)

    private var offered: BaudRate?
    private var step = 0
    private var failures = 0
    private var retryAt: Instant?
    private var patience = firstPatience
    /// A faster step is being tried once; `step` is known to work.
    private var isRetrying = false

    /// The offered speed, one and two steps below it, 300 Bd, and finally no acknowledgement at all.
    private var ways: [Way] {
        guard let offered else { return [.unacknowledged] }
        let lower = BaudRate.allCases.filter { $0 < offered && $0 > .b300 }.reversed().prefix(2)
        return [.negotiated(offered)] + lower.map { .negotiated($0) } + (offered > .b300 ? [.negotiated(.b300)] : []) + [.unacknowledged]
    }

    mutating func choose(offered: BaudRate, now: Instant) -> Way {
        if self.offered != offered { self = SpeedChoice(offered: offered) }
        isRetrying = step > 0 && retryAt.map { now >= $0 } ?? false
        return ways[isRetrying ? step - 1 : min(step, ways.count - 1)]
    }

    init() {}
    private init(offered: BaudRate) { self.offered = offered }

    mutating func succeeded() {
        failures = 0
        guard isRetrying else { return }
        isRetrying = false
        step -= 1
        patience = Self.firstPatience
        retryAt = step > 0 ? retryAt : nil
    }

    /// `isSlow`: the meter was heard sending at 300 Bd, so the speeds in between need not be tried.
    mutating func failed(isSlow: Bool, now: Instant) {
        if isRetrying {
            isRetrying = false
            patience = min(patience * 2, Self.longestPatience)
            retryAt = now + patience
            return
        }
        failures += 1
        guard failures >= Self.failuresAllowed, step < ways.count - 1 else { return }
        failures = 0
        step = isSlow ? max(step + 1, ways.count - 2) : step + 1
        retryAt = now + patience
    }
}
