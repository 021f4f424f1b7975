import Metering

/// Whether a register session is worth opening. A meter may have no programming mode, or not for us, or not hear us there: after two sessions
/// without a register only readouts are read for some time.
struct SessionTrials: Sendable {
    private static let emptySessionsAllowed = 2
    private static let firstPause = Duration.seconds(300)
    private static let longestPause = Duration.seconds(3600)

    private let pauseLimit: Duration
    private var pause = firstPause
    private(set) var notBefore: Instant?
    /// Consecutive sessions without a register.
    private var emptySessions = 0
    /// A session was opened that has returned no register yet.
    private(set) var isPending = false

    /// `areSessionsWanted`: the user asked for sessions, so the pause is short.
    init(areSessionsWanted: Bool) { pauseLimit = areSessionsWanted ? .seconds(60) : Self.longestPause }

    func mayOpen(_ now: Instant) -> Bool { notBefore.map { now >= $0 } ?? true }

    mutating func opened() { isPending = true }

    /// A register was read.
    mutating func succeeded() { (isPending, emptySessions, pause) = (false, 0, Self.firstPause) }

    /// The session is over, if there was one.
    mutating func ended(_ now: Instant) {
        guard isPending else { return }
        isPending = false
        emptySessions += 1
        guard emptySessions >= Self.emptySessionsAllowed else { return }
        notBefore = now + min(pause, pauseLimit)
        pause = min(pause * 2, Self.longestPause)
    }

    /// The port is gone, which says nothing about the meter.
    mutating func dropped() { isPending = false }
}
