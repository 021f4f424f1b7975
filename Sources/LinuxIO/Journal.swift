import Glibc
import MeterDaemon

/// Lines on standard error, with the priority that journald understands when it is journald that reads them.
package struct Journal: Log {
    private let lowest: LogLevel
    private let isJournald: Bool

    package init(lowest: LogLevel = .info) {
        self.lowest = lowest
        isJournald = getenv("JOURNAL_STREAM") != nil
    }

    package func write(_ level: LogLevel, _ message: String) {
        guard level <= lowest else { return }
        let line = (isJournald ? "<\(level.rawValue)>" : "jouled: ") + message + "\n"
        printText(line, to: STDERR_FILENO)
    }
}

/// Writes all of it; a reader that went away is no reason to end. What is missing on standard output is told by `outputFailure`.
package func printText(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
    guard descriptor != STDOUT_FILENO || outputFailure == nil else { return }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if written < 0 && errno == EINTR { continue }
        guard written > 0 else {
            if descriptor == STDOUT_FILENO { noteOutputFailure(errno) }
            return
        }
        rest = rest.dropFirst(written)
    }
}

package let standardError = STDERR_FILENO

/// At once: the libraries' clean-up at an ordinary end would run under the feet of the other threads.
package func endProcess(_ code: Int32) -> Never { _exit(code) }

package let standardOutput = STDOUT_FILENO

/// The person has a terminal and has not said no to colors.
package func wantsColor() -> Bool {
    isTerminal(standardOutput) && getenv("NO_COLOR").map { $0.pointee == 0 } ?? true
}

package func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }
