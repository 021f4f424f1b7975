import CLinux
import Glibc
import Metering

/// A folder that the kernel keeps in RAM: what is in it outlives the process, not the machine.
package struct RunFolder: Sendable {
    /// Of the paths in it, the same for whoever keeps the same state.
    let prefix: String

    /// For what belongs to the files in `state`. `nil` where there is no such folder.
    package init?(state: String) {
        guard let folder = Self.folder() else { return nil }
        self.init(folder, state: state)
    }

    package init(_ folder: String, state: String) {
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
}
