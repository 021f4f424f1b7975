import Configuration
import Glibc
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Testing
import VirtualMeters

/// A listening port on the loopback interface, like ser2net's.
struct Listener {
    let descriptor: Int32
    let port: Int

    /// On a free port, or again on a previous one.
    init(port: Int = 0) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        address.sin_port = in_port_t(port).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutableBytes(of: &address) { raw in
            guard let pointer = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return false }
            return bind(descriptor, pointer, length) == 0 && listen(descriptor, 4) == 0 && getsockname(descriptor, pointer, &length) == 0
        }
        try #require(isListening)
        self.descriptor = descriptor
        self.port = Int(in_port_t(bigEndian: address.sin_port))
    }

    func client(_ loop: EventLoop, within limit: Duration = .seconds(60)) async throws -> Int32 {
        try #require(await loop.wait(readable: descriptor, until: loop.now + limit) == .ready)
        let client = accept(descriptor, nil, nil)
        try #require(client >= 0)
        return client
    }
}

@Suite struct TCPPortTests {
    private let loop = EventLoop()

    init() { loop.startThread(named: "tcp test") }

    private func open(_ address: String) async throws -> any SerialConnection {
        let head = try #require(RemoteHead(address))
        return try await TCPPort(head, loop: loop).open(LineSettings.opening)
    }

    private func refusal(_ address: String) async throws -> String {
        do {
            _ = try await open(address)
            return "opened"
        } catch let error as PortError {
            return error.description
        }
    }

    @Test func bytesGoBothWaysAndTheEndIsSaid() async throws {
        let listener = try Listener()
        let connection = try await open("tcp://localhost:\(listener.port)")
        let client = try await listener.client(loop)
        try await connection.apply(LineSettings(.b300))
        try await connection.send(Array("/?!\r\n".utf8))
        var buffer = [UInt8](repeating: 0, count: 16)
        #expect(read(client, &buffer, 16) == 5)
        #expect(buffer.starts(with: "/?!\r\n".utf8))

        #expect(write(client, "/ISK", 4) == 4)
        guard case .received(let bytes, _) = await connection.next(until: loop.now + .seconds(60)) else {
            Issue.record("nothing received")
            return
        }
        #expect(bytes == Array("/ISK".utf8))
        let now = loop.now
        #expect(await connection.next(until: now + .milliseconds(50)) == .timedOut)
        #expect(loop.now - now >= .milliseconds(50))

        #expect(try hasKeepaliveTimer(to: listener.port), "a machine that goes without a word must be noticed")
        close(client)
        let end = await connection.next(until: loop.now + .seconds(60))
        #expect(end == .closed(PortError("tcp://localhost:\(listener.port) closed the connection: is another program connected to it?")))
        await connection.close()
        close(listener.descriptor)
        loop.stop()
    }

    /// The kernel lists each connection with its active timer: 02 is keepalive, due within a second.
    private func hasKeepaliveTimer(to port: Int) throws -> Bool {
        let table = try readBounded("/proc/net/tcp", limit: 1 << 22).get()
        let remote = String(port, radix: 16, uppercase: true)
        let wanted = ":" + String(repeating: "0", count: 4 - remote.count) + remote
        return String(decoding: table, as: UTF8.self).split(separator: "\n").contains { line in
            let fields = line.split(separator: " ")
            guard fields.count > 5, fields[2].hasSuffix(wanted), fields[5].hasPrefix("02:") else { return false }
            return Int(fields[5].dropFirst(3), radix: 16).map { $0 <= 100 } ?? false
        }
    }

    @Test func aResetIsSaid() async throws {
        let listener = try Listener()
        let connection = try await open("tcp://127.0.0.1:\(listener.port)")
        let client = try await listener.client(loop)
        var hard = linger(l_onoff: 1, l_linger: 0)
        setsockopt(client, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
        close(client)
        let end = await connection.next(until: loop.now + .seconds(60))
        #expect(end == .closed(PortError("tcp://127.0.0.1:\(listener.port) dropped the connection")))
        await #expect(throws: PortError.self) { try await connection.send([1]) }
        await connection.close()
        close(listener.descriptor)
        loop.stop()
    }

    @Test func whatIsNotThereIsSaidInWords() async throws {
        let listener = try Listener()
        close(listener.descriptor)
        let refused = try await refusal("tcp://127.0.0.1:\(listener.port)")
        #expect(refused == "tcp://127.0.0.1:\(listener.port): connection refused: nothing is listening there")
        // The two dots make the name invalid, so no name server is asked.
        #expect(try await refusal("tcp://no..name:1").hasPrefix("tcp://no..name:1: the host name no..name "))
        loop.stop()
    }

    /// A listener with a full queue doesn't answer connections, like a machine that is switched off. The loop must continue.
    @Test func aCallThatNobodyAnswersBlocksNothing() async throws {
        let listener = try Listener()
        listen(listener.descriptor, 0)
        var waiting: [any SerialConnection] = []
        var silence: String?
        // The queue holds one or two.
        for _ in 0..<5 where silence == nil {
            do {
                waiting.append(try await open("tcp://127.0.0.1:\(listener.port)"))
            } catch let error as PortError {
                silence = error.description
            }
        }
        #expect(silence == "tcp://127.0.0.1:\(listener.port): no answer: is it switched on?")
        let port = TCPPort(try #require(RemoteHead("tcp://127.0.0.1:\(listener.port)")), loop: loop)
        // Repeated if the machine is so busy that a tick takes longer than the connection's timeout.
        var isCalledOff = false
        for _ in 0..<20 where !isCalledOff { isCalledOff = try await callsOff(port) }
        #expect(isCalledOff, "the loop goes on, and the call can be called off")
        for connection in waiting { await connection.close() }
        close(listener.descriptor)
        loop.stop()
    }

    /// Returns whether the loop ticked before the unanswered connection attempt ended, and whether cancellation ended it.
    private func callsOff(_ port: TCPPort) async throws -> Bool {
        let opening = Task { try await port.open(LineSettings.opening) }
        await loop.sleep(until: loop.now + .milliseconds(20))
        opening.cancel()
        do {
            await (try await opening.value).close()
        } catch let error as PortError {
            return error == .cancelled
        }
        return false
    }
}
