import Glibc
import MeterDaemon
import Metering
import Synchronization

/// One thread that runs the actors pinned to it. When idle, it sleeps in the kernel until a descriptor is ready, a deadline expires or
/// another thread wakes it.
///
/// All waiting is done by `wait(readable:until:)` or `wait(writable:until:)`; there is no polling.
package final class EventLoop: SerialExecutor, TaskExecutor, Clockwork {
    package enum Readiness: Sendable, Equatable { case ready, timedOut, cancelled }

    /// How long jobs that keep enqueueing further jobs may run before descriptors and deadlines are checked.
    private static let longestRun = Duration.milliseconds(1)

    private let bell = EventBell.required()
    private let state = Guarded(State())

    private struct State {
        var jobs: [UnownedJob] = []
        var waits: [Wait] = []
        /// Waits that were cancelled before they began.
        var cancelled: Set<UInt64> = []
        var lastID: UInt64 = 0
        var isAsleep = false
        var isStopped = false
    }

    fileprivate struct Wait {
        var id: UInt64
        var descriptor: Int32?
        /// The event to wait for: `POLLIN` or `POLLOUT`.
        var event: Int16
        var deadline: Instant?
        var alarm: LoopAlarm?
        var continuation: CheckedContinuation<Readiness, Never>
    }

    package init() {}

    // MARK: Time

    package var now: Instant { .now }

    package var wall: WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(millisecondsSince1970: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package func sleep(until deadline: Instant) async { _ = await wait(readable: nil, until: deadline) }

    package func makeAlarm() -> any Alarm { LoopAlarm(self) }

    // MARK: Executor

    package func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        changeAndWake { $0.jobs.append(unowned) }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    // MARK: Waiting

    /// Waits until the descriptor is readable (or its other end was closed), the deadline expires, or the task is cancelled.
    /// The descriptor must stay open during the wait.
    package func wait(
        readable descriptor: Int32?, until deadline: Instant?, isolation: isolated (any Actor)? = #isolation
    ) async -> Readiness {
        if Task.isCancelled { return .cancelled }
        return await wait(newID(), for: POLLIN, of: descriptor, until: deadline)
    }

    /// Waits like `wait(readable:until:)`, but until the descriptor is writable.
    package func wait(
        writable descriptor: Int32, until deadline: Instant?, isolation: isolated (any Actor)? = #isolation
    ) async -> Readiness {
        if Task.isCancelled { return .cancelled }
        return await wait(newID(), for: POLLOUT, of: descriptor, until: deadline)
    }

    fileprivate func newID() -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    fileprivate func wait(
        _ id: UInt64, for event: Int32, of descriptor: Int32?, until deadline: Instant?, alarm: LoopAlarm? = nil,
        isolation: isolated (any Actor)? = #isolation
    ) async -> Readiness {
        let readiness = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                begin(
                    Wait(
                        id: id, descriptor: descriptor, event: Int16(event), deadline: deadline, alarm: alarm,
                        continuation: continuation))
            }
        } onCancel: {
            cancel(id)
        }
        // From here on there can be no cancellation. If the task was cancelled after the wait had ended, the id is still in `cancelled`.
        if Task.isCancelled { forgetCancellation(of: id) }
        return readiness
    }

    fileprivate func move(_ id: UInt64, to deadline: Instant?) {
        changeAndWake { state in
            if let index = state.waits.firstIndex(where: { $0.id == id }) { state.waits[index].deadline = deadline }
        }
    }

    private func begin(_ wait: Wait) {
        var isCancelled = false
        changeAndWake { state in
            isCancelled = state.cancelled.contains(wait.id)
            guard !isCancelled else { return }
            var wait = wait
            // Read under the lock, and not when the call was made, because the alarm may have been set in between.
            if let alarm = wait.alarm { wait.deadline = alarm.deadline }
            state.waits.append(wait)
        }
        if isCancelled { wait.continuation.resume(returning: .cancelled) }
    }

    private func cancel(_ id: UInt64) {
        var wait: Wait?
        changeAndWake { state in
            state.cancelled.insert(id)
            if let index = state.waits.firstIndex(where: { $0.id == id }) { wait = state.waits.remove(at: index) }
        }
        wait?.continuation.resume(returning: .cancelled)
    }

    private func forgetCancellation(of id: UInt64) { state.withLock { _ = $0.cancelled.remove(id) } }

    /// Changes the state, and wakes the loop if it is sleeping. Changes by the loop itself need no wake-up: it sees them before it sleeps.
    private func changeAndWake(_ change: (inout State) -> Void) {
        let mustRing = state.withLock { state in
            change(&state)
            defer { state.isAsleep = false }
            return state.isAsleep
        }
        if mustRing { bell.ring() }
    }

    // MARK: The loop

    /// Runs the loop on the calling thread until `stop` is called.
    package func run() {
        while true {
            runJobs()
            guard let sleep = prepareSleep() else { return }
            var descriptors = sleep.descriptors
            poll(&descriptors, nfds_t(descriptors.count), sleep.milliseconds)
            if descriptors[0].revents != 0 { bell.silence() }
            finishWaits(ready: zip(sleep.ids, descriptors.dropFirst()).compactMap { $1.revents != 0 ? $0 : nil })
        }
    }

    /// Runs the pending jobs and those that they enqueue, but returns after `longestRun` even if there are more.
    private func runJobs() {
        let limit = now + Self.longestRun
        while let jobs = takeJobs() {
            for job in jobs {
                job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            }
            if now >= limit { return }
        }
    }

    /// Ends `run` once the pending jobs have run.
    package func stop() { changeAndWake { $0.isStopped = true } }

    private func takeJobs() -> [UnownedJob]? {
        state.withLock { state in
            guard !state.jobs.isEmpty else { return nil }
            defer { state.jobs = [] }
            return state.jobs
        }
    }

    private struct Sleep {
        /// The bell, then the descriptor of each wait in `ids`.
        var descriptors: [pollfd]
        var ids: [UInt64]
        var milliseconds: Int32
    }

    private func prepareSleep() -> Sleep? {
        let now = now
        return state.withLock { state in
            var sleep = Sleep(descriptors: [pollfd(fd: bell.descriptor, events: Int16(POLLIN), revents: 0)], ids: [], milliseconds: 0)
            let isBusy = !state.jobs.isEmpty
            if state.isStopped, !isBusy { return nil }
            state.isAsleep = !isBusy
            var next: Instant?
            for wait in state.waits {
                if let deadline = wait.deadline { next = min(next ?? deadline, deadline) }
                guard let descriptor = wait.descriptor else { continue }
                sleep.descriptors.append(pollfd(fd: descriptor, events: wait.event, revents: 0))
                sleep.ids.append(wait.id)
            }
            // If jobs are pending, `poll` only checks the descriptors and does not wait.
            if !isBusy { sleep.milliseconds = now.milliseconds(to: next ?? .distantFuture) }
            return sleep
        }
    }

    private func finishWaits(ready: [UInt64]) {
        let now = now
        var finished: [(Wait, Readiness)] = []
        state.withLock { state in
            state.isAsleep = false
            state.waits.removeAll { wait in
                if ready.contains(wait.id) {
                    finished.append((wait, .ready))
                } else if let deadline = wait.deadline, deadline <= now {
                    finished.append((wait, .timedOut))
                } else {
                    return false
                }
                return true
            }
        }
        for (wait, readiness) in finished { wait.continuation.resume(returning: readiness) }
    }
}

extension EventLoop {
    /// Runs the loop for ever, on a thread of its own.
    package func startThread(named name: String) {
        LinuxIO.startThread(named: name) { self.run() }
    }
}

/// An alarm: setting it moves the deadline of the pending wait.
private final class LoopAlarm: Alarm {
    private let loop: EventLoop
    private let id: UInt64
    private let setting = Guarded<Instant?>(nil)

    init(_ loop: EventLoop) {
        self.loop = loop
        id = loop.newID()
    }

    var deadline: Instant? { setting.withLock { $0 } }

    func set(_ new: Instant?) {
        let isNew = setting.withLock { setting in
            defer { setting = new }
            return setting != new
        }
        if isNew { loop.move(id, to: new) }
    }

    func goesOff() async -> Bool {
        while !Task.isCancelled {
            guard await loop.wait(id, for: 0, of: nil, until: nil, alarm: self) == .timedOut else { return false }
            // The deadline may have been moved since the wait ended.
            let now = loop.now
            let isDue = setting.withLock { setting in
                guard let due = setting, due <= now else { return false }
                setting = nil
                return true
            }
            if isDue { return true }
        }
        return false
    }
}
