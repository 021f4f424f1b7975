import Synchronization

/// Wakes the thread of the pulses, to end it or to check that it is alive.
package final class PulseBell: Sendable {
    package let heartbeat = Heartbeat()
    private let bell = EventBell.required()
    private let isEnding = Atomic(false)

    package init() {}

    /// Readable once it rang.
    package var descriptor: Int32 { bell.descriptor }

    package func askForBeat() { bell.ring() }

    package func end() {
        isEnding.store(true, ordering: .sequentiallyConsistent)
        bell.ring()
    }

    /// Called by the thread when it rang. Returns whether the thread has to end; then the bell stays readable.
    package func answer() -> Bool {
        heartbeat.beat()
        guard !isEnding.load(ordering: .sequentiallyConsistent) else { return true }
        bell.silence()
        // `silence` may just have consumed the ring of `end`.
        if isEnding.load(ordering: .sequentiallyConsistent) { bell.ring() }
        return false
    }
}
