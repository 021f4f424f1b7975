import Metering

/// Finds out whether a meter has to be asked or pushes by itself. The session alternates until one of the two works: it asks first, which
/// takes only seconds, then it listens. With `listensFirst` it starts by listening at every speed, long enough for slow senders.
package struct AutoSession: MeterSession {
    private enum Turn { case asking, listening }

    /// How long to ask before listening, in the first turn and in later ones. After an aborted session a meter refuses a sign-on for up to
    /// a minute, so the later turns are longer than that.
    private static let askingTimes = [Duration.seconds(8), .seconds(75)]

    private let listensFirst: Bool
    private var asking: ReadoutSession
    private var listening: PushSession
    private var turn = Turn.asking
    private var turns = 0
    /// When the current turn ends; `nil` once the meter has answered: the turn then lasts until the port is closed.
    private var changesAt: Instant?
    /// A readout was delivered in this turn.
    private var hasRead = false

    package init(plan: ReadingPlan, listensFirst: Bool = false) {
        self.listensFirst = listensFirst
        asking = ReadoutSession(plan: plan)
        listening = PushSession(
            nil, signsByStatus: plan.signsByStatus, missesNothing: listensFirst, hasFixedSpeed: plan.hasFixedSpeed)
    }

    package var deadline: Instant? {
        let own = turn == .asking ? asking.deadline : listening.deadline
        guard let changesAt else { return own }
        return own.map { min($0, changesAt) } ?? changesAt
    }
    package var gathering: Duration? { turn == .asking ? asking.gathering : listening.gathering }
    package var farewell: [UInt8] { turn == .asking ? asking.farewell : [] }

    /// The identification in the meter's answer to the sign-on.
    package var identification: Identification? { asking.identification }

    package mutating func opened(_ now: Instant) -> [MeterAction] {
        (turn, turns) = (.asking, 0)
        if listensFirst { return listen(now) }
        return beginAsking(now)
    }

    package mutating func received(_ bytes: [UInt8], _ now: Instant) -> [MeterAction] {
        guard turn == .asking else { return listening.received(bytes, now) }
        if !hasRead, let overheard = overhear(bytes, now) { return overheard }
        defer { if asking.isAnswered { changesAt = nil } }
        let actions = asking.received(bytes, now)
        if !hasRead { hasRead = actions.contains { if case .deliver = $0 { true } else { false } } }
        return actions
    }

    /// Decodes telegrams that a meter pushes while it is being asked, which is possible at a remote port, whose speed does not change.
    /// Otherwise the identification in each telegram would be taken for an answer to the sign-on, again and again.
    private mutating func overhear(_ bytes: [UInt8], _ now: Instant) -> [MeterAction]? {
        let actions = listening.received(bytes, now)
        let speaks = actions.contains { if case .deliver(let readout) = $0 { !Language.named(readout.source).isAsked } else { false } }
        guard speaks else { return nil }
        (turn, changesAt) = (.listening, nil)
        return asking.closed() + actions
    }

    package mutating func timedOut(_ now: Instant) -> [MeterAction] {
        switch turn {
        case .asking:
            if let changesAt, now >= changesAt { return listen(now) }
            defer { if asking.isAnswered { changesAt = nil } }
            return asking.timedOut(now)
        case .listening:
            let actions = listening.timedOut(now)
            guard !actions.isEmpty, listening.isThrough else { return actions }
            return actions.filter { if case .apply = $0 { false } else { true } } + ask(now)
        }
    }

    package mutating func closed() -> [MeterAction] {
        changesAt = nil
        return asking.closed() + listening.closed()
    }

    private mutating func ask(_ now: Instant) -> [MeterAction] {
        turn = .asking
        turns += 1
        // `ReadoutSession` starts at this speed.
        return listening.closed() + [.apply(LineSettings.opening)] + beginAsking(now)
    }

    private mutating func beginAsking(_ now: Instant) -> [MeterAction] {
        changesAt = now + Self.askingTimes[min(turns, Self.askingTimes.count - 1)]
        hasRead = false
        _ = listening.opened(now)
        return asking.opened(now)
    }

    private mutating func listen(_ now: Instant) -> [MeterAction] {
        turn = .listening
        changesAt = nil
        return asking.closed() + listening.opened(now)
    }
}
