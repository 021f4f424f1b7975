import Configuration
import Glibc
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Testing

/// A remote head at a fixed 300 baud: after the sign-on it forwards what a mode C meter sends without an acknowledgement.
private struct RemoteMeter {
    private static let readout: [UInt8] = {
        let block = Array("C.1.0(70605040)\r\n1.8.0(0012345.678*kWh)\r\n!\r\n".utf8) + [ControlCharacter.etx]
        return [ControlCharacter.stx] + block + [BlockCheck.of(block)]
    }()

    let loop: EventLoop
    let listener: Listener

    /// Serves one client after another until the task is cancelled; then the machine disappears, and only the kernel closes the connection.
    func run() async {
        while await loop.wait(readable: listener.descriptor, until: nil) == .ready {
            let client = accept(listener.descriptor, nil, nil)
            await serve(client)
            close(client)
        }
        close(listener.descriptor)
    }

    private func serve(_ client: Int32) async {
        var heard: [UInt8] = []
        while await loop.wait(readable: client, until: nil) == .ready {
            var buffer = [UInt8](repeating: 0, count: 64)
            let count = read(client, &buffer, buffer.count)
            guard count > 0 else { return }
            heard += buffer[..<count]
            guard heard.suffix(5).elementsEqual("/?!\r\n".utf8) else { continue }
            _ = send(client, "/ISK5ME162-0033\r\n", 17, Int32(MSG_NOSIGNAL))
            await loop.sleep(until: loop.now + .milliseconds(300))
            _ = Self.readout.withUnsafeBytes { send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        }
    }
}

@Suite struct RemoteHeadRecoveryTests {
    private let loop = EventLoop()

    init() { loop.startThread(named: "house") }

    /// Waits until the newest snapshot meets the condition.
    private func wait(_ daemon: Daemon, _ condition: (MeterSnapshot) -> Bool) async throws -> Bool {
        let limit = loop.now + .seconds(60)
        while loop.now < limit {
            if let meter = await daemon.aggregator.snapshot["far"], condition(meter) { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    @Test func aHeadThatComesBackIsReadAgainInTheSameProcess() async throws {
        let reserved = try Listener()
        close(reserved.descriptor)
        var configuration = Configuration()
        let meter = Configuration.Meter(name: "far", title: "Far", port: "tcp://127.0.0.1:\(reserved.port)")
        configuration.meters = [meter]
        let loop = loop
        let daemon = await Daemon(
            configuration,
            Surroundings(
                executor: loop, clock: loop, log: SilentLog(),
                port: { serialPort($0.port, loop: loop) }, lines: { gpioLines($0, store: DescriptorStore()) },
                journal: NoPulseJournal(), broker: nil, store: NoTotalStore()))
        let (stop, stopping) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        let running = Task(executorPreference: loop) { await daemon.run(until: stop) }

        #expect(try await wait(daemon) { $0.problem?.contains("connection refused") == true }, "it starts without its head")
        for _ in 0..<2 {
            let machine = RemoteMeter(loop: loop, listener: try Listener(port: reserved.port))
            let serving = Task { await machine.run() }
            #expect(try await wait(daemon) { $0.isAvailable && $0.problem == nil && $0.values[.energyImport] != nil })
            serving.cancel()
            await serving.value
            #expect(try await wait(daemon) { $0.problem?.contains("127.0.0.1") == true })
        }
        stopping.finish()
        await running.value
        loop.stop()
    }
}
