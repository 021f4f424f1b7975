import Glibc
import LinuxIO
import MeterDaemon
import Metering
import Testing

/// A loop on its own thread, and an actor that runs there.
private actor Resident {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init() {
        loop = EventLoop()
        loop.startThread(named: "test")
    }

    func wait(_ descriptor: Int32?, for duration: Duration?) async -> EventLoop.Readiness {
        await loop.wait(readable: descriptor, until: duration.map { loop.now + $0 })
    }

    /// Jobs that schedule further jobs until the task is cancelled.
    func keepBusy() async {
        while !Task.isCancelled { await Task.yield() }
    }

    func goesOff(_ alarm: any Alarm) async -> Bool { await alarm.goesOff() }
    func set(_ alarm: any Alarm, in duration: Duration?) { alarm.set(duration.map { loop.now + $0 }) }
}

@Suite struct EventLoopTests {
    private let resident = Resident()

    @Test func aDeadlineComesNotBeforeItsTime() async {
        let began = resident.loop.now
        #expect(await resident.wait(nil, for: .milliseconds(30)) == .timedOut)
        #expect(resident.loop.now - began >= .milliseconds(30))
    }

    @Test func aDescriptorEndsTheWait() async {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        let input = ends[0]
        async let readiness = resident.wait(input, for: .seconds(20))
        _ = write(ends[1], "x", 1)
        #expect(await readiness == .ready)
        close(ends[0])
        close(ends[1])
    }

    @Test func aCancelledTaskWaitsNoLonger() async {
        let resident = resident
        let task = Task { await resident.wait(nil, for: nil) }
        try? await Task.sleep(for: .milliseconds(20))
        task.cancel()
        #expect(await task.value == .cancelled)
        let early = Task { await resident.wait(nil, for: nil) }
        early.cancel()
        #expect(await early.value == .cancelled)
    }

    @Test func anAlarmCanBeMovedWhileSomebodyWaits() async {
        let alarm = resident.loop.makeAlarm()
        let began = resident.loop.now
        await resident.set(alarm, in: .seconds(60))
        async let off = resident.goesOff(alarm)
        try? await Task.sleep(for: .milliseconds(20))
        await resident.set(alarm, in: .milliseconds(10))
        #expect(await off)
        #expect(resident.loop.now - began < .seconds(30))
    }

    @Test func anAlarmThatIsUnsetStaysSilent() async {
        let resident = resident
        // On a busy machine the alarm may go off before it can be unset; then it is repeated with more time.
        for milliseconds: Int64 in [30, 300, 3000, 30_000] {
            let alarm = resident.loop.makeAlarm()
            let due = resident.loop.now + .milliseconds(milliseconds)
            alarm.set(due)
            let waiting = Task { await resident.goesOff(alarm) }
            await resident.set(alarm, in: nil)
            let isInTime = resident.loop.now < due
            if isInTime { await resident.loop.sleep(until: due + .milliseconds(50)) }
            waiting.cancel()
            let wentOff = await waiting.value
            guard isInTime else { continue }
            #expect(!wentOff)
            return
        }
        Issue.record("it could not be unset in 30 s")
    }

    /// An endless supply of jobs must not starve descriptors and deadlines.
    @Test(.timeLimit(.minutes(1))) func aBusyLoopLooksAtTheRest() async {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        let (input, resident) = (ends[0], resident)
        let busy = (0..<2).map { _ in Task(executorPreference: resident.loop) { await resident.keepBusy() } }
        #expect(await resident.wait(nil, for: .milliseconds(10)) == .timedOut)
        async let readiness = resident.wait(input, for: nil)
        _ = write(ends[1], "x", 1)
        #expect(await readiness == .ready)
        for task in busy {
            task.cancel()
            await task.value
        }
        close(ends[0])
        close(ends[1])
    }

    @Test func aDescriptorThatTakesNothingIsWaitedFor() async {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        let (input, output) = (ends[0], ends[1])
        _ = fcntl(output, F_SETFL, O_NONBLOCK)
        let full = [UInt8](repeating: 0, count: 65_536)
        while write(output, full, full.count) > 0 {}
        let loop = resident.loop
        #expect(await loop.wait(writable: output, until: loop.now + .milliseconds(10)) == .timedOut)
        async let readiness = loop.wait(writable: output, until: nil)
        var rest = full
        #expect(read(input, &rest, rest.count) == 65_536)
        #expect(await readiness == .ready)
        close(input)
        close(output)
    }

    @Test func manyTasksWaitAtOnce() async {
        let resident = resident
        let ended = await withTaskGroup(of: EventLoop.Readiness.self) { group in
            for index in 0..<200 { group.addTask { await resident.wait(nil, for: .milliseconds(index % 7)) } }
            return await group.reduce(0) { $0 + ($1 == .timedOut ? 1 : 0) }
        }
        #expect(ended == 200)
    }
}

@Suite(.timeLimit(.minutes(1))) struct ControlSocketTests {
    /// Uses a separate thread, because the call blocks until the answer.
    private func ask(_ line: String, _ directory: String) async -> String? {
        await withCheckedContinuation { continuation in
            startThread(named: "client") { continuation.resume(returning: ControlSocket.ask(line, directory: Folder(directory))) }
        }
    }

    private func serve(
        _ directory: String, _ answer: @escaping @Sendable (String) async -> String, during body: () async throws -> Void
    ) async throws {
        let loop = EventLoop()
        loop.startThread(named: "control")
        let socket = try ControlSocket(directory: Folder(directory), loop: loop)
        let serving = Task(executorPreference: loop) { await socket.serve(answer) }
        try await body()
        serving.cancel()
        await serving.value
    }

    @Test func answersALine() async throws {
        let directory = try makeTemporaryDirectory("jouled-test")
        try await serve(directory) {
            "ok \($0)\nand more"
        } during: {
            #expect(await ask("total heat", directory) == "ok total heat\nand more")
            #expect(await ask("total heat 5", directory) == "ok total heat 5\nand more")
        }
        #expect(await ask("total heat", directory) == nil)
        removeDirectory(directory)
    }

    /// A client whose total waits for a hanging disk must not block others.
    @Test func whoWaitsKeepsNobodyElse() async throws {
        let directory = try makeTemporaryDirectory("jouled-test")
        let (waits, hasCome) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        let (disk, answers) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        try await serve(directory) { line in
            guard line == "total heat 5" else { return "ok at once" }
            hasCome.yield()
            for await _ in disk {}
            return "ok at last"
        } during: {
            async let first = ask("total heat 5", directory)
            for await _ in waits { break }
            #expect(await ask("total washer", directory) == "ok at once")
            answers.finish()
            #expect(await first == "ok at last")
        }
        removeDirectory(directory)
    }

    /// A socket address has space for 107 bytes.
    @Test func servesInADirectoryWithALongName() async throws {
        let above = try makeTemporaryDirectory("jouled-test")
        let directory = above + "/" + String(repeating: "long", count: 50)
        mkdir(directory, 0o750)
        try await serve(directory) {
            "ok \($0)"
        } during: {
            #expect(await ask("total heat", directory) == "ok total heat")
        }
        rmdir(directory)
        #expect(rmdir(above) == 0, "the socket went with its server")
    }

    @Test func aStateDirectoryHasOneHolder() throws {
        let directory = try makeTemporaryDirectory("jouled-test")
        var first = try StateDirectory(Folder(directory))
        #expect(first != nil)
        #expect(try StateDirectory(Folder(directory)) == nil)
        first = nil
        #expect(try StateDirectory(Folder(directory)) != nil)
        removeDirectory(directory)
    }
}
