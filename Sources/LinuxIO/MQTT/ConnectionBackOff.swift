import Metering

/// How long to wait before the next connection: longer each time, until a connection has lasted. A short connection does not reset the
/// wait: a broker that can't keep up, or two clients with the same client_id, would otherwise cause a full republish every second for ever.
struct ConnectionBackOff {
    private static let lasting = Duration.seconds(60)
    private static let longest: Int32 = 30
    /// The longest wait if another client with the same client_id has taken the connection over. Both clients end up waiting this long, so
    /// that each of them stays connected most of the time.
    private static let longestWhenTakenOver: Int32 = 300

    private var next: Int32 = 1
    /// The number of consecutive connections that did not last.
    private(set) var shortConnections = 0

    /// Returns how many seconds to wait. `duration`: how long the connection lasted, if there was one.
    mutating func pause(after duration: Duration?, wasTakenOver: Bool) -> Int32 {
        if let duration { shortConnections = duration >= Self.lasting ? 0 : shortConnections + 1 }
        if shortConnections == 0, duration != nil { next = 1 }
        defer { next = min(next * 2, Self.longestWhenTakenOver) }
        return min(next, wasTakenOver ? Self.longestWhenTakenOver : Self.longest)
    }
}
