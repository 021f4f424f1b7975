import Metering

/// Whether a register session is worth opening. A meter may have no programming mode, may not let us use it, or may not receive us in it.
/// After two sessions in which no register was read, only readouts are read for some time.
struct SessionTrials: Sendable {
    private static let emptySessionsAllowed = 2
    private static let firstPause = Duration.seconds(300)
    private static let longestPause = Duration.seconds(3600)

    private let pauseLimit: Duration
    private var pause = firstPause
    private(set) var notBefore: Instant?
    /// The number of consecutive sessions in which no register was read.
    private var emptySessions = 0
    /// A session was opened that has returned no register yet.
    private(set) var isPending = false

    /// `areSessionsWanted`: the user asked for sessions, so the next trial is after a short pause.
    init(areSessionsWanted: Bool) { pauseLimit = areSessionsWanted ? .seconds(60) : Self.longestPause }

    func mayOpen(_ now: Instant) -> Bool { notBefore.map { now >= $0 } ?? true }

    mutating func opened() { isPending = true }

    /// To be called when a register was read.
    mutating func succeeded() { (isPending, emptySessions, pause) = (false, 0, Self.firstPause) }

    /// To be called when a session is over; does nothing if there was none.
    mutating func ended(_ now: Instant) {
        guard isPending else { return }
        isPending = false
        emptySessions += 1
        guard emptySessions >= Self.emptySessionsAllowed else { return }
        notBefore = now + min(pause, pauseLimit)
        pause = min(pause * 2, Self.longestPause)
    }

    /// To be called when the port is gone. The session does not count as empty, because the meter is not to blame.
    mutating func dropped() { isPending = false }
}
