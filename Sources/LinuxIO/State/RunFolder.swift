import Glibc
import Metering

/// A folder that the kernel keeps in RAM: its content outlives the process, but not a reboot.
package struct RunFolder: Sendable {
    let folder: Folder
    /// The prefix of its file names; the same for every process with the same state directory.
    let prefix: String

    /// Opens the RAM folder for the state directory `state`. Returns `nil` if there is none.
    package init?(state: String, makesIt: Bool) {
        guard let folder = Self.folder(makesIt) else { return nil }
        self.init(folder, state: state)
    }

    package init(_ folder: Folder, state: String) {
        self.folder = folder
        // Another daemon on the same machine may use the same folder with a different state directory.
        prefix = String(CheckSum.crc32(Array(state.utf8)), radix: 16) + "."
    }

    /// The runtime directory from systemd; without systemd, that of root or of the user.
    private static func folder(_ makesIt: Bool) -> Folder? {
        let choices = [
            getenv("RUNTIME_DIRECTORY").map { String(cString: $0) }, "/run/jouled",
            getenv("XDG_RUNTIME_DIR").map { String(cString: $0) + "/jouled" },
        ]
        return choices.compactMap { $0 }.map { Folder($0) }.first { folder in
            if makesIt { try? folder.make() }
            return (try? folder.requireAccess()) != nil && folder.isInMemory
        }
    }
}
