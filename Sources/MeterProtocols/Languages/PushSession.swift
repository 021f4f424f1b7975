import Metering

/// Listens to a meter that pushes, and looks for the speed at which it does.
///
/// Mode D has no check but the parity of its characters, and a port that checks parity itself does not report which characters were
/// wrong. So the port is read without parity, and `UncheckedReadouts` decides what to deliver.
package struct PushSession: MeterSession {
    /// How long a meter may be silent before the session gives up a speed that has worked.
    private static let longestSilence = Duration.seconds(120)

    private let name: MeterProtocol?
    private let signsByStatus: Bool
    private let speeds: [ListeningSpeed]
    private var choice = 0
    private var decoder: any PushDecoder
    private var unchecked = UncheckedReadouts()
    private(set) var hasWorked = false
    private var heard: BytesHeard
    /// How many rounds through all speeds are complete.
    private var rounds = 0
    /// `heard.speeds` when the problem was last reported; `nil` while there is no problem.
    private var saidProblem: [LineSettings: Bool]?
    private var usualLength = UsualLength()
    /// Bytes received since the last telegram.
    private var length = 0
    package private(set) var deadline: Instant?
    package var farewell: [UInt8] { [] }

    /// `name`: `nil` listens for all protocols. `missesNothing`: waits for slow senders too, and tries the rare speed in every round.
    /// `hasFixedSpeed`: the head is remote, so its speed can't be changed.
    package init(_ name: MeterProtocol?, signsByStatus: Bool = false, missesNothing: Bool = false, hasFixedSpeed: Bool = false) {
        self.name = name
        self.signsByStatus = signsByStatus
        decoder = pushDecoder(for: name)
        heard = BytesHeard(isSpeedKnown: !hasFixedSpeed)
        let own = name.map { Language.named($0).speeds }
        let all =
            own ?? [
                missesNothing ? ListeningSpeed(.b9600) : .usual, ListeningSpeed(.b115200), ListeningSpeed(.b2400, isRare: !missesNothing),
            ]
        speeds = hasFixedSpeed ? all.prefix(1).map { ListeningSpeed($0.line.speed) } : all
    }

    package mutating func opened(_ now: Instant) -> [MeterAction] {
        saidProblem = nil
        return [listen(now)]
    }

    /// Listens at this speed for this long; the round continues from there. The speed of a remote port stays as it is.
    mutating func listen(at speed: BaudRate, for patience: Duration, _ now: Instant) -> MeterAction {
        choice = speeds.firstIndex { $0.line.speed == speed } ?? 0
        hasWorked = false
        saidProblem = nil
        let action = listen(now)
        deadline = now + patience
        return action
    }

    package mutating func received(_ bytes: [UInt8], _ now: Instant) -> [MeterAction] {
        heard.add(bytes.count)
        length = min(length + bytes.count, UsualLength.longest)
        var actions: [MeterAction] = []
        for finding in decoder.push(bytes, at: now) {
            switch finding {
            case .noise(.wrongCheck): actions.append(.noise(.wrongCheck))
            case .noise(.wrongParity): actions.append(.noise(.wrongParity))
            case .noise: actions.append(.noise(.damaged))
            case .readout(let readout):
                hasWorked = true
                heard.reset()
                usualLength.note(length)
                length = 0
                deadline = now + Self.longestSilence
                switch unchecked.admit(readout) {
                case .wait: break
                case .refuse: actions.append(.noise(.damaged))
                case .deliver(let readout):
                    if saidProblem != nil { actions.append(.problem(nil)) }
                    saidProblem = nil
                    actions.append(.deliver(signsByStatus ? readout.signedByStatus : readout))
                }
            }
        }
        return actions
    }

    package var gathering: Duration? { usualLength.rest(after: length, on: speeds[choice].line) }

    package mutating func timedOut(_ now: Instant) -> [MeterAction] {
        guard let deadline, now >= deadline else { return [] }
        if !hasWorked { choice = nextChoice }
        // What was received at one speed may be noise at another: only a complete round shows what is wrong.
        let isRoundOver = hasWorked || choice == 0
        hasWorked = false
        guard isRoundOver else { return [listen(now)] }
        rounds &+= 1
        return [.noise(heard.isSilent ? .silence : .damaged)] + sayProblem() + [listen(now)]
    }

    private var nextChoice: Int {
        let next = choice + 1
        return next < speeds.count && (!speeds[next].isRare || rounds % 2 == 0) ? next : 0
    }

    package mutating func closed() -> [MeterAction] {
        deadline = nil
        return []
    }

    var speed: BaudRate { speeds[choice].line.speed }

    /// All speeds have been tried, and none of them works.
    var isThrough: Bool { !hasWorked && choice == 0 }

    private mutating func listen(_ now: Instant) -> MeterAction {
        decoder = pushDecoder(for: name)
        unchecked = UncheckedReadouts()
        (usualLength, length) = (UsualLength(), 0)
        heard.listen(at: speeds[choice].line)
        deadline = now + speeds[choice].patience
        return .apply(speeds[choice].line)
    }

    /// Reports each problem once, although the number of bytes in its message differs each time.
    private mutating func sayProblem() -> [MeterAction] {
        guard heard.speeds != saidProblem else { return [] }
        saidProblem = heard.speeds
        return [.problem("\(heard.description): \(advice)")]
    }

    private var advice: String { "check the head's position\(heard.isSilent ? " and orientation" : ", and `protocol`")" }
}
