import CLinux
import Glibc
import MeterDaemon
import MeterProtocols
import Metering
import Synchronization

/// The marks of the pulse counters as files in a folder that the kernel keeps in RAM: they outlive the process, not the machine.
package final class PulseMarkFiles: PulseJournal {
    private let prefix: String

    /// Marks that belong to the totals of `state`. `nil` where there is no such folder.
    package init?(state: String) {
        guard let folder = Self.folder() else { return nil }
        // Another daemon may count elsewhere, into other totals, on the same machine.
        prefix = folder + "/" + String(CheckSum.crc32(Array(state.utf8)), radix: 16) + "."
    }

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
        guard case .success(let bytes) = readBounded(prefix + meter, limit: PulseMark.size), bytes.count == PulseMark.size else {
            return nil
        }
        return PulseMark(bytes.withUnsafeBytes { $0.loadUnaligned(as: PulseMark.Words.self) })
    }

    package func page(of meter: String) -> any PulseJournalPage { Page(path: prefix + meter) }

    private final class Page: PulseJournalPage {
        private let path: String
        private let descriptor = Atomic<Int32>(-1)

        init(path: String) {
            self.path = path
            open()
        }

        deinit { close(descriptor.load(ordering: .relaxed)) }

        private func open() {
            descriptor.store(Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o640), ordering: .relaxed)
        }

        /// One page of memory is written in one go: who is killed meanwhile has written the old mark or the new one.
        func note(_ mark: PulseMark) {
            withUnsafeBytes(of: mark.words) { words in
                _ = pwrite(descriptor.load(ordering: .relaxed), words.baseAddress, words.count, 0)
            }
        }
    }
}
