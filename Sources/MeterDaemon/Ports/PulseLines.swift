import MeterProtocols
import Metering

/// The input lines that pulses arrive on, by their places in the configuration, and whoever waits for them.
package protocol PulseLines: Sendable {
    /// Takes the lines and tells the counter of all that comes, until the task is cancelled: then first of what waits.
    func run(_ counter: PulseCounter) async
}

/// Receives what happens on the lines.
package protocol EdgeReceiver {
    /// The next edge of a line.
    mutating func push(_ edge: Edge, of line: Int)
    /// The kernel's queue, of edges without numbers, had no room for more when it was read.
    mutating func overflowed(_ line: Int, _ now: Instant)
    /// These are gone until they are opened again.
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
        /// From now on; a pulse that is on may have begun before.
        case new(activeSince: Instant?)
        /// Somebody had it before us, and its edges were kept since.
        case kept
    }

    /// Tells this request of the line from all others, also from those of other processes.
    package var request: UInt64
    package var beginning: Beginning
    /// The kernel leaves out what is shorter than `minPulse`, and numbers the rest.
    package var isDebounced: Bool
    /// What is not as it was wished, in words.
    package var remark: String?

    package init(request: UInt64, beginning: Beginning, isDebounced: Bool, remark: String? = nil) {
        self.request = request
        self.beginning = beginning
        self.isDebounced = isDebounced
        self.remark = remark
    }
}
