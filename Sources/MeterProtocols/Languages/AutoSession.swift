import Metering

/// Finds out whether a meter has to be asked or pushes by itself. It begins with the language in which the meter was read before, otherwise
/// with an `OpeningSearch`. If neither succeeds, the session alternates until one of the two works: it asks first, which takes only seconds,
/// then it listens. With `listensFirst` it starts by listening at every speed, long enough for slow senders.
package struct AutoSession: MeterSession {
    private enum Turn { case asking, listening }

    /// How long to ask before listening, in the first turn and in later ones. After an aborted session a meter refuses a sign-on for up to
    /// a minute, so the later turns are longer than that.
    private static let askingTimes = [Duration.seconds(8), .seconds(75)]

    private let plan: ReadingPlan
    private let listensFirst: Bool
    private var asking: ReadoutSession
    private var listening: PushSession
    private var turn = Turn.asking
    private var turns = 0
    /// The language in which the meter was read last; `nil` also if that did not work again.
    private var known: KnownLanguage?
    /// `nil` when the search is over.
    private var search: OpeningSearch?
    /// When the current turn ends; `nil` once the meter has answered: the turn then lasts until the port is closed.
    private var changesAt: Instant?
    /// A readout was delivered in this turn.
    private var hasRead = false

    /// `known`: the language in which the meter was read before the start.
    package init(plan: ReadingPlan, known: KnownLanguage? = nil, listensFirst: Bool = false) {
        self.plan = plan
        self.known = known
        self.listensFirst = listensFirst
        asking = ReadoutSession(plan: plan)
        listening = Self.listener(plan, missesNothing: listensFirst)
    }

    private static func listener(_ plan: ReadingPlan, missesNothing: Bool) -> PushSession {
        PushSession(nil, signsByStatus: plan.signsByStatus, missesNothing: missesNothing, hasFixedSpeed: plan.hasFixedSpeed)
    }

    package var deadline: Instant? {
        let own = turn == .asking ? asking.deadline : search == nil ? listening.deadline : nil
        return [own, changesAt, search?.deadline].compactMap(\.self).min()
    }
    package var gathering: Duration? { turn == .asking ? asking.gathering : listening.gathering }
    package var farewell: [UInt8] { turn == .asking ? asking.farewell : [] }

    /// The identification in the meter's answer to the sign-on.
    package var identification: Identification? { asking.identification }

    package mutating func opened(_ now: Instant) -> [MeterAction] {
        (turn, turns) = (.asking, 0)
        if listensFirst { return listen(now) }
        let language = known.flatMap { known in Language.all.first { $0.name == known.name } }
        // An address and waking up are only of use for a meter that has to be asked.
        if language?.isAsked ?? (plan.wakesUp || !plan.address.isEmpty) { return beginAsking(now) }
        let search = OpeningSearch(
            known: language?.speeds.first { $0.line.speed.rawValue == known?.speed }, hasFixedSpeed: plan.hasFixedSpeed, now)
        self.search = search
        return perform(search.beginning, now)
    }

    package mutating func received(_ bytes: [UInt8], _ now: Instant) -> [MeterAction] {
        guard turn == .asking else { return hear(bytes, now) }
        if !hasRead, let overheard = overhear(bytes, now) { return overheard }
        let actions = asking.received(bytes, now)
        noteAnswer()
        if search != nil { asking.hasIdentificationBegun ? askFurther(now) : search?.receivedStray(asking.incoming.count, now) }
        hasRead = noteReadouts(actions, speed: nil) || hasRead
        return search == nil ? actions : actions + searchOn(now)
    }

    /// Once the meter has answered the sign-on, nothing else is tried.
    private mutating func noteAnswer() { if asking.isAnswered { (changesAt, search) = (nil, nil) } }

    /// Decodes telegrams that a meter pushes while it is being asked, which is possible at a remote port, whose speed does not change.
    /// Otherwise the identification in each telegram would be taken for an answer to the sign-on, again and again.
    private mutating func overhear(_ bytes: [UInt8], _ now: Instant) -> [MeterAction]? {
        let actions = listening.received(bytes, now)
        let speaks = actions.contains { if case .deliver(let readout) = $0 { !Language.named(readout.source).isAsked } else { false } }
        guard speaks else { return nil }
        (turn, changesAt, search) = (.listening, nil, nil)
        noteReadouts(actions, speed: listening.speed)
        return asking.closed() + actions
    }

    private mutating func hear(_ bytes: [UInt8], _ now: Instant) -> [MeterAction] {
        let actions = listening.received(bytes, now)
        guard search != nil else {
            noteReadouts(actions, speed: listening.speed)
            return actions
        }
        // An earlier session is still open. What the meter was asked in it is unknown.
        if actions.contains(where: { if case .deliver(let readout) = $0 { Language.named(readout.source).isAsked } else { false } }) {
            search?.receivedAnswer()
        } else if listening.hasWorked, search?.hasHeardAnswer == false {
            search = nil
            noteReadouts(actions, speed: listening.speed)
            return actions
        }
        search?.received(bytes, now)
        return searchOn(now)
    }

    package mutating func timedOut(_ now: Instant) -> [MeterAction] {
        if let search, now >= search.deadline { return searchOn(now) }
        switch turn {
        case .asking:
            if let changesAt, now >= changesAt { return listen(now) }
            defer { noteAnswer() }
            return asking.timedOut(now)
        case .listening:
            guard search == nil else { return [] }
            let actions = listening.timedOut(now)
            guard !actions.isEmpty, listening.isThrough else { return actions }
            return actions.filter { if case .apply = $0 { false } else { true } } + ask(now)
        }
    }

    package mutating func closed() -> [MeterAction] {
        (changesAt, search) = (nil, nil)
        return asking.closed() + listening.closed()
    }

    // MARK: The search

    /// Takes the next step of the search if it is due. To be called at every event, because bytes may arrive so often that the deadline
    /// never expires.
    private mutating func searchOn(_ now: Instant) -> [MeterAction] {
        guard let step = search?.step(now) else { return [] }
        return perform(step, now)
    }

    /// The meter answers, although perhaps with damaged characters.
    private mutating func askFurther(_ now: Instant) {
        search = nil
        changesAt = now + Self.askingTimes[0]
    }

    private mutating func perform(_ step: OpeningSearch.Step, _ now: Instant) -> [MeterAction] {
        switch step {
        case .listen(let speed, let duration):
            turn = .listening
            return asking.closed() + [listening.listen(at: speed, for: duration, now)]
        case .ask:
            (turn, hasRead, known) = (.asking, false, nil)
            _ = listening.opened(now)
            return [.apply(LineSettings.opening)] + asking.opened(now)
        case .giveUp:
            (turn, search, known) = (.asking, nil, nil)
            listening = Self.listener(plan, missesNothing: false)
            return asking.closed() + [.apply(LineSettings.opening)] + beginAsking(now)
        }
    }

    /// Notes the language of the readouts; returns whether there were any. `speed`: the one at which the meter pushes.
    @discardableResult
    private mutating func noteReadouts(_ actions: [MeterAction], speed: BaudRate?) -> Bool {
        var isRead = false
        for case .deliver(let readout) in actions {
            known = KnownLanguage(readout.source, speed: speed?.rawValue)
            isRead = true
        }
        return isRead
    }

    // MARK: The turns

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
        (changesAt, known) = (nil, nil)
        return asking.closed() + listening.opened(now)
    }
}
