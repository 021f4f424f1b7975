import Metering

/// The daemon's time source. In production it consists of the kernel's monotonic and wall clocks and an event loop's timers; in the
/// simulation it is a clock that jumps to the next deadline when nothing is left to do.
package protocol Clockwork: Sendable {
    var now: Instant { get }
    var wall: WallTime { get }
    /// Returns at the deadline, or early when the task is cancelled.
    func sleep(until deadline: Instant) async
    func makeAlarm() -> any Alarm
}

/// A deadline that can be moved while a task waits for it.
package protocol Alarm: Sendable {
    /// Sets the deadline; with `nil` it never goes off.
    func set(_ deadline: Instant?)
    /// Returns true when it went off (it is then unset), false when the task was cancelled. One task waits.
    func goesOff() async -> Bool
}
