import CLinux
import Glibc
import MeterDaemon
import MeterProtocols
import Metering
import Synchronization

/// The marks of the pulse counters as files in a folder that the kernel keeps in RAM: they outlive the process, not the machine.
package final class PulseMarkFiles: PulseJournal {
    private let prefix: String
    private let descriptors: Mutex<[String: Int32]> = Mutex([:])

    /// Marks that belong to the totals of `state`. `nil` where there is no such folder.
    package init?(state: String) {
        guard let folder = Self.folder() else { return nil }
        // Another daemon may count elsewhere, into other totals, on the same machine.
        prefix = folder + "/" + String(CheckSum.crc32(Array(state.utf8)), radix: 16) + "."
    }

    deinit { descriptors.withLock { for descriptor in $0.values { close(descriptor) } } }

    /// systemd's choice; without systemd root's, or the user's own.
    private static func folder() -> String? {
        let choices = [
            getenv("RUNTIME_DIRECTORY").map { String(cString: $0) }, geteuid() == 0 ? "/run/jouled" : nil,
            getenv("XDG_RUNTIME_DIR").map { String(cString: $0) + "/jouled" },
        ]
        return choices.compactMap { $0 }.first { folder in
            _ = mkdir(folder, 0o750)
            return access(folder, R_OK | W_OK | X_OK) == 0 && clinux_is_in_memory(folder) != 0
        }
    }

    package func mark(of meter: String) -> PulseMark? {
        guard case .success(let bytes) = readBounded(prefix + meter, limit: PulseMark.size) else { return nil }
        return PulseMark(bytes)
    }

    /// One page of memory is written in one go: who is killed meanwhile has written the old mark or the new one.
    package func note(_ mark: PulseMark, of meter: String) {
        let bytes = mark.bytes
        descriptors.withLock { descriptors in
            if descriptors[meter] == nil {
                descriptors[meter] = open(prefix + meter, O_WRONLY | O_CREAT | O_CLOEXEC, 0o640)
            }
            if let descriptor = descriptors[meter] { _ = pwrite(descriptor, bytes, bytes.count, 0) }
        }
    }
}
