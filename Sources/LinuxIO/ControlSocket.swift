import CLinux
import Glibc
import MeterDaemon
import Metering

/// How `jouled total` talks to the running daemon: a socket in the state directory, one line in, some lines out. Who may enter the directory
/// may speak.
package struct ControlSocket: Sendable {
    private static let longestLine = 256
    /// A problem may name paths.
    private static let longestAnswer = 4096
    private static let patience = Duration.seconds(2)

    private let descriptor: Int32
    private let path: String
    private let loop: EventLoop

    package init(directory: String, loop: EventLoop) throws(SystemError) {
        path = directory + "/control"
        self.loop = loop
        // An address that is cut is another one.
        guard path.utf8.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) else { throw SystemError("bind \(path)", ENAMETOOLONG) }
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw SystemError("socket", errno) }
        unlink(path)
        let mask = umask(0o007)
        let isBound = withUnixAddress(path) { bind(descriptor, $0, $1) } == 0
        let failure = errno
        umask(mask)
        guard isBound, listen(descriptor, 4) == 0 else {
            close(descriptor)
            throw SystemError("bind \(path)", failure)
        }
    }

    /// Answers until the task is cancelled.
    package func serve(_ answer: @Sendable (String) async -> String) async {
        while await loop.wait(readable: descriptor, until: nil) == .ready {
            let client = clinux_accept(descriptor)
            guard client >= 0 else {
                // Out of descriptors: the client waits on, and makes the socket readable all the while.
                await loop.sleep(until: loop.now + .milliseconds(500))
                continue
            }
            // Who has given up was told that nothing was done.
            if let line = await readLine(client), isWaiting(client) {
                let reply = await answer(line) + "\n"
                _ = write(client, reply, reply.utf8.count)
            }
            close(client)
        }
        close(descriptor)
        unlink(path)
    }

    private func isWaiting(_ client: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(client, &byte, 1, Int32(MSG_PEEK)) != 0
    }

    private func readLine(_ client: Int32) async -> String? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: Self.longestLine)
        let deadline = loop.now + Self.patience
        while await loop.wait(readable: client, until: deadline) == .ready {
            let count = read(client, &buffer, buffer.count)
            guard count > 0 else { return nil }
            bytes += buffer[..<count]
            if let end = bytes.firstIndex(of: 0x0A) { return String(validating: bytes[..<end], as: UTF8.self) }
            guard bytes.count <= Self.longestLine else { return nil }
        }
        return nil
    }

    /// Asks the daemon of that state directory; `nil` when none runs.
    package static func ask(_ line: String, directory: String) -> String? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard withUnixAddress(directory + "/control", { connect(descriptor, $0, $1) }) == 0 else { return nil }
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let request = line + "\n"
        guard write(descriptor, request, request.utf8.count) == request.utf8.count,
            case .success(let reply) = readBounded(descriptor, limit: longestAnswer), !reply.isEmpty
        else { return nil }
        return String(decoding: reply.last == 0x0A ? reply.dropLast() : reply[...], as: UTF8.self)
    }
}
