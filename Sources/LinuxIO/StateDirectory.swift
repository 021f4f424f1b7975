import Glibc

/// The state directory, held by this process: only one daemon may count into it.
package final class StateDirectory: Sendable {
    package let path: String
    private let lock: Int32

    /// Makes it where it is missing. `nil` when another process holds it.
    package init?(_ path: String) throws(SystemError) {
        self.path = path
        guard mkdir(path, 0o750) == 0 || errno == EEXIST else { throw SystemError("mkdir \(path)", errno) }
        // Not for writing: so it can be held on a disk that has become read-only.
        lock = open(path + "/lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0o640)
        guard lock >= 0 else { throw SystemError("open \(path)/lock", errno) }
        giveToOwner(of: path, lock)
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            return nil
        }
    }

    deinit { close(lock) }
}

/// What root writes there (`sudo jouled total` while no daemon runs) the daemon's own user must be able to read.
func giveToOwner(of directory: String, _ descriptor: Int32) {
    var owner = stat()
    guard geteuid() == 0, stat(directory, &owner) == 0 else { return }
    _ = fchown(descriptor, owner.st_uid, owner.st_gid)
}
