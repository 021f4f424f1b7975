import Metering

/// The energy that actually flows in a virtual house, and that its meters should show. The load is constant between changes, so the energy
/// is exact and does not depend on the steps in which time advances.
package struct Household: Sendable {
    package struct Step: Sendable, Hashable {
        package var duration: Duration
        package var watts: Int64

        package init(_ duration: Duration, watts: Int64) {
            self.duration = duration
            self.watts = watts
        }
    }

    package enum Profile: Sendable, Hashable {
        case steady(watts: Int64)
        /// Consecutive loads; the last one lasts forever.
        case steps([Step])
        /// The load of a house by day and night, with solar panels.
        case home
    }

    package private(set) var now: Instant
    /// Positive is import, negative is export.
    package private(set) var watts: Int64 = 0
    /// When the load changes next; `nil` if it will not change again.
    package private(set) var changesAt: Instant?
    private var imported = Energy()
    private var exported = Energy()
    private var pending: ArraySlice<Step> = []
    private var home: HomeLoad?

    /// `timeOfDay` is the local time at `startedAt`; only `home` uses it.
    package init(seed: UInt64, profile: Profile, startedAt: Instant, timeOfDay: Duration = .seconds(18 * 3600)) {
        now = startedAt
        switch profile {
        case .steady(let watts): pending = [Step(.zero, watts: watts)]
        case .steps(let steps): pending = steps.filter { $0.duration > .zero }[...]
        case .home: home = HomeLoad(seed: seed, timeOfDay: timeOfDay)
        }
        changeLoad()
    }

    package var importWattSeconds: Int64 { imported.wattSeconds }
    package var exportWattSeconds: Int64 { exported.wattSeconds }

    package mutating func advance(to instant: Instant) {
        while now < instant {
            let end = min(changesAt ?? instant, instant)
            let nanoseconds = end.nanoseconds - now.nanoseconds
            if watts >= 0 { imported.add(watts, for: nanoseconds) } else { exported.add(-watts, for: nanoseconds) }
            now = end
            if end == changesAt { changeLoad() }
        }
    }

    private mutating func changeLoad() {
        if let watts = home?.next() {
            self.watts = watts
            changesAt = now + HomeLoad.slice
        } else if let step = pending.popFirst() {
            watts = step.watts
            changesAt = pending.isEmpty ? nil : now + step.duration
        }
    }
}

/// An amount of energy in whole watt-seconds, and the remainder in watt-nanoseconds.
private struct Energy: Sendable {
    var wattSeconds: Int64 = 0
    private var rest: Int64 = 0

    mutating func add(_ watts: Int64, for duration: Int64) {
        let (seconds, nanoseconds) = duration.quotientAndRemainder(dividingBy: 1_000_000_000)
        rest += watts * nanoseconds
        wattSeconds += watts * seconds + rest / 1_000_000_000
        rest %= 1_000_000_000
    }
}

extension Household.Profile {
    /// Parses a profile as written on the command line: `home`, `steady=350`, `steps=60s:350,30s:-1200`.
    package init?(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        switch (parts[0], parts.dropFirst().first) {
        case ("home", nil): self = .home
        case ("steady", let value?):
            guard let watts = watts(value) else { return nil }
            self = .steady(watts: watts)
        case ("steps", let value?):
            var steps: [Household.Step] = []
            for step in value.split(separator: ",", omittingEmptySubsequences: false) {
                let pair = step.split(separator: ":", omittingEmptySubsequences: false)
                guard pair.count == 2, let duration = Duration(spelled: pair[0]), duration > .zero, let watts = watts(pair[1])
                else { return nil }
                steps.append(Household.Step(duration, watts: watts))
            }
            self = .steps(steps)
        default: return nil
        }
    }

    package static let names = ["home", "steady=WATTS", "steps=DURATION:WATTS,…"]
}

private func watts(_ text: Substring) -> Int64? {
    Int64(text).flatMap { (-1_000_000...1_000_000).contains($0) ? $0 : nil }
}

extension Duration {
    /// The longest duration accepted: a hundred years, so that additions don't overflow.
    private static let longestSpelled = Duration.seconds(100 * 366 * 86_400)

    /// Parses `500ms`, `90s`, `5m`, `1h`.
    init?(spelled text: some StringProtocol) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard digits.utf8.count <= 9, let number = Int64(digits) else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": self = .milliseconds(number)
        case "s": self = .seconds(number)
        case "m": self = .seconds(number * 60)
        case "h": self = .seconds(number * 3600)
        default: return nil
        }
        guard self <= Self.longestSpelled else { return nil }
    }
}
