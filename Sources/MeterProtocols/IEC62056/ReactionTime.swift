import Metering

/// How long to wait between a message of the meter and ours: the reaction time of the standard, which the third letter of the meter's
/// identification shows.
///
/// Before a register, shorter waits are tried as long as every answer comes, because each pause makes the derived power less precise: an
/// ME162 promises to listen after 200 ms, and does after 20 ms. What was learnt is kept for later sessions.
struct ReactionTime: Sendable {
    /// Clocks and adapters are inexact.
    private static let margin = Duration.milliseconds(5)
    /// For a meter that has not announced a reaction time, or does not keep the announced one.
    private static let longest = Duration.milliseconds(200) + margin
    private static let shortest = Duration.milliseconds(20)
    private static let answersPerStep = 8
    /// A message that is lost after this many answers is the line's fault, not that of the wait.
    private static let answersOfProof = 200
    private static let firstPatience = Duration.seconds(600)
    private static let longestPatience = Duration.seconds(86_400)

    /// The reaction time that the meter announced.
    let named: Duration
    private(set) var beforeRegister: Duration
    /// Answers received with this wait.
    private var answers = 0
    /// A message was lost after this wait: nothing as short is tried again before `retryAt`.
    private var tooShort = Duration.zero
    private var retryAt: Instant?
    private var patience = firstPatience

    init(named: Duration = .milliseconds(200)) {
        self.named = named
        beforeRegister = named + Self.margin
    }

    /// Before all other messages: a sign-on takes seconds, so a lost message costs more than a shorter wait gains.
    var beforeOthers: Duration { named + Self.margin > tooShort ? named + Self.margin : Self.longest }

    /// The answer for a register came. If the wait was much longer than `beforeRegister`, that proves nothing.
    mutating func answered(after wait: Duration, _ now: Instant) {
        guard wait < beforeRegister + beforeRegister || beforeRegister >= Self.longest else { return }
        if let retryAt, now >= retryAt { (tooShort, self.retryAt, answers) = (.zero, nil, 0) }
        answers = min(answers + 1, Self.answersOfProof)
        if answers == Self.answersOfProof, retryAt == nil { patience = Self.firstPatience }
        let next = max(beforeRegister / 2, Self.shortest)
        guard answers >= Self.answersPerStep, next < beforeRegister, next > tooShort else { return }
        (beforeRegister, answers) = (next, 0)
    }

    /// No answer came to a message that was sent after this wait.
    mutating func lost(after wait: Duration, _ now: Instant) {
        if wait < Self.longest, wait > tooShort, answers < Self.answersOfProof {
            tooShort = wait
            retryAt = now + patience
            patience = min(patience * 2, Self.longestPatience)
        }
        (beforeRegister, answers) = (Self.longest, 0)
    }
}
