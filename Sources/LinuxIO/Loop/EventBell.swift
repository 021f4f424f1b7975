import CLinux
import Glibc

/// Wakes a thread that waits for its descriptor. Any thread may call `ring`.
final class EventBell: Sendable {
    /// Readable once it rang.
    let descriptor: Int32

    init() throws(SystemError) {
        descriptor = clinux_eventfd()
        guard descriptor >= 0 else { throw SystemError("eventfd", errno) }
    }

    /// For a thread that can't work without it: ends the process if none can be created.
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

    /// Resets it.
    func silence() {
        var rings: UInt64 = 0
        _ = read(descriptor, &rings, 8)
    }
}
