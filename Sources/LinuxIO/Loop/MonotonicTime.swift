import CLinux
import Glibc
import Metering

extension Instant {
    /// The current time of the monotonic clock, which timers and the time stamps of GPIO edges use as well.
    package static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
    }

    /// The timeout for a system call such as `poll`: rounded up, so that the deadline has passed when it returns; -1 (for ever) for
    /// `distantFuture`.
    func milliseconds(to deadline: Instant) -> Int32 {
        guard deadline != .distantFuture else { return -1 }
        guard deadline > self else { return 0 }
        return Int32(clamping: UInt64(bitPattern: deadline.nanoseconds &- nanoseconds) / 1_000_000 + 1)
    }
}
