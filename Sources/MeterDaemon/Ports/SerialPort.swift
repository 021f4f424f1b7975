import MeterProtocols
import Metering

/// Where an optical head is plugged in. Its path outlives the adapter behind it.
package protocol SerialPort: Sendable {
    /// Opens it anew; a connection ends for good when its device goes.
    func open(_ settings: LineSettings) async throws(PortError) -> any SerialConnection
}

package protocol SerialConnection: Sendable {
    /// Hands all bytes to the operating system, or fails.
    func send(_ bytes: [UInt8]) async throws(PortError)
    /// Changes speed and framing at once; the caller has waited until what it sent is on the wire.
    func apply(_ settings: LineSettings) async throws(PortError)
    /// The next event: bytes, the deadline, or the end. Bytes that arrive between two calls wait in the kernel.
    func next(until deadline: Instant?) async -> PortEvent
    func close() async
}

package enum PortEvent: Sendable, Equatable {
    case received([UInt8], at: Instant)
    case timedOut
    /// The device went, or the task was cancelled: the connection is of no more use.
    case closed(PortError)
}

extension SerialConnection {
    /// Does what concerns the line, and hands on the rest.
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
