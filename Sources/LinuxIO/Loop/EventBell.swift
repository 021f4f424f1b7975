import CLinux
import Glibc

/// Wakes a thread that waits for its descriptor. Any thread may ring.
final class EventBell: Sendable {
    /// Readable when it rang.
    let descriptor: Int32

    init() throws(SystemError) {
        descriptor = clinux_eventfd()
        guard descriptor >= 0 else { throw SystemError("eventfd", errno) }
    }

    /// For a thread that can't do without.
    static func required() -> EventBell {
        do throws(SystemError) {
            return try EventBell()
        } catch {
            endProcess(withoutDescriptor: error.code)
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func ring() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    /// Takes the rings that came.
    func silence() {
        var rings: UInt64 = 0
        _ = read(descriptor, &rings, 8)
    }
}
