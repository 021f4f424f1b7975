import Synchronization

// ThreadSanitizer does not see what Swift's `Mutex` does on Linux, and takes all that it guards for races. Built for that
// (-DTHREAD_SANITIZER, by `deploy/test --long`) the mutex says it with an atomic, which the sanitizer does see: who takes the mutex comes
// after all who gave it back before. In every other build it is the `Mutex` itself.
#if THREAD_SANITIZER
    // SAFETY: the value is only touched in `withLock`, by whoever holds the mutex.
    package final class Guarded<Value>: @unchecked Sendable {
        private let mutex = Mutex(())
        private let order = Atomic(0)
        private var value: Value

        package init(_ value: Value) { self.value = value }

        package func withLock<Result, Failure>(_ body: (inout Value) throws(Failure) -> Result) throws(Failure) -> Result {
            mutex._unsafeLock()
            _ = order.load(ordering: .acquiring)
            defer {
                order.store(0, ordering: .releasing)
                mutex._unsafeUnlock()
            }
            return try body(&value)
        }
    }
#else
    package typealias Guarded = Mutex
#endif
