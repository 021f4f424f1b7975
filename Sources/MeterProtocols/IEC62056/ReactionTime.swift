import Metering

/// How long a message of ours waits after one of the meter's: the reaction time of the standard, which the meter's third letter tells.
///
/// Before a register, shorter waits are tried while every answer comes, because each pause is paid for in watts: an ME162 promises to
/// listen after 200 ms, and does after 20 ms. What was learnt outlives the session.
struct ReactionTime: Sendable {
    /// Clocks and adapters are not exact.
    private static let margin = Duration.milliseconds(5)
    /// Of a meter that has not named one, or does not keep what it has named.
    private static let longest = Duration.milliseconds(200) + margin
    private static let shortest = Duration.milliseconds(20)
    private static let answersPerStep = 8
    /// After so many the line is to blame, not the wait.
    private static let answersOfProof = 200
    private static let firstPatience = Duration.seconds(600)
    private static let longestPatience = Duration.seconds(86_400)

    /// What the meter has named.
    let named: Duration
    private(set) var beforeRegister: Duration
    /// Answers after this wait.
    private var answers = 0
    /// After so short a wait a message was lost: until `retryAt` nothing as short is tried.
    private var tooShort = Duration.zero
    private var retryAt: Instant?
    private var patience = firstPatience

    init(named: Duration = .milliseconds(200)) {
        self.named = named
        beforeRegister = named + Self.margin
    }

    /// Before everything else: a sign-on costs seconds, and a message that is lost there more than is won.
    var beforeOthers: Duration { named + Self.margin > tooShort ? named + Self.margin : Self.longest }

    /// A register's answer came. One that was asked for much later than `beforeRegister` proves nothing.
    mutating func answered(after wait: Duration, _ now: Instant) {
        guard wait < beforeRegister + beforeRegister || beforeRegister >= Self.longest else { return }
        if let retryAt, now >= retryAt { (tooShort, self.retryAt, answers) = (.zero, nil, 0) }
        answers = min(answers + 1, Self.answersOfProof)
        if answers == Self.answersOfProof, retryAt == nil { patience = Self.firstPatience }
        let next = max(beforeRegister / 2, Self.shortest)
        guard answers >= Self.answersPerStep, next < beforeRegister, next > tooShort else { return }
        (beforeRegister, answers) = (next, 0)
    }

    /// No answer came to what was sent after so long a wait.
    mutating func lost(after wait: Duration, _ now: Instant) {
        if wait < Self.longest, wait > tooShort, answers < Self.answersOfProof {
            tooShort = wait
            retryAt = now + patience
            patience = min(patience * 2, Self.longestPatience)
        }
        (beforeRegister, answers) = (Self.longest, 0)
    }
}
