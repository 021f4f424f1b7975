import Glibc
import LinuxIO
import MeterDaemon
import Metering
import Testing

/// A loop on a thread of its own, and an actor that runs there.
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
        let alarm = resident.loop.makeAlarm()
        await resident.set(alarm, in: .milliseconds(30))
        let resident = resident
        let waiting = Task { await resident.goesOff(alarm) }
        await resident.set(alarm, in: nil)
        try? await Task.sleep(for: .milliseconds(80))
        waiting.cancel()
        #expect(await waiting.value == false)
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

@Suite struct ControlSocketTests {
    private actor Server {
        nonisolated let loop: EventLoop
        nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
        init() {
            loop = EventLoop()
            loop.startThread(named: "control")
        }
        func serve(_ socket: ControlSocket) async { await socket.serve { "ok \($0)\nand more" } }
    }

    @Test func answersALine() async throws {
        let directory = try makeTemporaryDirectory("jouled-test")
        let server = Server()
        let socket = try ControlSocket(directory: directory, loop: server.loop)
        let serving = Task { await server.serve(socket) }
        #expect(ControlSocket.ask("total heat", directory: directory) == "ok total heat\nand more")
        #expect(ControlSocket.ask("total heat 5", directory: directory) == "ok total heat 5\nand more")
        serving.cancel()
        await serving.value
        #expect(ControlSocket.ask("total heat", directory: directory) == nil)
        removeDirectory(directory)
    }

    @Test func aStateDirectoryHasOneHolder() throws {
        let directory = try makeTemporaryDirectory("jouled-test")
        var first = try StateDirectory(directory)
        #expect(first != nil)
        #expect(try StateDirectory(directory) == nil)
        first = nil
        #expect(try StateDirectory(directory) != nil)
        removeDirectory(directory)
    }
}
