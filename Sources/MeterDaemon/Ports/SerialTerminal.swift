import MeterProtocols
import Metering

/// The far end of a serial port that exists only in software: programs open `path`, and a virtual meter answers here.
package protocol SerialTerminal: Sendable {
    /// What a program opens.
    var path: String { get }
    /// What the program has set.
    var speed: BaudRate? { get }
    func read() -> [UInt8]
    /// What does not fit is lost, as it is on a serial port that nobody reads.
    func write(_ bytes: [UInt8])
    /// Waits until the deadline, or with `forBytes` until there is something to read.
    func wait(forBytes: Bool, until deadline: Instant?) async -> TerminalEvent
    /// The port is gone, as if it was pulled out.
    func close()
}

package enum TerminalEvent: Sendable, Equatable {
    case readable, timedOut, cancelled
}
