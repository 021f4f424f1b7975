import Synchronization

/// A sequence for one consumer that provides only the newest value. Values that are replaced before they are taken are lost, so this is
/// for state. An `AsyncStream` that buffers the newest value took three times as long, a tenth of all the daemon's instructions.
///
/// Cancellation does not end the wait: the producer calls `finish`, also at shutdown.
package final class Newest<Value: Sendable>: AsyncSequence, Sendable {
    private struct State: Sendable {
        var value: Value?
        var isFinished = false
        var waiting: UnsafeContinuation<Void, Never>?
    }

    private let lock = Guarded(())
    // SAFETY: only accessed in `withState`, by the holder of the lock. A `Mutex<State>` crashes Swift 6.0's compiler with an assertion.
    private nonisolated(unsafe) var state: State

    package init(_ value: Value? = nil) { state = State(value: value) }

    private func withState<Result: Sendable>(_ body: (inout State) -> Result) -> Result { lock.withLock { _ in body(&state) } }

    package func put(_ value: Value) { changeAndWake { $0.value = value } }

    package func finish() { changeAndWake { $0.isFinished = true } }

    private func changeAndWake(_ change: (inout State) -> Void) {
        let waiting = withState { state in
            change(&state)
            return state.waiting.take()
        }
        waiting?.resume()
    }

    package struct Iterator: AsyncIteratorProtocol {
        fileprivate let newest: Newest

        package mutating func next() async -> Value? { await next(isolation: nil) }

        package mutating func next(isolation: isolated (any Actor)?) async -> Value? {
            while true {
                let (value, isFinished) = newest.withState { ($0.value.take(), $0.isFinished) }
                if value != nil || isFinished { return value }
                await newest.wait(isolation: isolation)
            }
        }
    }

    package func makeAsyncIterator() -> Iterator { Iterator(newest: self) }

    private func wait(isolation: isolated (any Actor)?) async {
        // SAFETY: the continuation is stored in one place, and whoever takes it from there resumes it; if there already is a value, it is
        // resumed here.
        await withUnsafeContinuation { continuation in
            let isThere = withState { state in
                precondition(state.waiting == nil, "only one task may wait")
                guard state.value == nil, !state.isFinished else { return true }
                state.waiting = continuation
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
