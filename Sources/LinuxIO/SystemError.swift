import Glibc

/// Which system call failed, and why.
package struct SystemError: Error, Sendable, CustomStringConvertible {
    package var operation: String
    package var code: Int32

    /// The reason, if the kernel's text for the error code would not explain it.
    private var reason: String?

    /// The text is an autoclosure, so that it is built after `code` has been read: building it may allocate memory and change `errno`.
    package init(_ operation: @autoclosure () -> String, _ code: Int32) {
        self.code = code
        self.operation = operation()
    }

    package init(_ operation: String, _ reason: String) {
        self.init(operation, EINVAL)
        self.reason = reason
    }

    package var description: String { "\(operation): \(reason ?? String(cString: strerror(code)))" }
}

/// Reads a complete file of at most `limit` bytes.
package func readBounded(_ path: String, limit: Int) -> Result<[UInt8], SystemError> {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return .failure(SystemError("open \(path)", errno)) }
    defer { close(descriptor) }
    return readBounded(descriptor, limit: limit)
}

/// Reads everything from a descriptor, at most `limit` bytes.
package func readBounded(_ descriptor: Int32, limit: Int) -> Result<[UInt8], SystemError> {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: min(limit + 1, 65_536))
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0 && errno == EINTR { continue }
        guard count >= 0 else { return .failure(SystemError("read", errno)) }
        guard count > 0 else { return .success(bytes) }
        bytes += buffer[..<count]
        guard bytes.count <= limit else { return .failure(SystemError("read", EFBIG)) }
    }
}
