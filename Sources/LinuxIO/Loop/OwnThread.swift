import CLinux
import Glibc

/// Runs `body` on a new thread, and calls `ended` once the thread has released `body`. Ends the process if no thread can be created.
package func startThread(named name: String, ended: @escaping @Sendable () -> Void = {}, _ body: @escaping @Sendable () -> Void) {
    do throws(SystemError) {
        try attemptThread(named: name, ended: ended, body)
    } catch {
        endProcess(withoutThread: error.code)
    }
}

/// Starts a thread like `startThread`, but throws if no thread can be created.
func attemptThread(
    named name: String, ended: @escaping @Sendable () -> Void = {}, _ body: @escaping @Sendable () -> Void
) throws(SystemError) {
    final class Work {
        var body: (@Sendable () -> Void)?
        let ended: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void, ended: @escaping @Sendable () -> Void) { (self.body, self.ended) = (body, ended) }
    }
    var thread = pthread_t()
    // SAFETY: the retained reference is taken back exactly once: by the thread that this call starts, or here if it starts none.
    let work = Unmanaged.passRetained(Work(body, ended: ended))
    let failure = pthread_create(
        &thread, nil,
        { work in
            guard let work else { return nil }
            // SAFETY: this takes back the reference that was retained for the thread, exactly once.
            let own = Unmanaged<Work>.fromOpaque(work).takeRetainedValue()
            own.body?()
            own.body = nil
            own.ended()
            return nil
        }, work.toOpaque())
    guard failure == 0 else {
        work.release()
        throw SystemError("pthread_create", failure)
    }
    clinux_name_thread(thread, name)
    pthread_detach(thread)
}
