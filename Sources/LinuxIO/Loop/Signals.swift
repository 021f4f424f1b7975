import CLinux
import Glibc

/// Receives the signals that the daemon handles, as values.
package struct Signals: Sendable {
    package enum Signal: Sendable { case stop, reload, restart }

    private let descriptor: Int32
    private let loop: EventLoop

    /// Must be called before any other thread is started, so that the signals are blocked in all threads.
    package init(loop: EventLoop) {
        signal(SIGPIPE, SIG_IGN)
        let signals = [SIGTERM, SIGINT, SIGHUP, SIGUSR1]
        descriptor = clinux_signalfd(signals, Int32(signals.count))
        if descriptor < 0 { endProcess(withoutDescriptor: errno) }
        self.loop = loop
    }

    /// Sends this process the signal that restarts the daemon, as another process would.
    package static func askForRestart() { kill(getpid(), SIGUSR1) }

    /// Waits for the next signal; returns `nil` if the task was cancelled.
    package func next() async -> Signal? {
        while await loop.wait(readable: descriptor, until: nil) == .ready {
            switch clinux_next_signal(descriptor) {
            case SIGTERM, SIGINT: return .stop
            case SIGHUP: return .reload
            case SIGUSR1: return .restart
            default: break
            }
        }
        return nil
    }
}
