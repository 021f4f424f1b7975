import Configuration
import Glibc
import MeterDaemon

/// Warnings, like those of ssh, about files with passwords and keys that every user of this machine can read or change. Members of the
/// file's group are trusted, because somebody added them on purpose.
package func exposedSecrets(of configuration: Configuration) -> [String] { configuration.secretFiles.compactMap(exposure) }

private func exposure(_ path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o006 != 0, canBeReached(path) else { return nil }
    let verb = status.st_mode & 0o002 == 0 ? "read" : "change"
    // For a file of the group root, advise the daemon's group: otherwise the daemon might not be able to read it any more.
    let group = status.st_gid == 0 ? daemonsGroup() : nil
    return "\(path) holds a password or key, and every user of this machine can \(verb) it: "
        + (group.map { "chgrp \($0) \(path) && " } ?? "") + "chmod 640 \(path)"
}

/// Whether other users can access all directories above the file.
private func canBeReached(_ path: String) -> Bool {
    guard let real = realpath(path, nil) else { return false }
    defer { free(real) }
    var parts = String(cString: real).split(separator: "/")
    while parts.popLast() != nil {
        var status = stat()
        guard stat("/" + parts.joined(separator: "/"), &status) == 0, status.st_mode & 0o001 != 0 else { return false }
    }
    return true
}

private func daemonsGroup() -> String? {
    let entry = getegid() == 0 ? getgrnam("jouled") : getgrgid(getegid())
    return entry.map { String(cString: $0.pointee.gr_name) }
}
