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
    /// Sets the deadline; `nil` means that the alarm never goes off.
    func set(_ deadline: Instant?)
    /// Waits for the deadline. Returns true when it has passed (it is then unset), false if the task was cancelled. Only one task may wait.
    func goesOff() async -> Bool
}
