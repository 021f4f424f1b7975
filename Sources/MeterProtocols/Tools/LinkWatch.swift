import Metering

/// A session together with what is displayed about it: the newest values and the link quality. The display is updated at regular intervals.
package struct LinkWatch: MeterSession {
    package private(set) var quality = LinkQuality()
    package private(set) var readout: Readout?
    package private(set) var problem: String?
    package private(set) var line = LineSettings.opening
    /// The time of the last event.
    package private(set) var now = Instant(nanoseconds: 0)
    /// The display has to be updated.
    package private(set) var isDue = false
    private var session: any MeterSession
    private let interval: Duration
    private var showsAt: Instant?

    package init(_ session: any MeterSession, every interval: Duration) {
        self.session = session
        self.interval = interval
    }

    package var deadline: Instant? {
        guard let showsAt else { return session.deadline }
        return session.deadline.map { min($0, showsAt) } ?? showsAt
    }
    package var gathering: Duration? { session.gathering }
    package var farewell: [UInt8] { session.farewell }

    package mutating func opened(_ now: Instant) -> [MeterAction] {
        showsAt = now
        return note(session.opened(now), now)
    }

    package mutating func received(_ bytes: [UInt8], _ now: Instant) -> [MeterAction] {
        quality.received(bytes.count, now)
        return note(session.received(bytes, now), now)
    }

    package mutating func timedOut(_ now: Instant) -> [MeterAction] {
        let isItsOwn = session.deadline.map { now >= $0 } ?? false
        return note(isItsOwn ? session.timedOut(now) : [], now)
    }

    package mutating func closed() -> [MeterAction] {
        showsAt = nil
        return session.closed()
    }

    private mutating func note(_ actions: [MeterAction], _ now: Instant) -> [MeterAction] {
        self.now = now
        for action in actions {
            quality.note(action, now)
            switch action {
            case .apply(let settings): line = settings
            case .problem(let problem): self.problem = problem
            case .deliver(let delivered): readout = delivered
            case .send, .noise: break
            }
        }
        isDue = showsAt.map { now >= $0 } ?? false
        if isDue { showsAt = now + interval }
        return actions
    }
}
