import Metering

/// Finds out which meter is in front of a head: listens at every speed before it asks, and ends after a minute.
package struct Detection: MeterSession {
    package enum Outcome: Sendable, Equatable {
        /// A readout was received at this speed.
        case read(Readout, BaudRate)
        /// The meter answered the sign-on, but its data did not arrive in time.
        case identified(Identification)
        /// Bytes were received, but no telegram.
        case heard
        case silent
    }

    package static let limit = Duration.seconds(60)

    /// `nil` while the detection is running.
    package private(set) var outcome: Outcome?
    private var session: AutoSession
    private var line = LineSettings.opening
    private var end: Instant?
    private var hasAsked = false
    private var hasHeard = false
    private var heard: BytesHeard

    /// `hasFixedSpeed`: the head is remote, so its speed can't be changed.
    package init(hasFixedSpeed: Bool = false) {
        heard = BytesHeard(isSpeedKnown: !hasFixedSpeed)
        var plan = ReadingPlan(read: .readout, registers: [], every: .seconds(1))
        plan.hasFixedSpeed = hasFixedSpeed
        session = AutoSession(plan: plan, listensFirst: true)
    }

    package var deadline: Instant? {
        guard let end, outcome == nil else { return nil }
        return session.deadline.map { min($0, end) } ?? end
    }
    /// What was received at which speed before the meter was asked.
    package var whatWasHeard: String { heard.description }
    package var gathering: Duration? { session.gathering }
    package var farewell: [UInt8] { session.farewell }

    package mutating func opened(_ now: Instant) -> [MeterAction] {
        end = now + Self.limit
        return note(session.opened(now))
    }

    package mutating func received(_ bytes: [UInt8], _ now: Instant) -> [MeterAction] {
        guard outcome == nil else { return [] }
        // Bytes that arrive after something was sent may be its echo.
        if !hasAsked, !bytes.isEmpty {
            hasHeard = true
            heard.add(bytes.count)
        }
        let actions = note(session.received(bytes, now))
        finish(now)
        return actions
    }

    package mutating func timedOut(_ now: Instant) -> [MeterAction] {
        guard outcome == nil else { return [] }
        finish(now)
        return outcome == nil ? note(session.timedOut(now)) : []
    }

    package mutating func closed() -> [MeterAction] { session.closed() }

    /// Checks the end at every event, because a meter that pushes may send so often that the deadline never expires.
    private mutating func finish(_ now: Instant) {
        guard outcome == nil, let end, now >= end else { return }
        outcome = session.identification.map { .identified($0) } ?? (hasHeard ? .heard : .silent)
    }

    private mutating func note(_ actions: [MeterAction]) -> [MeterAction] {
        for action in actions {
            switch action {
            case .apply(let settings):
                line = settings
                if !hasAsked, settings.framing == .eightNone { heard.listen(at: settings) }
            case .send: hasAsked = true
            case .noise(.silence), .problem: break
            case .noise: hasHeard = true
            case .deliver(let readout): outcome = outcome ?? .read(readout, line.speed)
            }
        }
        return actions
    }
}
