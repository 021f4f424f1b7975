import Configuration
import Glibc
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Publishing
import Testing

/// A line with a pulse of 25 ms every 50 ms.
private struct SteadyLine: PulseLines {
    let loop: EventLoop

    func run(_ counter: PulseCounter) async {
        var counter = counter
        let line = OpenLine(request: 1, beginning: .new(activeSince: nil), isDebounced: false)
        counter.opened([LineOpening(line: 0, result: .success(line))], loop.now)
        var direction = Edge.Direction.rising
        while !Task.isCancelled {
            await loop.sleep(until: loop.now + .milliseconds(25))
            counter.push(Edge(direction, at: loop.now), of: 0)
            counter.settle(loop.now)
            direction = direction == .falling ? .rising : .falling
        }
        counter.finish(loop.now)
    }
}

/// The daemon with its state on disk, a pulse meter and a real broker.
private struct PulseHouse {
    let loop = EventLoop()
    let log = RecordingLog()
    let daemon: Daemon

    init(_ broker: RealBroker, directory: String) async {
        loop.startThread(named: "house")
        var pulse = Configuration.Pulse(name: "heat", title: "Heat pump", line: .name("GPIO17"))
        pulse.minPulse = .milliseconds(10)
        pulse.publishEvery = .milliseconds(100)
        var configuration = Configuration()
        configuration.pulses = [pulse]
        configuration.mqtt = .local(broker.port)
        let loop = loop
        let will = configuration.publication?.will
        daemon = await Daemon(
            configuration,
            Surroundings(
                executor: loop, clock: loop, log: log,
                port: { TTYPort(path: $0.port, loop: loop) }, lines: { _ in SteadyLine(loop: loop) }, journal: NoPulseJournal(),
                broker: MosquittoBroker(.local(broker.port), will: will, loop: loop),
                store: TotalFiles(directory: Folder(directory), journal: NoPulseJournal(), loop: loop)))
    }

    /// Runs the daemon during `body`.
    func run(_ body: () async throws -> Void) async throws {
        let (stop, stopping) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        let running = Task(executorPreference: loop) { [daemon] in await daemon.run(until: stop) }
        var failure: (any Error)?
        do { try await body() } catch { failure = error }
        stopping.finish()
        await running.value
        loop.stop()
        if let failure { throw failure }
    }
}

@Suite(.serialized, .enabled(if: access(RealBroker.program, X_OK) == 0, "mosquitto is not installed"), .timeLimit(.minutes(5)))
struct RestoreTests {
    private func energies(_ lines: [String]) -> [Quantity] {
        lines.filter { $0.contains(" jouled/heat/energy ") }.compactMap { $0.split(separator: " ").last.flatMap { Quantity(String($0)) } }
    }

    /// A new SD card; the broker has been restarted in between.
    @Test func continuesFromItsOwnRetainedTotal() async throws {
        let broker = try RealBroker()
        try broker.start()
        let old = try #require(ScratchDirectory())
        let first = await PulseHouse(broker, directory: old.path)
        try await first.run {
            let live = try broker.subscriber("jouled/heat/energy")
            let begun = energies(await live.lines(by: first.loop) { $0.count >= 3 })
            #expect(begun.first.map { $0 < Quantity(1) } == true, "a new meter begins at 0")
            #expect(await first.daemon.controls.setTotal("heat", Quantity(8_012_500, exponent: -3)) == nil)
            _ = await live.lines(by: first.loop) { energies($0).count { $0 > Quantity(8_012_500, exponent: -3) } >= 3 }
        }
        broker.stop()
        try broker.start()
        let watcher = EventLoop()
        watcher.startThread(named: "watcher")
        let all = try broker.subscriber("jouled/heat/#")
        let last = try #require(energies(await all.lines(by: watcher) { !energies($0).isEmpty }).last)
        #expect(last > Quantity(8_012_500, exponent: -3))

        let new = try #require(ScratchDirectory())
        let second = await PulseHouse(broker, directory: new.path)
        try await second.run {
            let lines = await all.lines(by: second.loop) { energies($0).count >= 10 }
            let seen = energies(lines)
            let falls = zip(seen, seen.dropFirst()).filter { $0 > $1 }
            #expect(seen.count >= 10 && falls.isEmpty, "\(seen)")
            #expect(seen.last.map { $0 > last } == true)
            #expect(lines.contains { $0.contains("jouled/heat/problem the saved total was lost and continues from the broker's") })
        }
        #expect(second.log.messages.contains { $0.hasPrefix("heat: no saved total, continuing from the broker's: \(last)") })
        // The total was saved then, so the broker is no longer needed.
        let third = await PulseHouse(broker, directory: new.path)
        #expect(third.log.messages.first?.hasPrefix("heat: total 80") == true)
        third.loop.stop()
        watcher.stop()
    }

    @Test func isToldWhatItMayNotRead() async throws {
        let broker = try RealBroker(["allow_anonymous true", "acl_file DIRECTORY/acl"])
        broker.directory.write("topic write #\ntopic read jouled/+/total/set\n", to: "acl")
        try broker.start()
        let directory = try #require(ScratchDirectory())
        let house = await PulseHouse(broker, directory: directory.path)
        try await house.run {
            // The broker grants the subscription but sends nothing.
            let messages = await house.log.messages(2, by: house.loop)
            #expect(
                messages.contains("heat: no saved total, and the broker, which may have retained it, can't be asked: wait, or set it"),
                "\(messages)")
            #expect(await house.daemon.aggregator.snapshot["heat"]?.values[.energy] == nil)
            #expect(await house.daemon.controls.setTotal("heat", Quantity(5)) == nil)
            #expect(await house.daemon.aggregator.snapshot["heat"]?.problem == nil)
        }
    }

    /// Any retained payload means that the meter is not new.
    @Test(arguments: [300, 5000]) func aLongTotalIsNotNone(length: Int) async throws {
        let broker = try RealBroker()
        try broker.start()
        broker.publish("jouled/heat/energy", String(repeating: "8", count: length), retain: true)
        let directory = try #require(ScratchDirectory())
        let house = await PulseHouse(broker, directory: directory.path)
        try await house.run {
            let messages = await house.log.messages(2, by: house.loop)
            let problem = "heat: no saved total, and the broker's can't be read (not a number)"
            #expect(messages.contains { $0.hasPrefix(problem) }, "\(messages)")
            #expect(await house.daemon.aggregator.snapshot["heat"]?.values[.energy] == nil)
        }
    }
}
