import Glibc
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Testing

/// Edges through a pipe, with their time stamps: what the kernel's queue is to the real line.
private struct PipedLine: PulseLines {
    let input: Int32
    let loop: EventLoop

    func open() async -> [LineOpening] {
        [LineOpening(line: 0, result: .success(OpenLine(request: 1, beginning: .new(activeSince: nil), isDebounced: false)))]
    }

    func next(until deadline: Instant?) async -> PulseEvent {
        guard await loop.wait(readable: input, until: deadline) == .ready else { return .cancelled }
        // The time of the edge; negative when it falls.
        var time: Int64 = 0
        guard read(input, &time, 8) == 8 else { return .closed([0], PortError("the pipe is closed")) }
        return .edges([LineEdge(line: 0, Edge(time < 0 ? .falling : .rising, at: Instant(nanoseconds: abs(time))))])
    }

    func close() async {}
}

private struct NoStore: TotalStore {
    func load(_ meter: String) async -> StoredTotal { .new }
    func save(_ meter: String, _ total: PulseTotal) async throws(PortError) {}
}

private struct Silence: Log {
    func write(_ level: LogLevel, _ message: String) {}
}

/// From an edge at the port to the count in the aggregator, on the daemon's own threads. The time is printed, the count is checked.
@Suite struct PulseLatencyTests {
    @Test(.timeLimit(.minutes(1))) func everyPulseIsCountedAndSoon() async throws {
        let main = EventLoop()
        let pulses = EventLoop()
        main.startThread(named: "main test")
        pulses.startThread(named: "pulse test")
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        let (input, output) = (ends[0], ends[1])
        var pulse = Configuration.Pulse(name: "heat", title: "Heat pump", line: .name("GPIO17"))
        pulse.minPulse = .milliseconds(1)
        var configuration = Configuration()
        configuration.pulses = [pulse]
        let daemon = await Daemon(
            configuration,
            Daemon.Surroundings(
                executor: main, pulseExecutor: pulses, clock: main, pulseClock: pulses, log: Silence(),
                port: { TTYPort(path: $0.port, loop: main) }, lines: { _ in PipedLine(input: input, loop: pulses) },
                journal: NoPulseJournal(), broker: nil, store: NoStore()))
        let (stop, stopping) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        let snapshots = await daemon.aggregator.snapshots()
        let running = Task(executorPreference: main) { await daemon.run(until: stop) }

        var delays: [Duration] = []
        func send(_ direction: Edge.Direction) -> Instant {
            let now = main.now
            var time = direction == .falling ? -now.nanoseconds : now.nanoseconds
            _ = write(output, &time, 8)
            return now
        }
        // The first edge only says where the line is.
        _ = send(.rising)
        try await Task.sleep(for: .milliseconds(20))
        for count in 1...200 as ClosedRange<Int64> {
            _ = send(.falling)
            try await Task.sleep(for: .milliseconds(4))
            let edge = send(.rising)
            for await snapshot in snapshots where snapshot["heat"]?.total?.pulses == count { break }
            delays.append(main.now - edge)
            try await Task.sleep(for: .milliseconds(4))
        }
        delays.sort()
        print("edge to count: median \(delays[100].nanoseconds / 1000) µs, 99 % \(delays[197].nanoseconds / 1000) µs")
        #expect(await daemon.aggregator.snapshot["heat"]?.total?.pulses == 200)

        stopping.finish()
        await running.value
        close(input)
        close(output)
    }
}
