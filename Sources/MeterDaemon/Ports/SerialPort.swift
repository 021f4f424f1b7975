import MeterProtocols
import Metering

/// The port of an optical head. Its path stays valid while the adapter behind it is unplugged.
package protocol SerialPort: Sendable {
    /// Opens the port. This is also needed after an adapter was unplugged, because a connection ends for good when its device is gone.
    func open(_ settings: LineSettings) async throws(PortError) -> any SerialConnection
}

package protocol SerialConnection: Sendable {
    /// Hands all bytes to the operating system, or fails.
    func send(_ bytes: [UInt8]) async throws(PortError)
    /// Changes speed and framing at once; the caller has already waited until the sent bytes are on the wire.
    func apply(_ settings: LineSettings) async throws(PortError)
    /// The next event: bytes, the deadline, or the end. Bytes that arrive between two calls are buffered by the kernel.
    func next(until deadline: Instant?) async -> PortEvent
    func close() async
}

package enum PortEvent: Sendable, Equatable {
    case received([UInt8], at: Instant)
    case timedOut
    /// The device is gone, or the task was cancelled: the connection can't be used any more.
    case closed(PortError)
}

extension SerialConnection {
    /// Executes the actions that concern the serial line, and passes the other actions to `others`.
    package func perform(
        _ actions: [MeterAction], isolation: isolated (any Actor)? = #isolation, others: (MeterAction) async -> Void = { _ in }
    ) async throws(PortError) {
        for action in actions {
            switch action {
            case .send(let bytes): try await send(bytes)
            case .apply(let settings): try await apply(settings)
            case .deliver, .noise, .problem: await others(action)
            }
        }
    }
}
