import MeterProtocols
import Metering
import SimulatedWorld
import Testing
import VirtualMeters

extension SimulatedHouse {
    /// A house in which every complaint of Home Assistant is recorded as an issue of the test.
    convenience init(
        seed: UInt64, profile: Household.Profile = .home, faults: [Fault] = [], bounce: Bool = true, pulseWatts: [Int64] = [700, 1500],
        pushing: VirtualPushMeter.Kind? = nil, pushingAt: BaudRate? = nil, manufacturer: String = "ISK",
        meter: (any VirtualMeter)? = nil, meterAhead: Duration = .seconds(3600)
    ) {
        self.init(
            seed: seed, profile: profile, faults: faults, bounce: bounce, pulseWatts: pulseWatts, pushing: pushing, pushingAt: pushingAt,
            manufacturer: manufacturer, meter: meter, meterAhead: meterAhead, complain: { Issue.record("\($0)") })
    }
}
