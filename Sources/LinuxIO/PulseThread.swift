import CLinux
import Glibc
import MeterDaemon
import Metering

/// Lines that a thread can wait for. It waits in the kernel, for the bell too.
package protocol LineWatch {
    /// Takes those that are not open, and says how that went with each.
    mutating func open(_ now: Instant) -> [LineOpening]
    /// Tells of all that waits; when nothing does, it waits for something, so many milliseconds, or for ever when negative. Says whether
    /// nothing is left to wait for: the bell rang, and no edge came.
    mutating func wait(milliseconds: Int32, _ receiver: inout some EdgeReceiver) -> Bool
    mutating func close()
}

/// Counts pulses on a thread of its own: from the kernel's queue into the journal in one go, with no task, no actor and no allocation between,
/// so that a pulse costs little and waits for nobody.
package struct PulseThread: PulseLines {
    private let count: @Sendable (_ counter: PulseCounter, _ bell: Int32) -> Void

    /// Both end when the bell, a descriptor, becomes readable: `waitForPulses` with the lines.
    package init(_ count: @escaping @Sendable (_ counter: PulseCounter, _ bell: Int32) -> Void) { self.count = count }

    package func run(_ counter: PulseCounter) async {
        let bell = clinux_eventfd()
        if bell < 0 { endProcess(withoutDescriptor: errno) }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                startThread(named: "pulses") {
                    count(counter, bell)
                    continuation.resume()
                }
            }
        } onCancel: {
            var one: UInt64 = 1
            _ = write(bell, &one, 8)
        }
        close(bell)
    }
}

/// What a thread does for its whole life.
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
