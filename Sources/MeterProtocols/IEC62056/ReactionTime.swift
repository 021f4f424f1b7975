import Metering

/// How long to wait between a message from the meter and ours: the standard's reaction time, which the third letter of the meter's
/// identification shows.
///
/// Before a request for a register, shorter waits are tried as long as every answer arrives, because each pause makes the derived power
/// less precise: an ME162 announces 200 ms, but is ready after 20 ms. The wait that was found is kept for later sessions.
struct ReactionTime: Sendable {
    /// Added to a wait, because clocks and adapters are inexact.
    private static let margin = Duration.milliseconds(5)
    /// The wait for a meter that has not announced a reaction time, or needs more than the announced one.
    private static let longest = Duration.milliseconds(200) + margin
    private static let shortest = Duration.milliseconds(20)
    private static let answersPerStep = 8
    /// If a message is lost after this many answers, a disturbed line is to blame and not the wait.
    private static let answersOfProof = 200
    private static let firstPatience = Duration.seconds(600)
    private static let longestPatience = Duration.seconds(86_400)

    /// The reaction time that the meter announced.
    let named: Duration
    private(set) var beforeRegister: Duration
    /// Answers received with this wait.
    private var answers = 0
    /// The longest wait after which a message was lost: no wait this short is tried again before `retryAt`.
    private var tooShort = Duration.zero
    private var retryAt: Instant?
    private var patience = firstPatience

    init(named: Duration = .milliseconds(200)) {
        self.named = named
        beforeRegister = named + Self.margin
    }

    /// The wait before all other messages. It is not shortened: a sign-on takes seconds, so a lost message costs more than is gained.
    var beforeOthers: Duration { named + Self.margin > tooShort ? named + Self.margin : Self.longest }

    /// Counts an answer to a request for a register. If the wait was much longer than `beforeRegister`, the answer proves nothing.
    mutating func answered(after wait: Duration, _ now: Instant) {
        guard wait < beforeRegister + beforeRegister || beforeRegister >= Self.longest else { return }
        if let retryAt, now >= retryAt { (tooShort, self.retryAt, answers) = (.zero, nil, 0) }
        answers = min(answers + 1, Self.answersOfProof)
        if answers == Self.answersOfProof, retryAt == nil { patience = Self.firstPatience }
        let next = max(beforeRegister / 2, Self.shortest)
        guard answers >= Self.answersPerStep, next < beforeRegister, next > tooShort else { return }
        (beforeRegister, answers) = (next, 0)
    }

    /// Goes back to the longest wait, because no answer came to a message that was sent after this wait.
    mutating func lost(after wait: Duration, _ now: Instant) {
        if wait < Self.longest, wait > tooShort, answers < Self.answersOfProof {
            tooShort = wait
            retryAt = now + patience
            patience = min(patience * 2, Self.longestPatience)
        }
        (beforeRegister, answers) = (Self.longest, 0)
    }
}
