import CLinux
import Glibc

/// Runs `body` on a thread of its own.
package func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
    final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    // SAFETY: the retained reference is taken back by the thread that this call starts, exactly once.
    let work = Unmanaged.passRetained(Work(body)).toOpaque()
    let failed = pthread_create(
        &thread, nil,
        { work in
            guard let work else { return nil }
            Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body()
            return nil
        }, work)
    if failed != 0 { endProcess(withoutThread: failed) }
    clinux_name_thread(thread, name)
    pthread_detach(thread)
}
