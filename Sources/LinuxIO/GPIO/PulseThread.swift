import Glibc
import MeterDaemon
import Metering

/// Lines that a thread waits for in the kernel, together with the bell.
package protocol LineWatch {
    /// Opens the lines that are not open, and returns the result for each.
    mutating func open(_ now: Instant) -> [LineOpening]
    /// Passes on all pending events; if there are none, waits for one for `milliseconds`, or for ever if negative. Returns whether the thread
    /// has to end: the bell rang for the end, and no edges were left.
    mutating func wait(milliseconds: Int32, _ receiver: inout some EdgeReceiver) -> Bool
    mutating func close()
}

/// Counts pulses on a thread of its own: directly from the kernel's queue into the journal, without a task, actor or allocation in between,
/// so that a pulse is cheap and never waits.
package struct PulseThread: PulseLines {
    private let bell: PulseBell
    private let count: @Sendable (_ counter: PulseCounter, _ bell: PulseBell) -> Void

    /// `count` has to return once the bell rang for the end: `waitForPulses` with the lines.
    package init(bell: PulseBell = PulseBell(), _ count: @escaping @Sendable (_ counter: PulseCounter, _ bell: PulseBell) -> Void) {
        self.bell = bell
        self.count = count
    }

    /// Can be called only once.
    package func run(_ counter: PulseCounter) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Resumes only after the thread has released the store: the last owner to do so closes the lines in it.
                startThread(named: "pulses", ended: { continuation.resume() }) { count(counter, bell) }
            }
        } onCancel: {
            bell.end()
        }
    }
}

/// The main function of the thread.
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
