import MeterDaemon
import Metering

/// An executor whose clock jumps to the next deadline when no job is left: one thread, and the same order for the same input.
///
/// SAFETY: everything that touches it runs on the one thread that is inside `run`, or before `run`.
package final class SimulatedLoop: SerialExecutor, TaskExecutor, Clockwork, @unchecked Sendable {
    package private(set) var now = Instant(nanoseconds: 1_000_000_000_000)
    private let began = Instant(nanoseconds: 1_000_000_000_000)
    private let jobs: Jobs
    private let actors: Actors
    private var timers = TimerHeap()

    /// The wall clock's error.
    package var wallError = Duration.zero

    package var wall: WallTime { WallTime(millisecondsSince1970: 1_767_225_600_000 + (now - began + wallError).nanoseconds / 1_000_000) }

    package init() {
        jobs = Jobs()
        actors = Actors(jobs)
    }

    /// Jobs that belong to no actor. Jobs of actors arrive at a separate executor, so that neither kind has to switch executors for each call.
    package func enqueue(_ job: consuming ExecutorJob) { jobs.waiting.append((UnownedJob(job), nextPlace)) }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { actors.asUnownedSerialExecutor() }

    private enum Place {
        case free, onActor
        /// Swift resumes a task that waited on an actor outside of the actor, and the task then has to switch back. The job outside is skipped,
        /// but its turn in the queue is kept, because the order would change otherwise.
        case backToActor
    }

    private var nextPlace = Place.free

    fileprivate func resume<Value: Sendable>(_ continuation: UnsafeContinuation<Value, Never>, _ value: Value, onActor: Bool) {
        nextPlace = onActor ? .backToActor : .free
        continuation.resume(returning: value)
        nextPlace = .free
    }

    private final class Jobs: @unchecked Sendable {
        var waiting: [(UnownedJob, Place)] = []
    }

    private final class Actors: SerialExecutor {
        private let jobs: Jobs
        init(_ jobs: Jobs) { self.jobs = jobs }
        func enqueue(_ job: consuming ExecutorJob) { jobs.waiting.append((UnownedJob(job), .onActor)) }
        func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
    }

    /// Calls `action` at `deadline`, from `run`.
    package func at(_ deadline: Instant, _ action: @escaping () -> Void) { timers.push(deadline, Call(action)) }

    fileprivate func at(_ deadline: Instant, tell timed: any Timed) { timers.push(deadline, timed) }

    /// Runs until no jobs are left, or the clock would pass `end`.
    package func run(until end: Instant) {
        let (free, isolated) = (asUnownedTaskExecutor(), asUnownedSerialExecutor())
        var batch: [(UnownedJob, Place)] = []
        while true {
            while !jobs.waiting.isEmpty {
                swap(&jobs.waiting, &batch)
                for (job, place) in batch {
                    switch place {
                    case .free: job.runSynchronously(on: free)
                    case .onActor: job.runSynchronously(isolatedTo: isolated, taskExecutor: free)
                    case .backToActor: jobs.waiting.append((job, .onActor))
                    }
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

    package func sleep(until deadline: Instant) async { _ = await Inbox<Never>(self).next(until: deadline) }

    package func makeAlarm() -> any Alarm { SimulatedAlarm(self) }
}

/// Called by the loop when a deadline is reached.
private protocol Timed: AnyObject {
    func isDue(_ deadline: Instant)
}

private final class Call: Timed {
    private let action: () -> Void
    init(_ action: @escaping () -> Void) { self.action = action }
    func isDue(_ deadline: Instant) { action() }
}

/// A deadline that can be moved. Most are moved before they are reached, so it registers only the earliest call with the loop, and then checks
/// where the deadline is.
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
        // An earlier call may still have been registered.
        guard called == callsAt else { return }
        callsAt = nil
        guard let deadline else { return }
        if deadline <= loop.now { action() } else { move(to: deadline) }
    }
}

/// A place where one task at a time waits: for the next event, a movable deadline, or cancellation.
///
/// SAFETY: only used on the simulation's one thread.
final class Inbox<Event: Sendable>: @unchecked Sendable {
    enum Next: Sendable { case event(Event), timedOut, cancelled }

    enum End: Sendable { case event, timedOut, cancelled }

    private let loop: SimulatedLoop
    private var events: [Event] = []
    private var waiting: (continuation: UnsafeContinuation<End, Never>, isOnActor: Bool)?
    /// Cancelled before it waits.
    private var isCancelled = false
    private var deadline: MovableDeadline?

    init(_ loop: SimulatedLoop) {
        self.loop = loop
        deadline = MovableDeadline(loop) { [weak self] in self?.end(.timedOut) }
    }

    func push(_ event: Event) {
        events.append(event)
        end(.event)
    }

    /// The next pending event, if it is wanted.
    func take(if isWanted: (Event) -> Bool = { _ in true }) -> Event? {
        guard let first = events.first, isWanted(first) else { return nil }
        return events.removeFirst()
    }

    func next(until deadline: Instant?, isolation: isolated (any Actor)? = #isolation) async -> Next {
        while true {
            if !events.isEmpty { return Task.isCancelled ? .cancelled : .event(events.removeFirst()) }
            begin()
            let end = await withTaskCancellationHandler {
                // A closure that doesn't mention `isolation` runs elsewhere, and every wait costs two executor switches.
                let isOnActor = isolation != nil
                // SAFETY: `wait` keeps it, and resumes it once.
                return await withUnsafeContinuation { wait($0, until: deadline, isOnActor: isOnActor) }
            } onCancel: {
                cancel()
            }
            switch end {
            case .event: continue
            case .timedOut: return .timedOut
            case .cancelled: return .cancelled
            }
        }
    }

    func move(to new: Instant?) { deadline?.move(to: new) }

    /// Begins a wait; a cancellation of the previous one is ignored.
    func begin() { isCancelled = false }

    /// For a task that is already cancelled, this is called between `begin` and `wait`.
    func cancel() {
        isCancelled = true
        end(.cancelled)
    }

    func wait(_ continuation: UnsafeContinuation<End, Never>, until deadline: Instant?, isOnActor: Bool) {
        guard !isCancelled else { return continuation.resume(returning: .cancelled) }
        // Removed by whatever ends the wait.
        waiting = (continuation, isOnActor)
        move(to: deadline)
    }

    func end(_ end: End) {
        guard let (continuation, isOnActor) = waiting.take() else { return }
        loop.resume(continuation, end, onActor: isOnActor)
    }
}

/// SAFETY: only used on the simulation's one thread.
private final class SimulatedAlarm: Alarm, @unchecked Sendable {
    private let loop: SimulatedLoop
    private let inbox: Inbox<Never>
    private var deadline: Instant?

    init(_ loop: SimulatedLoop) {
        self.loop = loop
        inbox = Inbox(loop)
    }

    func set(_ new: Instant?) {
        deadline = new
        inbox.move(to: new)
    }

    func goesOff() async -> Bool {
        while case .timedOut = await inbox.next(until: deadline) {
            guard let due = deadline, due <= loop.now else { continue }
            deadline = nil
            return true
        }
        return false
    }
}

/// Deadlines in order; of equal ones the one that was set first comes first.
private struct TimerHeap {
    /// Doesn't contain the target, so that moving an entry needs no reference counting.
    private struct Entry {
        var deadline: Instant
        var sequence: Int
        var place: Int
        func precedes(_ other: Entry) -> Bool {
            deadline != other.deadline ? deadline < other.deadline : sequence < other.sequence
        }
    }

    private var entries: [Entry] = []
    private var sequence = 0
    private var timed: [(any Timed)?] = []
    private var free: [Int] = []

    var first: Instant? { entries.first?.deadline }

    mutating func push(_ deadline: Instant, _ new: any Timed) {
        sequence += 1
        let place = free.popLast() ?? timed.count
        if place < timed.count { timed[place] = new } else { timed.append(new) }
        entries.append(Entry(deadline: deadline, sequence: sequence, place: place))
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
        free.append(top.place)
        guard let called = timed[top.place].take() else { preconditionFailure("only this takes it away") }
        return called
    }
}
