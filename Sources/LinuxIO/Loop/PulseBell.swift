import Synchronization

/// Wakes the thread of the pulses: to end, or only to prove that it is alive.
package final class PulseBell: Sendable {
    package let heartbeat = Heartbeat()
    private let bell = EventBell.required()
    private let isEnding = Atomic(false)

    package init() {}

    /// Readable when it rang.
    package var descriptor: Int32 { bell.descriptor }

    package func askForBeat() { bell.ring() }

    package func end() {
        isEnding.store(true, ordering: .sequentiallyConsistent)
        bell.ring()
    }

    /// For the thread, when it rang. Says whether it is to end; then it rings on.
    package func answer() -> Bool {
        heartbeat.beat()
        guard !isEnding.load(ordering: .sequentiallyConsistent) else { return true }
        bell.silence()
        // That ring may have been read just now.
        if isEnding.load(ordering: .sequentiallyConsistent) { bell.ring() }
        return false
    }
}
