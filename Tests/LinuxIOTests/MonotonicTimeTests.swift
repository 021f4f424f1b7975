import Metering
import Testing

@testable import LinuxIO

@Test func aWaitEndsWhenItsDeadlineHasCome() {
    let now = Instant(nanoseconds: 5)
    #expect(now.milliseconds(to: .distantFuture) == -1)
    #expect(now.milliseconds(to: now) == 0 && now.milliseconds(to: .distantPast) == 0)
    #expect(now.milliseconds(to: now + .nanoseconds(1)) == 1)
    #expect(now.milliseconds(to: now + .nanoseconds(999_999)) == 1 && now.milliseconds(to: now + .milliseconds(1)) == 2)
    let almostForever = Instant(nanoseconds: .max - 1)
    #expect(now.milliseconds(to: almostForever) == .max && Instant.distantPast.milliseconds(to: almostForever) == .max)
}
