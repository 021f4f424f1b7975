import MeterDaemon
import MeterProtocols
import Metering

/// A recording on a pseudo-terminal, in the time that it took, or faster. What a program says to it is not heard.
package struct PtyReplay: Sendable {
    /// A program that reads the port loses what it has not read when the port goes.
    private static let farewell = Duration.seconds(1)

    private let recording: Recording
    private let terminal: any SerialTerminal
    private let clock: any Clockwork

    package init(_ recording: Recording, on terminal: any SerialTerminal, clock: any Clockwork) {
        self.recording = recording
        self.terminal = terminal
        self.clock = clock
    }

    /// Once, or until the task is cancelled; then the port is gone.
    package func run(timesAsFast: Int, again: Bool) async {
        var begin = clock.now
        repeat {
            for portion in recording.portions {
                guard await pause(until: begin + portion.at / timesAsFast) else { break }
                terminal.write(portion.bytes)
            }
            begin = begin + recording.length / timesAsFast
            _ = await pause(until: begin)
        } while again && !Task.isCancelled
        _ = await pause(until: begin + Self.farewell)
        terminal.close()
    }

    /// `false`: cancelled.
    private func pause(until deadline: Instant) async -> Bool {
        while true {
            switch await terminal.wait(forBytes: true, until: deadline) {
            case .readable: _ = terminal.read()
            case .timedOut: return true
            case .cancelled: return false
            }
        }
    }
}
