import Configuration
import Glibc
import MeterDaemon
import MeterProtocols
import Metering

/// A head that is attached to another machine, which forwards bytes in both directions. Speed and framing are set on that machine.
package struct TCPPort: SerialPort {
    private let head: RemoteHead
    private let loop: EventLoop

    package init(_ head: RemoteHead, loop: EventLoop) {
        self.head = head
        self.loop = loop
    }

    package func open(_ settings: LineSettings) async throws(PortError) -> any SerialConnection {
        let call = try TCPCall(head)
        guard await loop.wait(readable: call.answered, until: nil) == .ready else {
            call.abandon()
            throw .cancelled
        }
        return TCPConnection(try call.answer(), head: head, loop: loop)
    }
}

private struct TCPConnection: SerialConnection {
    /// How many keepalive probes, one per second, may fail before the connection is given up. A machine that has been restarted resets the
    /// connection at the next probe, because it is unknown there.
    private static let questions: Int32 = 15

    private let descriptor: Int32
    private let head: RemoteHead
    private let loop: EventLoop

    init(_ descriptor: Int32, head: RemoteHead, loop: EventLoop) {
        self.descriptor = descriptor
        self.head = head
        self.loop = loop
        set(SOL_SOCKET, SO_KEEPALIVE, 1)
        set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, 1)
        set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, 1)
        set(Int32(IPPROTO_TCP), TCP_KEEPCNT, Self.questions)
        // Use the same limit for sent data that is not acknowledged.
        set(Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, Self.questions * 1000)
        set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    }

    func send(_ bytes: [UInt8]) async throws(PortError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent < 0 && errno == EINTR { continue }
            guard sent > 0 else { throw gone(errno) }
            rest = rest.dropFirst(sent)
        }
    }

    func apply(_ settings: LineSettings) async throws(PortError) {}

    func next(until deadline: Instant?) async -> PortEvent {
        while true {
            switch await loop.wait(readable: descriptor, until: deadline) {
            case .timedOut: return .timedOut
            case .cancelled: return .closed(.cancelled)
            case .ready: break
            }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(descriptor, &buffer, buffer.count)
            if count > 0 { return .received(Array(buffer[..<count]), at: loop.now) }
            if count == 0 { return .closed(PortError("\(head) closed the connection: is another program connected to it?")) }
            if errno != EAGAIN && errno != EINTR { return .closed(gone(errno)) }
        }
    }

    func close() async { _ = Glibc.close(descriptor) }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private func gone(_ code: Int32) -> PortError {
        switch code {
        case ETIMEDOUT, EHOSTUNREACH, ENETUNREACH: PortError("\(head) no longer answers")
        case ECONNRESET, EPIPE: PortError("\(head) dropped the connection")
        case EAGAIN: PortError("\(head) does not accept data")
        default: PortError("\(head) is gone: \(String(cString: strerror(code)))")
        }
    }
}
