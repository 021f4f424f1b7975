import LinuxIO
import Metering
import Testing

/// Environment variables that systemd sets, but which anybody else could set as well.
@Suite struct EnvironmentTests {
    @Test(arguments: [
        ("30000000", 15_000), ("2", 100), ("9223372036854775807", 3_600_000), ("18446744073709551615", 3_600_000),
    ])
    func aWatchdogIsFedAtASensiblePace(_ microseconds: String, _ milliseconds: Int) {
        #expect(ServiceNotice.interval(microseconds: microseconds) == .milliseconds(milliseconds))
    }

    @Test(arguments: ["0", "-1", "-9223372036854775808", "18446744073709551616", "soon", ""])
    func noWatchdogIsFed(_ microseconds: String) { #expect(ServiceNotice.interval(microseconds: microseconds) == nil) }
}
