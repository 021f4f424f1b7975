import Synchronization

// ThreadSanitizer does not understand Swift's `Mutex` on Linux, and reports everything that it guards as a race. In builds for it
// (-DTHREAD_SANITIZER, by `deploy/test --long`) an atomic shows the sanitizer the order: whoever acquires the mutex comes after everyone
// who released it before. In every other build this is `Mutex` itself.
#if THREAD_SANITIZER
    // SAFETY: the value is only accessed in `withLock`, by the holder of the mutex.
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
