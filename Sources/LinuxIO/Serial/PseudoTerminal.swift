import Glibc
import MeterDaemon
import MeterProtocols
import Metering

/// A serial port without hardware: programs open `path`, and this type is the other end.
package struct PseudoTerminal: SerialTerminal {
    /// The path of the link, if there is one, otherwise that of the device. Unlike the device, a link has the same name in the next run.
    package let path: String
    private let device: String
    private let master: Int32
    /// The programs' end. It stays open here, so that the terminal keeps its settings and is not hung up while no program has it open.
    private let slave: Int32
    private let loop: EventLoop

    /// `link`: a permanent name for the port. An existing link with that name is replaced.
    package init(loop: EventLoop, link: String? = nil) throws(PortError) {
        var (master, slave): (Int32, Int32) = (-1, -1)
        var name = [CChar](repeating: 0, count: 128)
        guard openpty(&master, &slave, &name, nil, nil) == 0 else {
            throw PortError("can't open a pseudo-terminal: \(String(cString: strerror(errno)))")
        }
        _ = fcntl(master, F_SETFD, FD_CLOEXEC)
        _ = fcntl(slave, F_SETFD, FD_CLOEXEC)
        _ = fcntl(master, F_SETFL, O_NONBLOCK)
        // Set raw mode before a program opens the terminal: otherwise the terminal itself would echo.
        var attributes = termios()
        tcgetattr(slave, &attributes)
        cfmakeraw(&attributes)
        tcsetattr(slave, TCSANOW, &attributes)
        device = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        path = link ?? device
        self.master = master
        self.slave = slave
        self.loop = loop
        guard let link else { return }
        do throws(PortError) {
            try makeLink(link)
        } catch {
            closeDescriptors()
            throw error
        }
    }

    /// The speed that the program has set. It can be read here, because both ends share the settings.
    package var speed: BaudRate? {
        var attributes = termios()
        guard tcgetattr(master, &attributes) == 0 else { return nil }
        let code = cfgetospeed(&attributes)
        return BaudRate.allCases.first { $0.code == code }
    }

    package func read() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = Glibc.read(master, &buffer, buffer.count)
        return count > 0 ? Array(buffer[..<count]) : []
    }

    package func write(_ bytes: [UInt8]) { _ = Glibc.write(master, bytes, bytes.count) }

    package func wait(forBytes: Bool, until deadline: Instant?) async -> TerminalEvent {
        switch await loop.wait(readable: forBytes ? master : nil, until: deadline) {
        case .ready: .readable
        case .timedOut: .timedOut
        case .cancelled: .cancelled
        }
    }

    package func close() {
        // Do not remove the link if another program has replaced it since.
        if path != device, target(of: path) == device { unlink(path) }
        closeDescriptors()
    }

    private func closeDescriptors() {
        _ = Glibc.close(master)
        _ = Glibc.close(slave)
    }

    private func makeLink(_ link: String) throws(PortError) {
        let new = link + ".new"
        guard target(of: link) != nil || errno == ENOENT else { throw PortError("\(link) already exists and is not a link") }
        unlink(new)
        guard symlink(device, new) == 0, rename(new, link) == 0 else {
            throw PortError("\(link) can't be created: \(String(cString: strerror(errno)))")
        }
    }

    private func target(of link: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(link, &buffer, buffer.count)
        guard count >= 0 else { return nil }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
