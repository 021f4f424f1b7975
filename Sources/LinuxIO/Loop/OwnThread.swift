import CLinux
import Glibc

/// Runs `body` on a thread of its own; without one the process can't go on.
package func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
    do throws(SystemError) {
        try attemptThread(named: name, body)
    } catch {
        endProcess(withoutThread: error.code)
    }
}

/// The same, where the caller can do without.
func attemptThread(named name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    // SAFETY: the retained reference is taken back exactly once: by the thread that this call starts, or here if it starts none.
    let work = Unmanaged.passRetained(Work(body))
    let failure = pthread_create(
        &thread, nil,
        { work in
            guard let work else { return nil }
            // SAFETY: see above.
            Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body()
            return nil
        }, work.toOpaque())
    guard failure == 0 else {
        work.release()
        throw SystemError("pthread_create", failure)
    }
    clinux_name_thread(thread, name)
    pthread_detach(thread)
}
