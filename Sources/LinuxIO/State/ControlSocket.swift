import CLinux
import Glibc
import MeterDaemon
import Metering

/// The socket in the state directory through which `jouled total` talks to the running daemon. A client sends one request line and receives
/// some answer lines. Everyone who may enter the directory may connect.
package struct ControlSocket: Sendable {
    private static let longestLine = 256
    /// Longer than a request, because problems may contain paths.
    private static let longestAnswer = 4096
    private static let patience = Duration.seconds(2)

    /// How many requests are served at once, so that a request that waits for the disk does not block others. Further clients wait in the
    /// kernel.
    private static let mostClients = 8
    private static let name = "control"

    private let descriptor: Int32
    private let folder: Folder
    private let loop: EventLoop

    package init(directory folder: Folder, loop: EventLoop) throws(SystemError) {
        self.folder = folder
        self.loop = loop
        let directory = try folder.descriptor()
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw SystemError("socket", errno) }
        Self.remove(from: folder)
        let mask = umask(0o007)
        // There is no `bindat`, and a long path does not fit in a socket address, so the path goes through the directory's descriptor.
        let isBound = withUnixAddress("/proc/self/fd/\(directory)/\(Self.name)") { bind(descriptor, $0, $1) } == 0
        let failure = errno
        umask(mask)
        guard isBound, listen(descriptor, 4) == 0 else {
            close(descriptor)
            throw SystemError("bind \(folder.path)/\(Self.name)", failure)
        }
        // When root runs `jouled total`, it connects as the directory's owner, so that user must own the socket.
        guard geteuid() == 0, let socket = Self.openSocket(in: folder) else { return }
        folder.giveToOwner { chown("/proc/self/fd/\(socket)", $0, $1) }
        close(socket)
    }

    /// Removes the socket. Anything else with that name is kept, because the daemon did not create it.
    private static func remove(from folder: Folder) {
        if let socket = openSocket(in: folder) {
            close(socket)
            folder.remove(name)
        }
    }

    private static func openSocket(in folder: Folder) -> Int32? {
        guard let directory = try? folder.descriptor() else { return nil }
        let socket = clinux_open_path(directory, name)
        guard socket >= 0 else { return nil }
        var status = stat()
        guard fstat(socket, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
            close(socket)
            return nil
        }
        return socket
    }

    /// Answers requests until the task is cancelled.
    package func serve(_ answer: @escaping @Sendable (String) async -> String) async {
        await withTaskGroup(of: Void.self) { group in
            var clients = 0
            while await loop.wait(readable: descriptor, until: nil) == .ready {
                let client = clinux_accept(descriptor)
                guard client >= 0 else {
                    // No descriptors are left. The client keeps waiting and the socket stays readable, so try again later.
                    await loop.sleep(until: loop.now + .milliseconds(500))
                    continue
                }
                if clients < Self.mostClients { clients += 1 } else { await group.next() }
                group.addTask { await serve(client, answer) }
            }
            group.cancelAll()
        }
        close(descriptor)
        Self.remove(from: folder)
    }

    private func serve(_ client: Int32, _ answer: @Sendable (String) async -> String) async {
        // A client that has given up has already reported that nothing was done, so its request must not be executed.
        if let line = await readLine(client), isWaiting(client) {
            let reply = await answer(line) + "\n"
            _ = write(client, reply, reply.utf8.count)
        }
        close(client)
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

    /// Sends a request to the daemon that uses this state directory; returns `nil` if none is running.
    package static func ask(_ line: String, directory folder: Folder) -> String? {
        guard let there = openSocket(in: folder) else { return nil }
        defer { close(there) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        // The timeout for sending also limits `connect`, which blocks if the daemon does not accept connections.
        for direction in [SO_SNDTIMEO, SO_RCVTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, direction, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        guard withUnixAddress("/proc/self/fd/\(there)", { connect(descriptor, $0, $1) }) == 0 else { return nil }
        let request = line + "\n"
        guard write(descriptor, request, request.utf8.count) == request.utf8.count,
            case .success(let reply) = readBounded(descriptor, limit: longestAnswer), !reply.isEmpty
        else { return nil }
        // The directory's owner controls the answer, which is printed to a terminal that may be root's.
        let safe = reply.map { $0 >= 0x20 && $0 != 0x7F || $0 == 0x0A ? $0 : UInt8(ascii: "?") }
        return String(decoding: safe.last == 0x0A ? safe.dropLast() : safe[...], as: UTF8.self)
    }
}
