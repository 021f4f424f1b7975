import Metering

/// How long to wait before the next connection: longer each time, until one has lasted. One that comes and goes proves nothing: a broker
/// that does not keep up, or two clients of one name, would be connected to, told everything, and left once a second for ever.
struct ConnectionBackOff {
    private static let lasting = Duration.seconds(60)
    private static let longest: Int32 = 30
    /// Both clients wait so long in the end, so that one of them is left alone most of the time.
    private static let longestWhenTakenOver: Int32 = 300

    private var next: Int32 = 1
    /// How many connections in a row did not last.
    private(set) var shortConnections = 0

    /// Seconds. `duration`: how long the connection lasted, if there was one.
    mutating func pause(after duration: Duration?, wasTakenOver: Bool) -> Int32 {
        if let duration { shortConnections = duration >= Self.lasting ? 0 : shortConnections + 1 }
        if shortConnections == 0, duration != nil { next = 1 }
        defer { next = min(next * 2, Self.longestWhenTakenOver) }
        return min(next, wasTakenOver ? Self.longestWhenTakenOver : Self.longest)
    }
}
