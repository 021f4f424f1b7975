import Glibc
import MeterDaemon
import Metering

/// Lines that a thread can wait for. It waits in the kernel, for the bell too.
package protocol LineWatch {
    /// Takes those that are not open, and says how that went with each.
    mutating func open(_ now: Instant) -> [LineOpening]
    /// Tells of all that waits; when nothing does, it waits for something, so many milliseconds, or for ever when negative. Says whether
    /// nothing is left to wait for: the bell rang for the end, and no edge came.
    mutating func wait(milliseconds: Int32, _ receiver: inout some EdgeReceiver) -> Bool
    mutating func close()
}

/// Counts pulses on a thread of its own: from the kernel's queue into the journal in one go, with no task, no actor and no allocation between,
/// so that a pulse is cheap and never waits.
package struct PulseThread: PulseLines {
    private let bell: PulseBell
    private let count: @Sendable (_ counter: PulseCounter, _ bell: PulseBell) -> Void

    /// Both end when the bell rings for it: `waitForPulses` with the lines.
    package init(bell: PulseBell = PulseBell(), _ count: @escaping @Sendable (_ counter: PulseCounter, _ bell: PulseBell) -> Void) {
        self.bell = bell
        self.count = count
    }

    /// Once.
    package func run(_ counter: PulseCounter) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Not before the thread has let go of the store: the last one to do so closes the lines in it.
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
