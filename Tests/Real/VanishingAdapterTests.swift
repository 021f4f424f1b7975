import Configuration
import Glibc
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Synchronization
import Testing
import VirtualHardware
import VirtualMeters

/// The daemon's loop on its own thread, as in `jouled run`.
private actor House {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init() {
        loop = EventLoop()
        loop.startThread(named: "house")
    }

    func meter(at link: String) throws -> PtyMeter<VirtualME162> {
        let household = Household(seed: 1, profile: .steady(watts: 1000), startedAt: loop.now)
        let meter = VirtualME162(household: household, seed: 1, startedAt: loop.now)
        return PtyMeter(meter, on: try PseudoTerminal(loop: loop, link: link), executor: loop, clock: loop)
    }

    func run(_ daemon: Daemon, until stop: AsyncStream<Void>) async { await daemon.run(until: stop) }
}

/// Counts the successful openings.
private final class CountedPort: SerialPort {
    private let port: TTYPort
    private let count = Atomic(0)

    init(_ port: TTYPort) { self.port = port }

    var opened: Int { count.load(ordering: .relaxed) }

    func open(_ settings: LineSettings) async throws(PortError) -> any SerialConnection {
        let connection = try await port.open(settings)
        count.add(1, ordering: .relaxed)
        return connection
    }
}

@Suite struct VanishingAdapterTests {
    private let house = House()

    /// Waits until the newest snapshot meets the condition.
    private func wait(
        _ daemon: Daemon, _ condition: (MeterSnapshot) -> Bool
    ) async throws -> Bool {
        let limit = house.loop.now + .seconds(60)
        while house.loop.now < limit {
            if let meter = await daemon.aggregator.snapshot["grid"], condition(meter) { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    @Test func anAdapterThatComesBackIsReadAgainInTheSameProcess() async throws {
        let directory = try makeTemporaryDirectory("jouled-test")
        let link = directory + "/head"
        var configuration = Configuration()
        configuration.meters = [Configuration.Meter(name: "grid", title: "Grid meter", port: link)]
        let loop = house.loop
        let port = CountedPort(TTYPort(path: link, loop: loop))
        let daemon = await Daemon(
            configuration,
            Surroundings(
                executor: loop, clock: loop, log: SilentLog(),
                port: { _ in port }, lines: { gpioLines($0, store: DescriptorStore()) }, journal: NoPulseJournal(),
                broker: nil, store: NoTotalStore()))
        let (stop, stopping) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        let house = house
        let running = Task { await house.run(daemon, until: stop) }

        #expect(try await wait(daemon) { $0.problem?.contains("is not there") == true }, "it starts without its head")
        let first = try await house.meter(at: link)
        let plugged = Task { await first.run() }
        #expect(try await wait(daemon) { $0.values[.energyImport] != nil })

        plugged.cancel()
        await plugged.value
        #expect(try await wait(daemon) { $0.problem?.contains("is not there") == true }, "it is looked for again")

        let second = try await house.meter(at: link)
        let again = Task { await second.run() }
        #expect(try await wait(daemon) { _ in port.opened == 2 })
        #expect(try await wait(daemon) { $0.problem == nil && $0.isAvailable })

        stopping.finish()
        await running.value
        again.cancel()
        await again.value
        removeDirectory(directory)
    }
}
