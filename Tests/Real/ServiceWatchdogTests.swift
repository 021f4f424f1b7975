import Glibc
import LinuxIO
import MeterDaemon
import Metering
import Synchronization
import Testing

/// The watchdog's interval is shortened to milliseconds. Each test waits for a number of feeds, or for the message that there are none.
@Suite(.timeLimit(.minutes(2))) struct ServiceWatchdogTests {
    private static let interval = Duration.milliseconds(20)
    private let main = EventLoop()
    private let storage = EventLoop()
    private let log = RecordingLog()
    private let feeds: AsyncStream<Void>
    private let fed: AsyncStream<Void>.Continuation

    init() {
        main.startThread(named: "watchdog test")
        storage.startThread(named: "storage test")
        // Unbounded, so that every feed is counted.
        (feeds, fed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .unbounded)
    }

    private func run(
        pulses: PulseBell? = nil, broker: Heartbeat? = nil, patience: Duration = .seconds(3600),
        _ body: (inout AsyncStream<Void>.Iterator) async -> Void
    ) async {
        let watchdog = ServiceWatchdog(
            every: Self.interval, loop: main, storage: storage, pulses: pulses, broker: broker, log: log, suspicion: patience / 2,
            patience: patience)
        let fed = fed
        let running = Task(executorPreference: main) { await watchdog.run(proof: {}, feed: { fed.yield() }) }
        var iterator = feeds.makeAsyncIterator()
        await body(&iterator)
        running.cancel()
        await running.value
        main.stop()
        storage.stop()
    }

    @Test func isFedWhileAllAnswer() async {
        let bell = PulseBell()
        let (main, broker) = (main, Heartbeat())
        let answering = Task(executorPreference: main) {
            while await main.wait(readable: bell.descriptor, until: nil) == .ready, !bell.answer() { broker.beat() }
        }
        await run(pulses: bell, broker: broker, patience: .seconds(60)) { feeds in
            for _ in 0..<5 { await feeds.next() }
        }
        #expect(log.messages.isEmpty)
        answering.cancel()
        bell.end()
    }

    @Test func pulsesThatHangAreNotCoveredUp() async {
        let bell = PulseBell()
        await run(pulses: bell) { feeds in
            let words = await log.messages(1, by: main, within: 60)
            #expect(words == ["the pulse thread is not responding: the service's watchdog will kill jouled"])
            // It answers late and recovers: the first feed comes after that.
            #expect(!bell.answer())
            let answering = Task(executorPreference: main) { [main] in
                while await main.wait(readable: bell.descriptor, until: nil) == .ready, !bell.answer() {}
            }
            for _ in 0..<3 { await feeds.next() }
            answering.cancel()
        }
    }

    /// A disk or a name server may hang for minutes.
    @Test func whatMayWaitIsGivenTime() async {
        await run(broker: Heartbeat(), patience: .milliseconds(400)) { feeds in
            await feeds.next()
            let words = await log.messages(2, by: main, within: 60)
            #expect(words.first == "mqtt: a name look-up or a connection has not answered for 0 s")
            #expect(words.last == "mqtt: a name look-up or a connection has hung: the service's watchdog will kill jouled")
        }
    }

    @Test func storageThatHangsIsNoticed() async {
        let (ends, storage) = (Ends(), storage)
        // Simulates a write to a hanging disk.
        let hanging = Task(executorPreference: storage) {
            var byte: UInt8 = 0
            _ = read(ends.input, &byte, 1)
        }
        await run(patience: .milliseconds(400)) { _ in
            let words = await log.messages(2, by: main, within: 60)
            #expect(words.last == "storage: a disk has hung: the service's watchdog will kill jouled")
            _ = write(ends.output, "x", 1)
            await hanging.value
        }
    }

    private struct Ends: Sendable {
        let input: Int32
        let output: Int32
        init() {
            var ends: [Int32] = [0, 0]
            pipe(&ends)
            (input, output) = (ends[0], ends[1])
        }
    }
}
