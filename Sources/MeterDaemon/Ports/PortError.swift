/// Why a device can't be used, as text for the user: `/dev/serial/by-id/usb-… is not there: is the adapter plugged in?`.
package struct PortError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }

    /// The task was cancelled while it was waiting.
    package static let cancelled = PortError("stopped")

    /// The error for a disk that hangs, and so does not report an error itself.
    package static let silentDisk = PortError("the disk has not answered for \(diskPatience.components.seconds) s")
    static let diskPatience = Duration.seconds(10)
}
