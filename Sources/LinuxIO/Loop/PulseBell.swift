import Synchronization

/// Wakes the pulse thread, in order to end it or to check that it is alive.
package final class PulseBell: Sendable {
    package let heartbeat = Heartbeat()
    private let bell = EventBell.required()
    private let isEnding = Atomic(false)

    package init() {}

    /// Readable once the bell has rung.
    package var descriptor: Int32 { bell.descriptor }

    package func askForBeat() { bell.ring() }

    package func end() {
        isEnding.store(true, ordering: .sequentiallyConsistent)
        bell.ring()
    }

    /// Called by the pulse thread when the bell has rung. Returns whether the thread has to end; if so, the bell stays readable.
    package func answer() -> Bool {
        heartbeat.beat()
        guard !isEnding.load(ordering: .sequentiallyConsistent) else { return true }
        bell.silence()
        // `silence` may have consumed a ring from `end` that came after the check above.
        if isEnding.load(ordering: .sequentiallyConsistent) { bell.ring() }
        return false
    }
}
