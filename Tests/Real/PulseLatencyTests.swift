import Configuration
import Glibc
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Testing

/// Edges with timestamps through a pipe, which replaces the kernel's queue.
private struct PipedLine: LineWatch {
    let input: Int32
    let bell: PulseBell

    func open(_ now: Instant) -> [LineOpening] {
        [LineOpening(line: 0, result: .success(OpenLine(request: 1, beginning: .new(activeSince: nil), isDebounced: false)))]
    }

    func wait(milliseconds: Int32, _ receiver: inout some EdgeReceiver) -> Bool {
        var ready = [pollfd(fd: input, events: Int16(POLLIN), revents: 0), pollfd(fd: bell.descriptor, events: Int16(POLLIN), revents: 0)]
        poll(&ready, 2, milliseconds)
        guard ready[0].revents != 0 else { return ready[1].revents != 0 && bell.answer() }
        // The time of the edge; negative if it falls.
        var time: Int64 = 0
        if read(input, &time, 8) == 8 {
            receiver.push(Edge(time < 0 ? .falling : .rising, at: Instant(nanoseconds: abs(time))), of: 0)
        }
        return false
    }

    func close() {}
}

/// The delay from an edge at the port to the count in the aggregator, on the daemon's own threads. Only the count is checked, the time is printed.
@Suite(.serialized) struct PulseLatencyTests {
    private let main = EventLoop()
    private let ends: (input: Int32, output: Int32)

    init() {
        main.startThread(named: "main test")
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        self.ends = (ends[0], ends[1])
    }

    private func send(_ direction: Edge.Direction) -> Instant {
        let now = main.now
        var time = direction == .falling ? -now.nanoseconds : now.nanoseconds
        _ = write(ends.output, &time, 8)
        return now
    }

    /// The sorted delays from the end of each pulse until a listener of the aggregator has its count, with a pause of `rest` after each.
    private func delays(_ count: Int64, rest: Duration, publishEvery: Duration) async throws -> [Duration] {
        var pulse = Configuration.Pulse(name: "heat", title: "Heat pump", line: .name("GPIO17"))
        pulse.minPulse = .milliseconds(1)
        pulse.publishEvery = publishEvery
        var configuration = Configuration()
        configuration.pulses = [pulse]
        let (main, input) = (main, ends.input)
        let daemon = await Daemon(
            configuration,
            Surroundings(
                executor: main, clock: main, log: SilentLog(), port: { TTYPort(path: $0.port, loop: main) },
                lines: { _ in PulseThread { waitForPulses(PipedLine(input: input, bell: $1), $0) } }, journal: NoPulseJournal(),
                broker: nil,
                store: NoTotalStore()))
        let (stop, stopping) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        let snapshots = await daemon.aggregator.snapshots()
        let running = Task(executorPreference: main) { await daemon.run(until: stop) }

        var delays: [Duration] = []
        // The first edge only establishes the line's level.
        _ = send(.rising)
        try await Task.sleep(for: .milliseconds(20))
        for count in 1...count {
            _ = send(.falling)
            try await Task.sleep(for: .milliseconds(4))
            let edge = send(.rising)
            for await snapshot in snapshots where snapshot["heat"]?.total?.pulses == count { break }
            delays.append(main.now - edge)
            try await Task.sleep(for: rest)
        }
        #expect(await daemon.aggregator.snapshot["heat"]?.total?.pulses == count)
        stopping.finish()
        await running.value
        close(ends.input)
        close(ends.output)
        delays.sort()
        let (median, nearlyAll) = (delays[delays.count / 2].nanoseconds / 1000, delays[delays.count * 98 / 100].nanoseconds / 1000)
        print("edge to count: median \(median) µs, 98 % \(nearlyAll) µs")
        return delays
    }

    @Test(.timeLimit(.minutes(5))) func everyPulseIsCountedAndSoon() async throws {
        _ = try await delays(200, rest: .milliseconds(4), publishEvery: .zero)
    }

    /// Single pulses with the usual publishing interval.
    @Test(.timeLimit(.minutes(5))) func aLonePulseWakesTheAggregator() async throws {
        let delays = try await delays(12, rest: .milliseconds(1050), publishEvery: .seconds(5))
        // Pulses that are not reported immediately wait for a second or more; even on the busiest machine one of them is faster.
        #expect(delays[0] < .milliseconds(500))
    }
}
