import Metering

/// Listens to a meter that speaks by itself, and looks for the speed at which it does.
///
/// Eight bits and no parity everywhere: where the meter sends 7E1, its parity comes as the eighth bit and is checked with the telegram.
/// Mode D has no other check, and a port that checks parity itself does not say which characters were wrong. Two turned bits in one
/// character pass it, so telegrams without a checksum also wait for the next one.
package struct PushSession: MeterSession {
    /// How long to listen at one speed: the rarest telegrams come every 10 s from P1 and every 4 s from SML.
    private struct Choice: Equatable, Sendable {
        var line: LineSettings
        var patience: Duration
    }

    /// A speed that has worked is not left for a meter that is silent for some time.
    private static let longestSilence = Duration.seconds(120)

    private let name: MeterProtocol?
    private let signsByStatus: Bool
    private let choices: [Choice]
    private var choice = 0
    private var decoder: any PushDecoder
    private var unchecked = UncheckedReadouts()
    private var hasWorked = false
    private var hasHeard = false
    private var saidProblem: String?
    private var usualLength = UsualLength()
    /// So many bytes came since the last telegram.
    private var length = 0
    package private(set) var deadline: Instant?
    package var farewell: [UInt8] { [] }

    /// `nil` listens for all of them. `missesNothing` waits for what is rare, too, and tries the speed that few have.
    package init(_ name: MeterProtocol?, signsByStatus: Bool = false, missesNothing: Bool = false) {
        self.name = name
        self.signsByStatus = signsByStatus
        decoder = pushDecoder(for: name)
        let rare = Duration.seconds(12)
        let usual = Choice(line: LineSettings(.b9600, .eightNone), patience: .seconds(6))
        let usualOfAll = Choice(line: usual.line, patience: rare)
        let port = Choice(line: LineSettings(.b115200, .eightNone), patience: rare)
        let slow = Choice(line: LineSettings(.b2400, .eightNone), patience: rare)
        choices =
            switch name {
            case nil: missesNothing ? [usualOfAll, port, slow] : [usual, port]
            case .sml, .iec62056: [usual]
            case .p1: [port, usualOfAll]
            case .d0Push: [usual, slow]
            }
    }

    package mutating func opened(_ now: Instant) -> [ReadoutSession.Action] {
        saidProblem = nil
        return [listen(now)]
    }

    package mutating func received(_ bytes: [UInt8], _ now: Instant) -> [ReadoutSession.Action] {
        hasHeard = hasHeard || !bytes.isEmpty
        length = min(length + bytes.count, UsualLength.longest)
        var actions: [ReadoutSession.Action] = []
        for finding in decoder.push(bytes, at: now) {
            switch finding {
            case .noise(.wrongCheck): actions.append(.noise(.wrongCheck))
            case .noise(.wrongParity): actions.append(.noise(.wrongParity))
            case .noise: actions.append(.noise(.damaged))
            case .readout(let readout):
                hasWorked = true
                usualLength.note(length)
                length = 0
                deadline = now + Self.longestSilence
                switch unchecked.admit(readout) {
                case .wait: break
                case .refuse: actions.append(.noise(.damaged))
                case .deliver(let readout):
                    actions += say(problem: nil)
                    actions.append(.deliver(signsByStatus ? readout.signedByStatus : readout))
                }
            }
        }
        return actions
    }

    package var gathering: Duration? { usualLength.rest(after: length, on: choices[choice].line) }

    package mutating func timedOut(_ now: Instant) -> [ReadoutSession.Action] {
        guard let deadline, now >= deadline else { return [] }
        let problem =
            hasHeard
            ? "something is heard, but no whole telegram: look at the head's place, and at `protocol`"
            : "nothing is heard: look at the head's place and direction"
        if !hasWorked { choice = (choice + 1) % choices.count }
        // What was heard at one speed may be noise at the other: only a whole round says what is wrong.
        let isRoundOver = hasWorked || choice == 0
        hasWorked = false
        return (isRoundOver ? [.noise(hasHeard ? .damaged : .silence)] + say(problem: problem) : []) + [listen(now)]
    }

    package mutating func closed() -> [ReadoutSession.Action] {
        deadline = nil
        return []
    }

    /// All speeds were tried, and none of them brought anything since.
    var isThrough: Bool { !hasWorked && choice == 0 }

    private mutating func listen(_ now: Instant) -> ReadoutSession.Action {
        decoder = pushDecoder(for: name)
        unchecked = UncheckedReadouts()
        (usualLength, length) = (UsualLength(), 0)
        if choice == 0 { hasHeard = false }
        deadline = now + choices[choice].patience
        return .apply(choices[choice].line)
    }

    private mutating func say(problem: String?) -> [ReadoutSession.Action] {
        guard problem != saidProblem else { return [] }
        saidProblem = problem
        return [.problem(problem)]
    }
}

/// Telegrams without a checksum wait for the next one, and go when they lie between their neighbours.
struct UncheckedReadouts {
    enum Verdict { case deliver(Readout), wait, refuse }

    /// After so many the ones before are no measure any more: the meter was exchanged.
    private static let refusalsAllowed = 5

    private var last: Readout?
    /// One or two that wait. Of two that contradict each other, the one after them shows which was hurt.
    private var candidates: [Readout] = []
    private var refusals = 0

    mutating func admit(_ readout: Readout) -> Verdict {
        guard !readout.isChecked else { return .deliver(readout) }
        guard !candidates.isEmpty else {
            candidates = [readout]
            return .wait
        }
        let good = candidates.first { candidate in
            Self.fits(candidate, before: readout) && last.map { Self.fits($0, before: candidate) } ?? true
        }
        guard let good else {
            candidates = candidates.suffix(1) + [readout]
            refusals += 1
            if refusals >= Self.refusalsAllowed { (last, refusals) = (nil, 0) }
            return .refuse
        }
        candidates = [readout]
        refusals = 0
        defer { last = good }
        // The first one has nothing before it that would show a total that is too low.
        return last == nil ? .wait : .deliver(good)
    }

    /// The same meter, the same registers, no total that fell.
    private static func fits(_ earlier: Readout, before later: Readout) -> Bool {
        guard earlier.model == later.model, earlier.manufacturer == later.manufacturer, earlier.number == later.number,
            earlier.registers.count == later.registers.count
        else { return false }
        for (before, after) in zip(earlier.registers, later.registers) {
            guard before.code == after.code else { return false }
            guard before.code.isRisingCounter else { continue }
            guard case .number(let low, let unit) = before.value, case .number(let high, let other) = after.value, unit == other,
                low <= high
            else { return false }
        }
        return true
    }
}
