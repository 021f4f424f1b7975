import CLinux
import Glibc

/// Wakes a thread that is waiting for the bell's descriptor. Any thread may call `ring`.
final class EventBell: Sendable {
    /// Readable once the bell has rung.
    let descriptor: Int32

    init() throws(SystemError) {
        descriptor = clinux_eventfd()
        guard descriptor >= 0 else { throw SystemError("eventfd", errno) }
    }

    /// Creates a bell for a thread that can't work without one. Ends the process if that fails.
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

    /// Resets the bell.
    func silence() {
        var rings: UInt64 = 0
        _ = read(descriptor, &rings, 8)
    }
}
