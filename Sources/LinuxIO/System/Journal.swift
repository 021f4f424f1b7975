import Glibc
import MeterDaemon
import Metering

/// Lines on standard error, with the priority that journald understands when it is journald that reads them.
package struct Journal: Log {
    /// Longer ones are cut: names and reasons from outside are in them.
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

    /// Writes waiting lines as soon as there is room, until the task is cancelled. Call it once.
    package func writeRest(_ loop: EventLoop) async { await lines.writeRest(loop) }

    /// What came from outside begins no line of its own, and does nothing to a terminal.
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

/// At once, but for the log's last lines: the libraries' clean-up at an ordinary end would run under the feet of the other threads.
package func endProcess(_ code: Int32) -> Never {
    LogLines.standardError.writeRest(within: .seconds(1))
    _exit(code)
}

package let standardOutput = STDOUT_FILENO

/// The person has a terminal and has not said no to colors.
package func wantsColor() -> Bool {
    isTerminal(standardOutput) && getenv("NO_COLOR").map { $0.pointee == 0 } ?? true
}

package func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }
