import MeterProtocols
import Metering

/// The far end of a serial port that exists only in software: programs open `path`, and a virtual meter answers here.
package protocol SerialTerminal: Sendable {
    /// The path that a program opens.
    var path: String { get }
    /// The speed that the program has set.
    var speed: BaudRate? { get }
    func read() -> [UInt8]
    /// Writes bytes. Bytes for which there is no space in the buffer are lost, as on a serial port that nobody reads.
    func write(_ bytes: [UInt8])
    /// Waits until the deadline or, if `forBytes` is set, until there is something to read.
    func wait(forBytes: Bool, until deadline: Instant?) async -> TerminalEvent
    /// Removes the port, as if it had been unplugged.
    func close()
}

package enum TerminalEvent: Sendable, Equatable {
    case readable, timedOut, cancelled
}
