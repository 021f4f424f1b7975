import Glibc
import MeterDaemon
import Metering

/// Lines whose edges a thread waits for in the kernel, together with the bell.
package protocol LineWatch {
    /// Opens the lines that are not open, and returns the result for each of them.
    mutating func open(_ now: Instant) -> [LineOpening]
    /// Passes on all pending events. If there are none, waits for an event for up to `milliseconds`, or for ever if that is negative.
    /// Returns whether the thread has to end: the bell has rung for the end, and no edges are left.
    mutating func wait(milliseconds: Int32, _ receiver: inout some EdgeReceiver) -> Bool
    mutating func close()
}

/// Counts pulses on a separate thread: directly from the kernel's queue into the journal, without a task, actor or allocation in between,
/// so that counting a pulse is cheap and never has to wait.
package struct PulseThread: PulseLines {
    private let bell: PulseBell
    private let count: @Sendable (_ counter: PulseCounter, _ bell: PulseBell) -> Void

    /// `count` runs on the thread, usually as `waitForPulses` with the lines. It has to return once the bell has rung for the end.
    package init(bell: PulseBell = PulseBell(), _ count: @escaping @Sendable (_ counter: PulseCounter, _ bell: PulseBell) -> Void) {
        self.bell = bell
        self.count = count
    }

    /// Runs the thread until the task is cancelled. Can be called only once.
    package func run(_ counter: PulseCounter) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Resumes only after the thread has released the descriptor store: the last owner to release it closes the lines in it.
                startThread(named: "pulses", ended: { continuation.resume() }) { count(counter, bell) }
            }
        } onCancel: {
            bell.end()
        }
    }
}

/// The main function of the pulse thread.
package func waitForPulses(_ watch: some LineWatch, _ counter: PulseCounter) {
    var (counter, watch, now) = (counter, watch, Instant.now)
    var deadline = counter.deadline
    while true {
        if let due = counter.opensAt, due <= now {
            counter.opened(watch.open(now), now)
            deadline = counter.deadline
        }
        let isOver = watch.wait(milliseconds: now.milliseconds(to: deadline), &counter)
        now = .now
        if isOver { break }
        deadline = counter.settle(now)
    }
    watch.close()
    counter.finish(now)
}
