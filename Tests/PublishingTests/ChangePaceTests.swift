import Metering
import Testing

@testable import Publishing

/// Two changes are sent immediately; a third waits until ten seconds after the first.
@Suite struct ChangePaceTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)

    @Test func twoInTenSeconds() {
        var pace = ChangePace()
        #expect(pace.wait(start) == nil)
        pace.note(start)
        #expect(pace.wait(start) == nil)
        pace.note(start + .seconds(4))
        let due = start + .seconds(10)
        #expect(pace.wait(start + .seconds(4)) == due && pace.wait(due - .nanoseconds(1)) == due)
        #expect(pace.wait(due) == nil && pace.wait(due + .seconds(1)) == nil)
        // After that the second counts as the first of the next two.
        pace.note(due)
        #expect(pace.wait(due) == start + .seconds(14) && pace.wait(start + .seconds(14)) == nil)
    }
}
