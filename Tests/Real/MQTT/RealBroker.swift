import Configuration
import Glibc
import LinuxIO
import MeterDaemon
import Metering
import Publishing
import Synchronization
import Testing

/// A mosquitto on a free loopback port.
final class RealBroker {
    static let program = "/usr/sbin/mosquitto"

    let port: Int
    let directory: ScratchDirectory
    private let options: [String]
    private var process: ChildProcess?

    init(_ options: [String] = ["allow_anonymous true"], port: Int? = nil) throws {
        directory = try #require(ScratchDirectory())
        self.options = options
        self.port = try port ?? #require(freePort())
    }

    func start() throws {
        let path = directory.path
        let lines = [
            "listener \(port) 127.0.0.1", "user root", "persistence true", "persistence_location \(path)/", "log_dest file \(path)/log",
        ]
        let config = (lines + options).joined(separator: "\n").split(separator: "DIRECTORY", omittingEmptySubsequences: false)
        directory.write(config.joined(separator: path) + "\n", to: "mosquitto.conf")
        process = ChildProcess(Self.program, ["-c", "\(path)/mosquitto.conf"])
        try #require(process != nil)
        var tries = 0
        while !answers(port) {
            tries += 1
            try #require(tries < 3000)
            usleep(20_000)
        }
    }

    func signal(_ number: Int32) { if let process { kill(process.id, number) } }

    func stop() {
        process?.end()
        process = nil
    }

    /// Lines of `QoS retained topic payload`.
    func subscriber(
        _ topic: String = "#", format: String = "%q %r %t %p", authority: String? = nil
    ) throws -> ChildProcess {
        let arguments =
            ["-h", "127.0.0.1", "-p", "\(port)", "-V", "5", "-q", "1", "-t", topic, "-F", format]
            + (authority.map { ["--cafile", $0] } ?? [])
        return try #require(ChildProcess("/usr/bin/mosquitto_sub", arguments))
    }

    /// A subscriber that has received all retained messages, once `isDone` accepts them. A subscriber that connects before the publisher is done
    /// receives some of them as new messages. So this is a second one, connected after the first has received everything.
    func subscriber(retaining isDone: ([String]) -> Bool, by loop: EventLoop) async throws -> ChildProcess {
        let first = try subscriber()
        _ = await first.lines(by: loop) { lines in
            isDone(lines.map { "\($0.prefix(2))1\($0.dropFirst(3))" })
        }
        let second = try subscriber()
        _ = await second.lines(by: loop, until: isDone)
        return second
    }

    /// The same for a single line.
    func subscriber(retaining line: String, by loop: EventLoop) async throws -> ChildProcess {
        try await subscriber(retaining: { $0.contains(line) }, by: loop)
    }

    func publish(_ topic: String, _ payload: String, retain: Bool = false, times: Int = 1) {
        let options =
            ["-h", "127.0.0.1", "-p", "\(port)", "-q", "1", "-t", topic, "-m", payload, "--repeat", "\(times)"] + (retain ? ["-r"] : [])
        #expect(ChildProcess.run("/usr/bin/mosquitto_pub", options))
    }
}

/// Calls `body` with a TCP socket and its address on the loopback interface.
private func withLoopback<R>(_ port: Int, _ body: (Int32, UnsafeMutablePointer<sockaddr>, inout socklen_t) -> R) -> R {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body(descriptor, $0, &length) }
    }
}

private func answers(_ port: Int) -> Bool { connected(to: port).map { close($0) } != nil }

func connected(to port: Int) -> Int32? {
    withLoopback(port) { descriptor, address, length in
        if connect(descriptor, address, length) == 0 { return descriptor }
        close(descriptor)
        return nil
    }
}

func freePort() -> Int? {
    withLoopback(0) { descriptor, address, length in
        defer { close(descriptor) }
        guard bind(descriptor, address, length) == 0, getsockname(descriptor, address, &length) == 0 else { return nil }
        return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { Int(UInt16(bigEndian: $0.pointee.sin_port)) }
    }
}

func listen(on port: Int) -> Int32? {
    withLoopback(port) { descriptor, address, length in
        bind(descriptor, address, length) == 0 && listen(descriptor, 4) == 0 ? descriptor : nil
    }
}

/// The sockets of this process that are connected to the port.
func connections(to port: Int) -> [Int32] {
    (3..<1024).filter { descriptor in
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isSocket = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) == 0 }
        }
        return isSocket && address.sin_family == sa_family_t(AF_INET) && Int(UInt16(bigEndian: address.sin_port)) == port
    }
}

final class RecordingLog: Log {
    private let written = Mutex<[String]>([])

    func write(_ level: LogLevel, _ message: String) { written.withLock { $0.append(message) } }

    var messages: [String] { written.withLock { $0 } }

    /// The messages, as soon as there are `count`, or after `seconds`.
    func messages(_ count: Int, by loop: EventLoop, within seconds: Int = 120) async -> [String] {
        for _ in 0..<(seconds * 50) where messages.count < count { await loop.sleep(until: loop.now + .milliseconds(20)) }
        return messages
    }
}

/// The publisher as in the daemon, with one meter.
struct RealPublisher {
    let loop = EventLoop()
    let log = RecordingLog()
    private let snapshots = Newest<Snapshot>()
    private let publisher: MQTTPublisher

    init(
        _ settings: Configuration.MQTT, pulses: [String] = [], outputs: [Configuration.Output] = [], state: String? = nil,
        commands: MQTTPublisher.Commands = [:],
        setTotal: @escaping MQTTPublisher.SetTotal = { _, _ in nil }
    ) {
        let loop = loop
        loop.startThread(named: "test")
        var configuration = Configuration()
        configuration.mqtt = settings
        configuration.outputs = outputs
        configuration.pulses = pulses.map { Configuration.Pulse(name: $0, title: $0, line: .name($0)) }
        guard let publication = configuration.publication else { preconditionFailure("there is a broker") }
        let broker = MosquittoBroker(settings, will: publication.will, loop: loop)
        publisher = MQTTPublisher(
            publication, outputs: configuration.mqttOutputs, broker: broker, executor: loop, clock: loop, log: log,
            announcements: state.map { AnnouncementFile(directory: Folder($0), loop: loop) } ?? NoAnnouncementStore()
                as any AnnouncementStore,
            commands: commands, setTotal: setTotal)
    }

    /// Runs the publisher during `body`, then stops it properly.
    func run(_ body: () async throws -> Void) async throws {
        async let running: Void = publisher.run(snapshots)
        do {
            try await body()
        } catch {
            snapshots.finish()
            await running
            throw error
        }
        snapshots.finish()
        await running
        loop.stop()
    }

    /// Removes the meter from the snapshot.
    func readNothing() { snapshots.put(Snapshot(meters: [])) }

    func read(_ energy: String, power: Int64 = 345, reading: Int = 1) {
        var meter = MeterSnapshot(name: "grid", title: "Grid meter", kind: .optical)
        meter.isAvailable = true
        meter.serial = "4711"
        let wall = WallTime(millisecondsSince1970: 1_795_242_480_000)
        meter.values.set(.energyImport, Quantity(energy).map { .number($0) }, at: wall)
        meter.values.set(.power, .number(Quantity(power)), at: wall)
        meter.readings = reading
        meter.readAt = wall
        snapshots.put(Snapshot(meters: [meter]))
    }
}

extension Configuration.MQTT {
    static func local(_ port: Int) -> Self {
        var settings = Configuration.MQTT()
        settings.host = "127.0.0.1"
        settings.port = port
        settings.clientID = "jouled-test"
        return settings
    }
}
