import Glibc
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Testing
import VirtualHardware
import VirtualMeters

/// The virtual meter on a pseudo-terminal, read through our own serial port in real time.
@Suite struct PtyMeterTests {
    private let loop = EventLoop()
    private let link = "/tmp/jouled-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"

    init() { loop.startThread(named: "pty test") }

    private func meter() -> VirtualME162 {
        let household = Household(seed: 1, profile: .steady(watts: 350), startedAt: loop.now)
        return VirtualME162(household: household, seed: 1, startedAt: loop.now)
    }

    private func pty(link: String? = nil) throws(PortError) -> PtyMeter<VirtualME162> {
        PtyMeter(meter(), on: try PseudoTerminal(loop: loop, link: link), executor: loop, clock: loop)
    }

    /// Sends the request, and returns the bytes until the expected end or a timeout.
    private func ask(
        _ connection: any SerialConnection, _ request: String, at speed: BaudRate, then answerSpeed: BaudRate, until end: UInt8,
        within limit: Duration = .seconds(4)
    ) async throws(PortError) -> [UInt8] {
        try await connection.apply(LineSettings(speed))
        try await connection.send(Array(request.utf8))
        if answerSpeed != speed {
            await loop.sleep(until: loop.now + LineSettings(speed).duration(of: request.utf8.count) + .milliseconds(20))
            try await connection.apply(LineSettings(answerSpeed))
        }
        let deadline = loop.now + limit
        var answer: [UInt8] = []
        while answer.suffix(2).first != end, case .received(let bytes, _) = await connection.next(until: deadline) { answer += bytes }
        return answer
    }

    @Test func session() async throws {
        let pty = try self.pty(link: link)
        let running = Task { await pty.run() }
        let connection = try await TTYPort(path: pty.path, loop: loop).open(LineSettings(.b300))

        let began = loop.now
        let identification = try await ask(connection, "/?!\r\n", at: .b300, then: .b300, until: UInt8(ascii: "\r"))
        #expect(String(decoding: identification, as: UTF8.self) == "/ISK5ME162-0033\r\n")
        let operand = try await ask(connection, "\u{06}051\r\n", at: .b300, then: .b9600, until: 0x03)
        #expect(operand == [0x01, 0x50, 0x30, 0x02, 0x28, 0x29, 0x03, 0x60])
        #expect(loop.now - began >= .milliseconds(1300))

        let asked = loop.now
        let value = try await ask(connection, "\u{01}R1\u{02}1.8.0()\u{03}Z", at: .b9600, then: .b9600, until: 0x03)
        #expect(value.starts(with: "\u{02}(0033402.26".utf8))
        #expect(BlockCheck.of(value.dropFirst().dropLast()) == value.last)
        #expect(loop.now - asked >= .milliseconds(255))

        // At 300 Bd a meter in a session understands nothing; the break at 9600 Bd ends the session.
        let nothing = try await ask(connection, "/?!\r\n", at: .b300, then: .b300, until: 0x03, within: .milliseconds(800))
        #expect(nothing.isEmpty)
        _ = try await ask(connection, "\u{01}B0\u{03}q", at: .b9600, then: .b9600, until: 0x03, within: .milliseconds(50))
        let again = try await ask(connection, "/?!\r\n", at: .b300, then: .b300, until: UInt8(ascii: "\r"))
        #expect(again == identification)
        await connection.close()

        running.cancel()
        await running.value
        #expect(access(link, F_OK) != 0)
        loop.stop()
    }

    /// The acknowledgement is sent at 300 Bd, but the speed changes before it has been transmitted: the meter continues at 300 Bd.
    @Test func speedChangedTooEarly() async throws {
        let pty = try self.pty()
        let running = Task { await pty.run() }
        let connection = try await TTYPort(path: pty.path, loop: loop).open(LineSettings(.b300))
        _ = try await ask(connection, "/?!\r\n", at: .b300, then: .b300, until: UInt8(ascii: "\r"))
        try await connection.send(Array("\u{06}050\r\n".utf8))
        await loop.sleep(until: loop.now + .milliseconds(40))
        try await connection.apply(LineSettings(.b9600))
        // The readout is sent at 300 Bd and received at 9600 Bd.
        var garbage: [UInt8] = []
        let deadline = loop.now + .seconds(4)
        while case .received(let bytes, _) = await connection.next(until: deadline) { garbage += bytes }
        #expect(garbage.count > 20)
        #expect(garbage.allSatisfy { $0 == 0 })
        await connection.close()
        running.cancel()
        await running.value
        loop.stop()
    }

    /// A link is replaced, a file is not; a link taken over by another instance is kept; an unplugged port reports it.
    @Test func links() async throws {
        let first = try pty(link: link)
        let connection = try await TTYPort(path: link, loop: loop).open(LineSettings(.b300))
        let second = try pty(link: link)
        let running = [Task { await first.run() }, Task { await second.run() }]
        running[0].cancel()
        await running[0].value
        #expect(access(link, F_OK) == 0)
        guard case .closed = await connection.next(until: loop.now + .seconds(5)) else {
            Issue.record("the port is gone and nobody says so")
            return
        }
        await connection.close()
        running[1].cancel()
        await running[1].value
        #expect(access(link, F_OK) != 0)

        let file = try #require(fopen(link, "w"))
        fclose(file)
        #expect(throws: PortError.self) { try pty(link: link) }
        unlink(link)
        loop.stop()
    }
}
