import Glibc

/// The state directory, locked by this process, because only one daemon may use it.
package final class StateDirectory: Sendable {
    private let lock: Int32

    /// Creates the directory if it is missing, and locks it. Returns `nil` if another process has locked it.
    package init?(_ folder: Folder) throws(SystemError) {
        try folder.make()
        // The lock file is opened read-only, so that it can be locked even on a disk that has become read-only.
        lock = try folder.openOrCreate(Self.lockName, O_RDONLY)
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            return nil
        }
    }

    deinit { close(lock) }

    private static let lockName = "lock"

    package enum Condition: Sendable {
        case missing, free, held
    }

    /// Checks a state directory without changing anything. Throws the reason if it can't be used.
    package static func condition(of folder: Folder) throws(SystemError) -> Condition {
        do throws(SystemError) {
            _ = try folder.descriptor()
        } catch {
            guard error.code == ENOENT else { throw error }
            try folder.requireAccessAbove()
            return .missing
        }
        if folder.isThere(lockName) {
            let lock = try folder.open(lockName, O_RDONLY)
            defer { close(lock) }
            guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { return .held }
        }
        try folder.requireAccess()
        return .free
    }
}
