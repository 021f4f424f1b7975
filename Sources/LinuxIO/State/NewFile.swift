import Glibc

/// A newly created file, which must not have existed before.
package final class NewFile: Sendable {
    private let path: String
    private let descriptor: Int32

    package init(_ path: String) throws(SystemError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw SystemError("create \(path)", errno) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    package func append(_ text: String) throws(SystemError) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw SystemError("write \(path)", errno) }
            rest = rest.dropFirst(written)
        }
    }
}

package func isRegularFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
}
