import CLinux
import Glibc
import Synchronization

/// A directory and the files in it. The directory is opened once, and each file is opened by its name relative to that descriptor, without
/// following symbolic links, and only if it is a regular file. The directory may belong to another user, who must not be able to redirect
/// this process to other files or make it block at a FIFO.
package final class Folder: Sendable {
    package let path: String
    private let held = Mutex<Int32?>(nil)

    /// The directory need not exist yet.
    package init(_ path: String) { self.path = path }

    deinit { held.withLock { if let descriptor = $0 { close(descriptor) } } }

    /// The directory's descriptor, opened at the first use. While it is open, the directory's inode number can't be reused.
    func descriptor() throws(SystemError) -> Int32 {
        if let known = held.withLock({ $0 }) { return known }
        let new = try openDirectory(path)
        return held.withLock { held in
            if let first = held {
                close(new)
                return first
            }
            held = new
            return new
        }
    }

    /// The parent folder, and this folder's name in it.
    private var place: (above: Folder, name: String) {
        let parts = path.split(separator: "/")
        let above = parts.dropLast().joined(separator: "/")
        return (Folder(path.hasPrefix("/") ? "/" + above : above.isEmpty ? "." : above), String(parts.last ?? "."))
    }

    package func make() throws(SystemError) {
        do throws(SystemError) {
            _ = try descriptor()
        } catch {
            guard error.code == ENOENT else { throw error }
            let (above, name) = place
            guard mkdirat(try above.descriptor(), name, 0o750) == 0 || errno == EEXIST else { throw SystemError("mkdir \(path)", errno) }
            _ = try descriptor()
        }
    }

    /// Whether the path now leads to a different directory. False if there is none, because writing then fails with an error anyway.
    package var isReplaced: Bool {
        var (first, now) = (stat(), stat())
        guard let descriptor = try? descriptor(), fstat(descriptor, &first) == 0, stat(path, &now) == 0 else { return false }
        return first.st_ino != now.st_ino || first.st_dev != now.st_dev
    }

    /// Throws the reason if files can't be stored in the folder.
    package func requireAccess() throws(SystemError) {
        // Not `access`, which checks the permissions of the user who started the process.
        guard faccessat(try descriptor(), ".", R_OK | W_OK | X_OK, AT_EACCESS) == 0 else { throw SystemError(path, errno) }
    }

    /// Throws the reason if a missing folder can't be created.
    package func requireAccessAbove() throws(SystemError) { try place.above.requireAccess() }

    var isInMemory: Bool {
        guard let descriptor = try? descriptor() else { return false }
        return clinux_is_in_memory(descriptor) != 0
    }

    // MARK: Its owner

    /// If the process runs as root, makes it act permanently as the directory's owner or, if the directory is missing, its parent's owner.
    package func actAsOwner() throws(SystemError) {
        guard geteuid() == 0 else { return }
        let descriptor: Int32
        do throws(SystemError) {
            descriptor = try self.descriptor()
        } catch {
            guard error.code == ENOENT else { throw error }
            return try place.above.actAsOwner()
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemError("fstat \(path)", errno) }
        guard status.st_uid != 0 else { return }
        // Use the owner's own group, not the directory's, which may be root's.
        let group = getpwuid(status.st_uid).map(\.pointee.pw_gid) ?? status.st_uid
        guard setgroups(0, nil) == 0, setegid(group) == 0, seteuid(status.st_uid) == 0 else {
            throw SystemError("switch to user \(status.st_uid), who owns \(path)", errno)
        }
    }

    /// Runs `body` as the directory's owner if the process runs as root.
    package func asOwner<Result>(_ body: () throws(SystemError) -> Result) throws(SystemError) -> Result {
        guard geteuid() == 0 else { return try body() }
        var groups = [gid_t](repeating: 0, count: max(0, Int(getgroups(0, nil))))
        let (count, group) = (getgroups(Int32(groups.count), &groups), getegid())
        defer {
            precondition(seteuid(0) == 0 && setegid(group) == 0, "can't switch back to root")
            if count >= 0 { setgroups(Int(count), groups) }
        }
        try actAsOwner()
        return try body()
    }

    // MARK: Its files

    package func read(_ name: String, limit: Int) -> Result<[UInt8], SystemError> {
        do throws(SystemError) {
            let descriptor = try open(name, O_RDONLY)
            defer { close(descriptor) }
            return readBounded(descriptor, limit: limit)
        } catch {
            return .failure(error)
        }
    }

    func isThere(_ name: String) -> Bool {
        var status = stat()
        guard let descriptor = try? descriptor() else { return false }
        return fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0
    }

    /// Opens an existing file. If it is opened for writing, it must have no other name (hard link).
    func open(_ name: String, _ access: Int32) throws(SystemError) -> Int32 {
        let descriptor = openat(try descriptor(), name, access | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw errno == ELOOP
                ? SystemError("\(path)/\(name)", "is a symbolic link: remove it") : SystemError("open \(path)/\(name)", errno)
        }
        var status = stat()
        let isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        guard isRegular, access == O_RDONLY || status.st_nlink <= 1 else {
            close(descriptor)
            throw SystemError(
                "\(path)/\(name)", isRegular ? "is a file with other hard links: remove it" : "is not a regular file: remove it")
        }
        return descriptor
    }

    /// Creates a new file. If root creates it in another user's directory, the file belongs to that user.
    func create(_ name: String) throws(SystemError) -> Int32 {
        let descriptor = openat(try descriptor(), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw SystemError("open \(path)/\(name)", errno) }
        giveToOwner { fchown(descriptor, $0, $1) }
        return descriptor
    }

    /// Gives a file to the directory's owner. Only to be used for something that root has just created itself.
    func giveToOwner(_ change: (uid_t, gid_t) -> Int32) {
        var owner = stat()
        guard geteuid() == 0, let directory = try? descriptor(), fstat(directory, &owner) == 0, owner.st_uid != 0 else { return }
        _ = change(owner.st_uid, owner.st_gid)
    }

    /// Opens an existing file or creates it.
    func openOrCreate(_ name: String, _ access: Int32) throws(SystemError) -> Int32 {
        if !isThere(name), let new = try? create(name) { close(new) }
        return try open(name, access)
    }

    /// Writes a new file, which is on the disk when this returns. An existing file with that name is removed.
    func write(_ bytes: [UInt8], as name: String) throws(SystemError) {
        if isThere(name) { remove(name) }
        let descriptor = try create(name)
        defer { close(descriptor) }
        let count = Glibc.write(descriptor, bytes, bytes.count)
        guard count == bytes.count else { throw SystemError("write \(path)/\(name)", count < 0 ? errno : ENOSPC) }
        guard fsync(descriptor) == 0 else { throw SystemError("fsync \(path)/\(name)", errno) }
    }

    /// Replaces a file atomically: whenever the power fails, either the old or the new file is complete.
    func replace(_ name: String, with bytes: [UInt8]) throws(SystemError) {
        try write(bytes, as: name + ".new")
        try rename(name + ".new", to: name)
    }

    func rename(_ name: String, to new: String) throws(SystemError) {
        let directory = try descriptor()
        guard renameat(directory, name, directory, new) == 0 else { throw SystemError("rename \(path)/\(name)", errno) }
    }

    /// Creates a hard link to the file. Returns false if that fails.
    func link(_ name: String, as second: String) -> Bool {
        guard let directory = try? descriptor() else { return false }
        return linkat(directory, name, directory, second, 0) == 0
    }

    func remove(_ name: String) {
        if let directory = try? descriptor() { unlinkat(directory, name, 0) }
    }

    /// Writes the directory itself to the disk, which makes changed file names permanent.
    func sync() throws(SystemError) {
        guard fsync(try descriptor()) == 0 else { throw SystemError("fsync \(path)", errno) }
    }
}

