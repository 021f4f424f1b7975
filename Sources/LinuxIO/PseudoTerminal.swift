import Glibc
import MeterDaemon
import MeterProtocols

/// A serial port without hardware: programs open `path`, we are at the other end.
struct PseudoTerminal: Sendable {
    let path: String
    let master: Int32
    /// Stays open, so that the terminal keeps its settings and is not hung up while no program has it open.
    private let slave: Int32

    init() throws(PortError) {
        var (master, slave): (Int32, Int32) = (-1, -1)
        var name = [CChar](repeating: 0, count: 128)
        guard openpty(&master, &slave, &name, nil, nil) == 0 else {
            throw PortError("the kernel gives no pseudo-terminal: \(String(cString: strerror(errno)))")
        }
        _ = fcntl(master, F_SETFD, FD_CLOEXEC)
        _ = fcntl(slave, F_SETFD, FD_CLOEXEC)
        _ = fcntl(master, F_SETFL, O_NONBLOCK)
        // Raw, before anyone opens it: else the terminal itself would echo.
        var attributes = termios()
        tcgetattr(slave, &attributes)
        cfmakeraw(&attributes)
        tcsetattr(slave, TCSANOW, &attributes)
        path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.master = master
        self.slave = slave
    }

    /// What the program at the other end has set; both ends share it.
    var speed: BaudRate? {
        var attributes = termios()
        guard tcgetattr(master, &attributes) == 0 else { return nil }
        let code = cfgetospeed(&attributes)
        return BaudRate.allCases.first { $0.code == code }
    }

    func read() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = Glibc.read(master, &buffer, buffer.count)
        return count > 0 ? Array(buffer[..<count]) : []
    }

    /// What does not fit is lost, as it is on a serial port that nobody reads.
    func write(_ bytes: [UInt8]) { _ = Glibc.write(master, bytes, bytes.count) }

    func close() {
        _ = Glibc.close(master)
        _ = Glibc.close(slave)
    }

    /// Makes it known under a lasting name, which another link may have until now.
    func link(at link: String) throws(PortError) {
        let new = link + ".new"
        guard target(of: link) != nil || errno == ENOENT else { throw PortError("\(link) is there already and is no link") }
        Glibc.unlink(new)
        guard symlink(path, new) == 0, rename(new, link) == 0 else {
            throw PortError("\(link) can't be made: \(String(cString: strerror(errno)))")
        }
    }

    /// Not when somebody else has taken the name since.
    func unlink(at link: String) { if target(of: link) == path { Glibc.unlink(link) } }

    private func target(of link: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(link, &buffer, buffer.count)
        guard count >= 0 else { return nil }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
