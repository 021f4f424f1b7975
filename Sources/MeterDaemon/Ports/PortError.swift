/// Why a device refused, as text for the person who plugs it in: `/dev/serial/by-id/usb-… is not there: is the adapter plugged in?`.
package struct PortError: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }

    /// The task was cancelled while it waited.
    package static let cancelled = PortError("stopped")

    /// A disk that hangs does not even report a failure.
    package static let silentDisk = PortError("the disk has not answered for \(diskPatience.components.seconds) s")
    static let diskPatience = Duration.seconds(10)
}
