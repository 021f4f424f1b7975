import CLinux
import Glibc

/// Reports the state of the service to systemd (the sd_notify protocol, one datagram per report). Does nothing without systemd.
package struct ServiceNotice: Sendable {
    private let socketPath: String?
    /// How often to notify the watchdog: half of its timeout. More often does no harm.
    package let watchdogInterval: Duration?
    private static let sensibleIntervals = Int64(100)...3_600_000

    package init() {
        socketPath = getenv("NOTIFY_SOCKET").map { String(cString: $0) }
        let isForAnother = getenv("WATCHDOG_PID").map { Int32(String(cString: $0)) != getpid() } ?? false
        watchdogInterval = isForAnother ? nil : Self.interval(microseconds: getenv("WATCHDOG_USEC").map { String(cString: $0) })
    }

    /// The interval for a watchdog timeout; `nil` if there is no watchdog.
    package static func interval(microseconds: String?) -> Duration? {
        guard let microseconds = microseconds.flatMap({ UInt64($0) }), microseconds > 0 else { return nil }
        let half = Int64(clamping: microseconds / 2000)
        return .milliseconds(min(max(half, sensibleIntervals.lowerBound), sensibleIntervals.upperBound))
    }

    /// Sends a notice. `descriptor`: a descriptor to pass with it, unless negative.
    package func send(_ state: String, descriptor handedOver: Int32 = -1) {
        guard let socketPath, !socketPath.isEmpty else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        withUnixAddress(socketPath) { address, length in
            _ = connect(descriptor, address, length)
        }
        _ = clinux_send(descriptor, state, UInt(state.utf8.count), handedOver)
    }
}

/// Calls `body` with a Unix socket address in the file system or in the abstract namespace (`@name`). If a path is too long, it is
/// truncated, and does not exist.
func withUnixAddress<Result>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(path.utf8.prefix(MemoryLayout.size(ofValue: address.sun_path) - 1))
    if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
}
