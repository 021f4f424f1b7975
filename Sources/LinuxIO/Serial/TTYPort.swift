import CLinux
import Glibc
import MeterDaemon
import MeterProtocols
import Metering

/// A serial port or pseudo-terminal that is opened by its path.
package struct TTYPort: SerialPort {
    private let path: String
    private let loop: EventLoop

    package init(path: String, loop: EventLoop) {
        self.path = path
        self.loop = loop
    }

    package func open(_ settings: LineSettings) async throws(PortError) -> any SerialConnection {
        // O_NOCTTY: otherwise unplugging the adapter could end the daemon by SIGHUP.
        let descriptor = Glibc.open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw PortError(opening: path, errno) }
        let connection = TTYConnection(descriptor, path: path, loop: loop)
        do throws(PortError) {
            try connection.prepare(settings)
        } catch {
            await connection.close()
            throw error
        }
        return connection
    }
}

extension PortError {
    fileprivate init(opening path: String, _ code: Int32) {
        switch code {
        case ENOENT: self.init("\(path) is not there: is the adapter plugged in?")
        case EACCES, EPERM: self.init("no permission for \(path): the user must be in the group dialout")
        case EBUSY: self.init("\(path) is in use by another program")
        case ENXIO, EIO, ENODEV: self.init("\(path) has no device behind it")
        default: self.init("\(path) can't be opened: \(String(cString: strerror(code)))")
        }
    }
}

private struct TTYConnection: SerialConnection {
    private let descriptor: Int32
    private let path: String
    private let loop: EventLoop
    private let isPseudoTerminal: Bool

    init(_ descriptor: Int32, path: String, loop: EventLoop) {
        self.descriptor = descriptor
        self.path = path
        self.loop = loop
        isPseudoTerminal = clinux_is_pseudo_terminal(descriptor) != 0
    }

    func prepare(_ settings: LineSettings) throws(PortError) {
        guard isatty(descriptor) == 1 else { throw PortError("\(path) is not a serial port") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw PortError(opening: path, EBUSY) }
        // Not on a pseudo-terminal: it may stay open at its other end after this process has ended, and would keep this setting.
        if !isPseudoTerminal { _ = clinux_exclusive(descriptor) }
        try set(settings)
        tcflush(descriptor, TCIFLUSH)
    }

    func send(_ bytes: [UInt8]) async throws(PortError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw gone("does not accept data", errno) }
            rest = rest.dropFirst(written)
        }
    }

    func apply(_ settings: LineSettings) async throws(PortError) {
        // The session has already waited for as long as the characters take. A slower adapter gets a little more time.
        let deadline = loop.now + .milliseconds(100)
        while clinux_unsent(descriptor) > 0, loop.now < deadline { await loop.sleep(until: loop.now + .milliseconds(5)) }
        try set(settings)
    }

    func next(until deadline: Instant?) async -> PortEvent {
        while true {
            switch await loop.wait(readable: descriptor, until: deadline) {
            case .timedOut: return .timedOut
            case .cancelled: return .closed(.cancelled)
            case .ready: break
            }
            // The size of the kernel's buffer.
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(descriptor, &buffer, buffer.count)
            if count > 0 { return .received(Array(buffer[..<count]), at: loop.now) }
            if count == 0 { return .closed(PortError("\(path) is gone: was the adapter unplugged?")) }
            if errno != EAGAIN && errno != EINTR { return .closed(gone("is gone", errno)) }
        }
    }

    /// Closes the port. Bytes that the adapter does not accept are discarded: otherwise the kernel would block this thread, and everything
    /// else on it, for half a minute.
    func close() async {
        let deadline = loop.now + .milliseconds(250)
        while clinux_unsent(descriptor) > 0, loop.now < deadline { usleep(5000) }
        if clinux_unsent(descriptor) > 0 { tcflush(descriptor, TCOFLUSH) }
        _ = Glibc.close(descriptor)
    }

    private func set(_ settings: LineSettings) throws(PortError) {
        var attributes = termios()
        guard tcgetattr(descriptor, &attributes) == 0 else { throw gone("is gone", errno) }
        cfmakeraw(&attributes)
        attributes.c_iflag &= ~tcflag_t(IXON | IXOFF | IXANY | INPCK | ISTRIP)
        attributes.c_cflag &= ~tcflag_t(CSIZE | PARENB | PARODD | CSTOPB | HUPCL) & ~Self.hardwareFlowControl
        attributes.c_cflag |= tcflag_t(CLOCAL | CREAD)
        attributes.c_cflag |= settings.framing == .sevenEven ? tcflag_t(CS7 | PARENB) : tcflag_t(CS8)
        cfsetispeed(&attributes, settings.speed.code)
        cfsetospeed(&attributes, settings.speed.code)
        // A pseudo-terminal accepts the speed and ignores the framing. If nothing but the framing would change, it returns EINVAL.
        let failure = tcsetattr(descriptor, TCSANOW, &attributes) == 0 ? 0 : errno
        guard failure == 0 || isPseudoTerminal && failure == EINVAL else { throw gone("does not accept \(settings)", failure) }
        var actual = termios()
        guard tcgetattr(descriptor, &actual) == 0 else { throw gone("is gone", errno) }
        let framing = tcflag_t(CSIZE | PARENB | PARODD | CSTOPB)
        guard cfgetospeed(&actual) == settings.speed.code,
            isPseudoTerminal || actual.c_cflag & framing == attributes.c_cflag & framing
        else { throw PortError("\(path) can't be set to \(settings)") }
    }

    /// The value of CRTSCTS, which Glibc's module does not export. It is switched off, because a head has no flow control lines.
    private static let hardwareFlowControl: tcflag_t = 0o20_000_000_000

    private func gone(_ what: String, _ code: Int32) -> PortError {
        PortError("\(path) \(what): \(String(cString: strerror(code)))")
    }
}

extension BaudRate {
    /// The termios constant for this speed, which is a code and not the speed itself.
    var code: speed_t {
        let code =
            switch self {
            case .b300: B300
            case .b600: B600
            case .b1200: B1200
            case .b2400: B2400
            case .b4800: B4800
            case .b9600: B9600
            case .b19200: B19200
            case .b38400: B38400
            case .b57600: B57600
            case .b115200: B115200
            }
        return speed_t(code)
    }
}
