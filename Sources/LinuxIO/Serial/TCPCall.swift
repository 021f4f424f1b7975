import Configuration
import Glibc
import MeterDaemon
import Synchronization

/// One attempt to connect. It has its own thread, because a name look-up can't be cancelled and may take half a minute.
final class TCPCall: Sendable {
    /// An answer takes milliseconds. The kernel repeats its SYN after one second and again after three. Giving up in between and starting
    /// again connects to a machine within two seconds after it comes back.
    private static let patience: Int32 = 1800

    private enum State {
        case underway, abandoned
        case connected(Int32)
        case failed(PortError)
    }

    private let head: RemoteHead
    private let state = Guarded(State.underway)
    /// Rings when the attempt has ended.
    private let bell: EventBell
    var answered: Int32 { bell.descriptor }

    init(_ head: RemoteHead) throws(PortError) {
        self.head = head
        do throws(SystemError) {
            bell = try EventBell()
            try attemptThread(named: "connect") { self.run() }
        } catch {
            throw PortError("\(head): \(String(cString: strerror(error.code)))")
        }
    }

    /// The result, to be called once the bell has rung.
    func answer() throws(PortError) -> Int32 {
        switch state.withLock({ $0 }) {
        case .connected(let descriptor): return descriptor
        case .failed(let error): throw error
        case .underway, .abandoned: throw .cancelled
        }
    }

    /// Closes the connection at once, or as soon as it is established.
    func abandon() {
        state.withLock { state in
            if case .connected(let descriptor) = state { close(descriptor) }
            state = .abandoned
        }
    }

    // MARK: The thread

    private func run() {
        let end: State
        do throws(PortError) {
            end = .connected(try connection())
        } catch {
            end = .failed(error)
        }
        state.withLock { state in
            if case .abandoned = state {
                if case .connected(let descriptor) = end { close(descriptor) }
            } else {
                state = end
            }
        }
        bell.ring()
    }

    private func connection() throws(PortError) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let failure = getaddrinfo(head.host, String(head.port), &hints, &list)
        guard failure == 0 else { throw PortError("\(head): \(Self.words(ofLookUp: failure, head.host))") }
        defer { freeaddrinfo(list) }
        var why = ETIMEDOUT
        var next = list
        while let address = next?.pointee, !isAbandoned {
            switch Self.connect(address) {
            case .success(let descriptor): return descriptor
            case .failure(let error): why = error.code
            }
            next = address.ai_next
        }
        throw PortError("\(head): \(Self.words(of: why))")
    }

    private var isAbandoned: Bool { state.withLock { if case .abandoned = $0 { true } else { false } } }

    private static func connect(_ address: addrinfo) -> Result<Int32, SystemError> {
        let kind = address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(address.ai_family, kind, address.ai_protocol)
        guard descriptor >= 0 else { return .failure(SystemError("socket", errno)) }
        var failure = Glibc.connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno
        if failure == EINPROGRESS {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            var length = socklen_t(MemoryLayout<Int32>.size)
            if poll(&waiting, 1, patience) <= 0 {
                failure = ETIMEDOUT
            } else if getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &length) != 0 {
                failure = errno
            }
        }
        guard failure == 0 else {
            close(descriptor)
            return .failure(SystemError("connect", failure))
        }
        return .success(descriptor)
    }

    private static func words(ofLookUp code: Int32, _ host: String) -> String {
        switch code {
        case EAI_NONAME, noAddress: "the host name \(host) is unknown"
        case EAI_AGAIN: "the host name \(host) can't be resolved at the moment: is the network up?"
        default: "the host name \(host) can't be resolved: \(String(cString: gai_strerror(code)))"
        }
    }

    /// The value of EAI_NODATA, which Glibc's module does not export.
    private static let noAddress: Int32 = -5

    private static func words(of code: Int32) -> String {
        switch code {
        case ECONNREFUSED: "connection refused: nothing is listening there"
        case EHOSTUNREACH: "no route to it: is it switched on?"
        case ENETUNREACH: "no route to it: is the network up?"
        case ETIMEDOUT: "no answer: is it switched on?"
        default: String(cString: strerror(code))
        }
    }
}
