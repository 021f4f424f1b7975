import Glibc
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Testing
import VirtualHardware

@Suite struct PtyReplayTests {
    private let loop = EventLoop()
    private let link = "/tmp/jouled-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"

    init() { loop.startThread(named: "replay test") }

    /// Opens the port as soon as it exists, and reads it to the end.
    private func hear(until seconds: Int64 = 60) async throws -> [(bytes: [UInt8], at: Instant)] {
        let connection = try await TTYPort(path: link, loop: loop).open(LineSettings(.b9600, .eightNone))
        var heard: [(bytes: [UInt8], at: Instant)] = []
        let limit = loop.now + .seconds(seconds)
        while case .received(let bytes, let at) = await connection.next(until: limit) { heard.append((bytes, at)) }
        await connection.close()
        return heard
    }

    @Test func theSameBytesAtTheSamePace() async throws {
        let portions = [
            Recording.Portion(at: .milliseconds(200), [UInt8](0...255)), Recording.Portion(at: .milliseconds(500), Array("/ISK".utf8)),
            Recording.Portion(at: .milliseconds(1500), [0x03, 0x04, 0x11, 0x13, 0x0A, 0x0D]),
        ]
        let replay = PtyReplay(
            Recording(portions, length: .milliseconds(1600)), on: try PseudoTerminal(loop: loop, link: link), clock: loop)
        let began = loop.now
        async let playing: Void = replay.run(timesAsFast: 1, again: false)
        let heard = try await hear()
        await playing
        #expect(heard.flatMap(\.bytes) == portions.flatMap(\.bytes))
        // Never early; late, together with later bytes, if the machine is busy.
        let times = heard.flatMap { part in part.bytes.map { _ in part.at - began } }
        let earliest = portions.flatMap { portion in portion.bytes.map { _ in portion.at } }
        for (time, planned) in zip(times, earliest) { try #require(time >= planned) }
        #expect(access(link, F_OK) != 0, "the port goes with the recording")
        loop.stop()
    }

    @Test func fasterAndAgain() async throws {
        let recording = Recording([Recording.Portion(at: .milliseconds(500), [1, 2])], length: .seconds(1))
        let replay = PtyReplay(recording, on: try PseudoTerminal(loop: loop, link: link), clock: loop)
        let playing = Task(executorPreference: loop) { await replay.run(timesAsFast: 10, again: true) }
        let connection = try await TTYPort(path: link, loop: loop).open(LineSettings(.b9600, .eightNone))
        // Input from the program must not block the replay.
        for _ in 0..<40 { try await connection.send([UInt8](repeating: 0x55, count: 256)) }
        let began = loop.now
        var heard: [UInt8] = []
        while heard.count < 40, case .received(let bytes, _) = await connection.next(until: began + .seconds(60)) { heard += bytes }
        let seconds = (loop.now - began).seconds
        #expect(heard.count >= 40 && seconds < 18, "20 times, every 100 ms and not every second: \(seconds) s")
        for (index, byte) in heard.enumerated() { #expect(byte == (index % 2 == 0 ? 1 : 2)) }
        playing.cancel()
        await playing.value
        await connection.close()
        #expect(access(link, F_OK) != 0)
        loop.stop()
    }
}
