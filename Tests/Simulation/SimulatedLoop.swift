import MeterDaemon
import Metering

/// An executor whose clock jumps to the next deadline when nothing is left to run: one thread, the same order for the same input.
///
/// SAFETY: everything that touches it runs on the one thread that is inside `run`, or before `run`.
final class SimulatedLoop: SerialExecutor, TaskExecutor, Clockwork, @unchecked Sendable {
    @exclusivity(unchecked) private(set) var now = Instant(nanoseconds: 1_000_000_000_000)
    private let began = Instant(nanoseconds: 1_000_000_000_000)
    private let jobs: Jobs
    private let actors: Actors
    @exclusivity(unchecked) private var timers = TimerHeap()

    /// What the clock on the wall is wrong by.
    @exclusivity(unchecked) var wallError = Duration.zero

    var wall: WallTime { WallTime(millisecondsSince1970: 1_767_225_600_000 + (now - began + wallError).nanoseconds / 1_000_000) }

    init() {
        jobs = Jobs()
        actors = Actors(jobs)
    }

    /// What no actor holds. What one holds comes in at another door: told apart, neither has to change places for each call.
    func enqueue(_ job: consuming ExecutorJob) { jobs.waiting.append((UnownedJob(job), isActors: false)) }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { actors.asUnownedSerialExecutor() }

    private final class Jobs: @unchecked Sendable {
        @exclusivity(unchecked) var waiting: [(UnownedJob, isActors: Bool)] = []
    }

    private final class Actors: SerialExecutor {
        private let jobs: Jobs
        init(_ jobs: Jobs) { self.jobs = jobs }
        func enqueue(_ job: consuming ExecutorJob) { jobs.waiting.append((UnownedJob(job), isActors: true)) }
        func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
    }

    /// Calls `action` at `deadline`, from `run`.
    func at(_ deadline: Instant, _ action: @escaping () -> Void) { timers.push(deadline, Call(action)) }

    fileprivate func at(_ deadline: Instant, tell timed: any Timed) { timers.push(deadline, timed) }

    /// Runs until nothing is left to do, or the clock would pass `end`.
    func run(until end: Instant) {
        let (free, isolated) = (asUnownedTaskExecutor(), asUnownedSerialExecutor())
        var batch: [(UnownedJob, isActors: Bool)] = []
        while true {
            while !jobs.waiting.isEmpty {
                swap(&jobs.waiting, &batch)
                for (job, isActors) in batch {
                    if isActors { job.runSynchronously(isolatedTo: isolated, taskExecutor: free) } else { job.runSynchronously(on: free) }
                }
                batch.removeAll(keepingCapacity: true)
            }
            guard let next = timers.first, next <= end else {
                now = max(now, end)
                return
            }
            now = max(now, next)
            timers.pop().isDue(next)
        }
    }

    func sleep(until deadline: Instant) async { _ = await Waiting(self).value(until: deadline) }

    func makeAlarm() -> any Alarm { SimulatedAlarm(self) }
}

/// What the loop calls when a deadline has come.
private protocol Timed: AnyObject {
    func isDue(_ deadline: Instant)
}

private final class Call: Timed {
    private let action: () -> Void
    init(_ action: @escaping () -> Void) { self.action = action }
    func isDue(_ deadline: Instant) { action() }
}

/// A deadline that can be moved. Most are, before they come: it asks the loop for no more than one call, for the earliest of them, and
/// looks then where the deadline is.
final class MovableDeadline: Timed {
    private let loop: SimulatedLoop
    private let action: () -> Void
    private var deadline: Instant?
    private var callsAt: Instant?

    init(_ loop: SimulatedLoop, _ action: @escaping () -> Void) {
        self.loop = loop
        self.action = action
    }

    func move(to deadline: Instant?) {
        self.deadline = deadline
        guard let deadline, callsAt.map({ deadline < $0 }) ?? true else { return }
        callsAt = deadline
        loop.at(deadline, tell: self)
    }

    fileprivate func isDue(_ called: Instant) {
        // There may have been an earlier call.
        guard called == callsAt else { return }
        callsAt = nil
        guard let deadline else { return }
        if deadline <= loop.now { action() } else { move(to: deadline) }
    }
}

/// A place where one task at a time waits: for a deadline that may be moved, for somebody who ends the wait, or for its cancellation.
///
/// SAFETY: only used on the simulation's one thread.
final class Waiting: @unchecked Sendable {
    enum End: Sendable { case timedOut, ended, cancelled }

    private var continuation: UnsafeContinuation<End, Never>?
    private var deadline: MovableDeadline?

    init(_ loop: SimulatedLoop) {
        deadline = MovableDeadline(loop) { [weak self] in self?.end(.timedOut) }
    }

    func value(until deadline: Instant?, isolation: isolated (any Actor)? = #isolation) async -> End {
        await withTaskCancellationHandler {
            // A closure that does not name it runs elsewhere, and every wait costs two changes of place.
            _ = isolation
            // SAFETY: `end` takes it away when it resumes it.
            return await withUnsafeContinuation { (continuation: UnsafeContinuation<End, Never>) in
                guard !Task.isCancelled else { return continuation.resume(returning: .cancelled) }
                self.continuation = continuation
                move(to: deadline)
            }
        } onCancel: {
            end(.cancelled)
        }
    }

    func move(to new: Instant?) { deadline?.move(to: new) }

    func end(_ end: End) { continuation.take()?.resume(returning: end) }
}

/// SAFETY: only used on the simulation's one thread.
private final class SimulatedAlarm: Alarm, @unchecked Sendable {
    private let loop: SimulatedLoop
    private let waiting: Waiting
    private var deadline: Instant?

    init(_ loop: SimulatedLoop) {
        self.loop = loop
        waiting = Waiting(loop)
    }

    func set(_ new: Instant?) {
        deadline = new
        waiting.move(to: new)
    }

    func goesOff() async -> Bool {
        while await waiting.value(until: deadline) == .timedOut {
            guard let due = deadline, due <= loop.now else { continue }
            deadline = nil
            return true
        }
        return false
    }
}

/// Deadlines in order; of equal ones the first set comes first.
private struct TimerHeap {
    private struct Entry {
        var deadline: Instant
        var sequence: Int
        var timed: any Timed
        func precedes(_ other: Entry) -> Bool {
            deadline != other.deadline ? deadline < other.deadline : sequence < other.sequence
        }
    }

    private var entries: [Entry] = []
    private var sequence = 0

    var first: Instant? { entries.first?.deadline }

    mutating func push(_ deadline: Instant, _ timed: any Timed) {
        sequence += 1
        entries.append(Entry(deadline: deadline, sequence: sequence, timed: timed))
        var child = entries.count - 1
        while child > 0, case let parent = (child - 1) / 2, entries[child].precedes(entries[parent]) {
            entries.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> any Timed {
        entries.swapAt(0, entries.count - 1)
        let top = entries.removeLast()
        var parent = 0
        while case var child = 2 * parent + 1, child < entries.count {
            if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) { child += 1 }
            guard entries[child].precedes(entries[parent]) else { break }
            entries.swapAt(parent, child)
            parent = child
        }
        return top.timed
    }
}
