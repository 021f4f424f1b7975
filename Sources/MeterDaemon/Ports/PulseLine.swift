import MeterProtocols
import Metering

/// An input line that pulses arrive on.
package protocol PulseLine: Sendable {
    /// Finds and requests the line anew.
    func open() async throws(PortError) -> any PulseConnection
}

package protocol PulseConnection: Sendable {
    /// The next edges, in order, as many as wait; or the deadline, or the end.
    func next(until deadline: Instant?) async -> PulseEvent
    func close() async
}

package enum PulseEvent: Sendable, Equatable {
    /// `lost`: edges that the kernel could not keep (0 where it can't be known).
    case edges([Edge], lost: Int)
    case timedOut
    case closed(PortError)
}
