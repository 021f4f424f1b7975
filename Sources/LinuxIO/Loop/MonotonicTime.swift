import CLinux
import Glibc
import Metering

extension Instant {
    /// By the clock of timers and of the kernel's edges.
    package static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
    }

    /// For the kernel's waits: rounded up, so that the deadline has really come when they end; -1 for ever, where it is in the distant future.
    func milliseconds(to deadline: Instant) -> Int32 {
        guard deadline != .distantFuture else { return -1 }
        guard deadline > self else { return 0 }
        return Int32(clamping: UInt64(bitPattern: deadline.nanoseconds &- nanoseconds) / 1_000_000 + 1)
    }
}
