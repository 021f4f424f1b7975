import Configuration
import MeterDaemon
import Metering
import Publishing
import SimulatedWorld
import Testing
import VirtualMeters

/// Meters that don't receive for some time after each of their own messages, as the standard allows: 200 ms, or 20 ms if the third letter of
/// the manufacturer is in lower case.
@Suite struct DeafMeterTests {
    private func house(_ manufacturer: String, deafFor milliseconds: Int64) -> SimulatedHouse {
        let house = SimulatedHouse(
            seed: 51, profile: .steady(watts: 2_000), faults: milliseconds > 0 ? [.deaf(.milliseconds(milliseconds))] : [],
            manufacturer: manufacturer)
        house.configuration.meters[0].every = .zero
        house.configuration.meters[0].publishEvery = .zero
        house.start()
        return house
    }

    /// The number of readings published so far.
    private func readings(_ house: SimulatedHouse) -> Int { house.broker.published.count { $0.message.topic == "jouled/grid/json" } }

    /// Within a minute the daemon has learned how long to wait, and then nothing is lost.
    @Test(arguments: ["ISK", "ISk"], [0, 20, 25, 150, 190, 200] as [Int64])
    func isReadWithoutLoss(_ manufacturer: String, _ milliseconds: Int64) {
        let house = house(manufacturer, deafFor: milliseconds)
        house.run(for: .seconds(60))
        #expect(house.value("grid/availability") == "online" && house.value("grid/problem") == "none")
        #expect(house.line.signOns <= 5, "\(house.line.signOns) sign-ons in the first minute")
        let (before, signOns) = (readings(house), house.line.signOns)
        house.run(for: .seconds(120))
        let found = readings(house) - before
        // A read takes 260 ms plus the wait that the meter needs; the tested waits are 205 ms and its halves.
        let pause = [Int64(0): 20, 20: 20, 25: 26, 150: 205, 190: 205, 200: 205][milliseconds] ?? 0
        #expect(found * (285 + pause) >= 115_000, "\(found) readings in 120 s")
        #expect(house.line.signOns == signOns, "nothing is lost any more")
        let told = house.value("grid/energy_import").flatMap { Quantity($0)?.units(of: -3) } ?? 0
        #expect((33_402_264 + 97...33_402_264 + 101).contains(told), "2 kW for 180 s are 100 Wh: \(told)")
    }

    /// A shorter wait is retried rarely, and each retry costs a session.
    @Test func whatWasLearntIsKept() {
        let house = house("ISK", deafFor: 150)
        house.configuration.meters[0].publishEvery = .seconds(10)
        house.run(for: .seconds(2 * 3600))
        #expect(house.line.signOns <= 7, "\(house.line.signOns) sign-ons in two hours")
        let signOns = house.line.signOns
        // The adapter is plugged in again, which means a readout and a new session.
        house.line.isPlugged = false
        house.run(for: .seconds(5))
        house.line.isPlugged = true
        house.run(for: .seconds(60))
        #expect(house.line.signOns == signOns + 2 && house.value("grid/availability") == "online")
    }

    /// The meter misses the acknowledgement, and requests sent after the standard's time; what it sends unasked is still read.
    @Test(arguments: ["ISK", "ISk"]) func deafForLongerThanAnyMeterMay(_ manufacturer: String) {
        let house = house(manufacturer, deafFor: 400)
        // It is listened to for 0.9 s before it is asked.
        house.run(for: .milliseconds(60_900))
        #expect(house.value("grid/availability") == "online" && house.value("grid/problem") == "none")
        #expect(house.value("grid/energy_import") != nil)
        let before = readings(house)
        house.run(for: .seconds(600))
        #expect(readings(house) - before >= 30, "\(readings(house) - before) readouts in 600 s")
        #expect(house.line.signOns <= 110)
    }
}
