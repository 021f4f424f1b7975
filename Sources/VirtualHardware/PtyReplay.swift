import MeterDaemon
import MeterProtocols
import Metering

/// A recording on a pseudo-terminal, at its original pace or faster. What the program sends is ignored.
package struct PtyReplay: Sendable {
    /// How long the port stays open at the end: when it closes, a program loses what it has not read yet.
    private static let farewell = Duration.seconds(1)

    private let recording: Recording
    private let terminal: any SerialTerminal
    private let clock: any Clockwork

    package init(_ recording: Recording, on terminal: any SerialTerminal, clock: any Clockwork) {
        self.recording = recording
        self.terminal = terminal
        self.clock = clock
    }

    /// Plays the recording once, or repeatedly until the task is cancelled; afterwards the port disappears.
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

    /// Waits until `deadline`; returns `false` if cancelled.
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
