import MeterProtocols
import Metering

/// The input lines that pulses arrive on, by their places in the configuration.
package protocol PulseLines: Sendable {
    /// Finds and takes those that are not open, and says how that went with each. What can't be had may be asked for again.
    func open() async -> [LineOpening]
    /// The next edges, each line's in order, as many as wait; or the deadline, or the end of some lines. When the task is cancelled,
    /// first what waits.
    func next(until deadline: Instant?) async -> PulseEvent
    func close() async
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

package struct LineEdge: Sendable, Equatable {
    package var line: Int
    package var edge: Edge

    package init(line: Int, _ edge: Edge) {
        self.line = line
        self.edge = edge
    }
}

package enum PulseEvent: Sendable, Equatable {
    /// `full`: lines whose queue, of edges without numbers, had no room for more when it was read.
    case edges([LineEdge], full: [Int] = [])
    case timedOut
    /// These lines are gone until they are opened again.
    case closed([Int], PortError)
    case cancelled
}
