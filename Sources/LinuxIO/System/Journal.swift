import Glibc
import MeterDaemon
import Metering

/// Lines on standard error, with journald's priority prefix if journald reads them.
package struct Journal: Log {
    /// Longer messages are truncated: they contain names and reasons from outside.
    private static let longestMessage = 2000

    private let lowest: LogLevel
    private let lines: LogLines

    package init(lowest: LogLevel = .info, lines: LogLines = .standardError) {
        self.lowest = lowest
        self.lines = lines
    }

    package func write(_ level: LogLevel, _ message: String) {
        if level <= lowest { lines.write(level, Self.oneLine(message)) }
    }

    /// Writes queued lines as soon as the reader accepts them, until the task is cancelled. To be called only once.
    package func writeRest(_ loop: EventLoop) async { await lines.writeRest(loop) }

    /// Replaces control characters: text from outside must not start a new line, nor control a terminal.
    private static func oneLine(_ message: String) -> String {
        let isControl = { (scalar: Unicode.Scalar) in scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) }
        guard message.utf8.count > longestMessage || message.unicodeScalars.contains(where: isControl) else { return message }
        var line = ""
        for scalar in message.unicodeScalars {
            guard line.utf8.count < longestMessage else { return line + "…" }
            line.unicodeScalars.append(isControl(scalar) ? "?" : scalar)
        }
        return line
    }
}

/// Writes all of the text; a closed pipe does not end the process. A failure on standard output is reported by `outputFailure`.
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

/// Writes the last lines of the log and ends the process at once: an ordinary exit would let libraries clean up while other threads are
/// still using them.
package func endProcess(_ code: Int32) -> Never {
    LogLines.standardError.writeRest(within: .seconds(1))
    _exit(code)
}

package let standardOutput = STDOUT_FILENO

/// Whether the output is a terminal, and colors are not disabled by NO_COLOR.
package func wantsColor() -> Bool {
    isTerminal(standardOutput) && getenv("NO_COLOR").map { $0.pointee == 0 } ?? true
}

package func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }
