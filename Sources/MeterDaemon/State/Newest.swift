import Synchronization

/// The newest value for one task that waits for it, until no more come. What is overtaken before it was taken is gone, so this is for state,
/// of which only the newest matters. An `AsyncStream` that buffers the newest does the same in three times the time, a tenth of all.
///
/// Cancellation does not end the wait: whoever puts finishes, also at the end.
package final class Newest<Value: Sendable>: AsyncSequence, Sendable {
    private struct State: Sendable {
        var value: Value?
        var isFinished = false
        var waiting: UnsafeContinuation<Void, Never>?
    }

    private let lock = Guarded(())
    // SAFETY: it is only touched in `withState`, by whoever holds the lock. A `Mutex<State>` stops Swift 6.0's compiler with an assertion.
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
        // SAFETY: it is kept in one place, and who takes it from there resumes it; with something there already, that is here.
        await withUnsafeContinuation { continuation in
            let isThere = withState { state in
                precondition(state.waiting == nil, "one task waits")
                guard state.value == nil, !state.isFinished else { return true }
                state.waiting = continuation
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
