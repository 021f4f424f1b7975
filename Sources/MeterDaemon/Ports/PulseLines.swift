import MeterProtocols
import Metering

/// The input lines for pulses, by their index in the configuration, and the thread that waits for them.
package protocol PulseLines: Sendable {
    /// Requests the lines, and passes all events to the counter until the task is cancelled, including those that are pending at that
    /// time.
    func run(_ counter: PulseCounter) async
}

/// Receives the events of the lines.
package protocol EdgeReceiver {
    /// The next edge of a line.
    mutating func push(_ edge: Edge, of line: Int)
    /// The kernel's queue of unnumbered edges was full when it was read, so edges may be lost.
    mutating func overflowed(_ line: Int, _ now: Instant)
    /// These lines are lost until they are opened again.
    mutating func lost(_ lines: [Int], _ reason: PortError, _ now: Instant)
}

package struct LineOpening: Sendable {
    package var line: Int
    package var result: Result<OpenLine, PortError>

    package init(line: Int, result: Result<OpenLine, PortError>) {
        self.line = line
        self.result = result
    }
}

package struct OpenLine: Sendable, Equatable {
    package enum Beginning: Sendable, Equatable {
        /// The line was newly requested, so counting starts now. `activeSince` is set if a pulse is already active.
        case new(activeSince: Instant?)
        /// The line was requested earlier, and its edges have been queued since then.
        case kept
    }

    /// Distinguishes this request of the line from all other requests, including those of other processes.
    package var request: UInt64
    package var beginning: Beginning
    /// The kernel debounces the line by half of `minPulse`, and numbers the edges.
    package var isDebounced: Bool
    /// Which settings differ from the requested ones, as text.
    package var remark: String?

    package init(request: UInt64, beginning: Beginning, isDebounced: Bool, remark: String? = nil) {
        self.request = request
        self.beginning = beginning
        self.isDebounced = isDebounced
        self.remark = remark
    }
}
