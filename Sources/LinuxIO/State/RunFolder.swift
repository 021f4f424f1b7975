import Glibc
import Metering

/// A folder that the kernel keeps in RAM: what is in it outlives the process, not the machine.
package struct RunFolder: Sendable {
    let folder: Folder
    /// Of the files in it, the same for whoever keeps the same state.
    let prefix: String

    /// For what belongs to the files in `state`. `nil` where there is no such folder.
    package init?(state: String, makesIt: Bool) {
        guard let folder = Self.folder(makesIt) else { return nil }
        self.init(folder, state: state)
    }

    package init(_ folder: Folder, state: String) {
        self.folder = folder
        // Another daemon may count elsewhere, into other totals, on the same machine.
        prefix = String(CheckSum.crc32(Array(state.utf8)), radix: 16) + "."
    }

    /// systemd's choice; without systemd root's, or the user's own.
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
