import Metering
import Synchronization

/// Stores when a thread last proved that it is alive, for the watchdog.
package final class Heartbeat: Sendable {
    private let last = Atomic(Instant.now.nanoseconds)

    package init() {}

    package func beat() { last.store(Instant.now.nanoseconds, ordering: .relaxed) }

    /// The time since the last beat, or since the start.
    package func silence(at now: Instant) -> Duration { now - latest }

    package func isSilent(since time: Instant) -> Bool { latest < time }

    private var latest: Instant { Instant(nanoseconds: last.load(ordering: .relaxed)) }
}