/// Opens a directory. If the process runs as root, symbolic links that another user has created are not followed.
private func openDirectory(_ path: String) throws(SystemError) -> Int32 {
    let access = O_RDONLY | O_DIRECTORY | O_CLOEXEC
    guard geteuid() == 0 else {
        let directory = open(path, access)
        guard directory >= 0 else { throw SystemError("open \(path)", errno) }
        return directory
    }
    var links = 0
    var rest: [String] = path.split(separator: "/").reversed().map(String.init)
    var reached = open(path.hasPrefix("/") ? "/" : ".", access)
    defer { close(reached) }
    while let name = rest.popLast() {
        let next = clinux_open_path(reached, name)
        guard next >= 0 else { throw SystemError("open \(path)", errno) }
        guard let link = SymbolicLink(next) else {
            close(reached)
            reached = next
            continue
        }
        close(next)
        links += 1
        guard links <= 40 else { throw SystemError("open \(path)", ELOOP) }
        guard link.owner == 0 else {
            throw SystemError("open \(path)", "\(name) is a symbolic link owned by user \(link.owner), which root does not follow")
        }
        rest += link.target.split(separator: "/").reversed().map(String.init)
        guard link.target.hasPrefix("/") else { continue }
        close(reached)
        reached = open("/", access)
    }
    let directory = openat(reached, ".", access)
    guard directory >= 0 else { throw SystemError("open \(path)", errno) }
    return directory
}

private struct SymbolicLink {
    let owner: uid_t
    let target: String

    /// Returns `nil` if the descriptor belongs to something else.
    init?(_ descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else { return nil }
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(descriptor, "", &bytes, bytes.count)
        owner = status.st_uid
        target = String(decoding: bytes.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
