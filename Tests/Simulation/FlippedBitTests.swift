import MeterDaemon
import MeterProtocols
import Metering
import Publishing
import SimulatedWorld
import Testing
import VirtualMeters

/// A meter of mode D, whose telegrams have no checksum, on a line that turns a bit in one of a thousand characters, for a day.
@Suite struct FlippedBitTests {
    #if DEBUG
        private static let hours = 1
    #else
        private static let hours = 24
    #endif

    /// As eight bits, of which one is the parity, and behind a port that takes the parity away: there only the values show what is wrong.
    @Test(arguments: [[Fault.eightBit, .bitErrors(rate: 0.000125)], [.bitErrors(rate: 0.000143)]])
    func noWrongTotalAndNoImpossiblePower(_ faults: [Fault]) throws {
        let house = SimulatedHouse(seed: 31, faults: faults, pushing: .modeD)
        house.configuration.meters[0].meterProtocol = .d0Push
        house.configuration.meters[0].publishEvery = .zero
        house.configuration.pulses = []
        var truth = try #require(house.line.meter as? VirtualPushMeter)
        let began = house.loop.now
        house.start()
        house.run(for: .seconds(Self.hours * 3600))

        var shown: [Int64] = []
        for _ in 0...(Self.hours * 3600) {
            shown.append(truth.energy.imported * 100 / 36)
            _ = truth.advance(to: began + .seconds(shown.count))
        }
        var last: Int64 = 0
        var totals = 0
        for published in house.broker.published where published.message.topic == "jouled/grid/energy_import" {
            let value = try #require(Quantity(published.message.payload)?.units(of: -7))
            let second = Int((published.at - began).seconds)
            // It waited for the next telegram, and that one may have been hurt, and the one after it.
            if value < last || value > shown[second] || value < shown[max(0, second - 20)] {
                Issue.record("\(value) after \(second) s, where the meter shows \(shown[second])")
            }
            last = value
            totals += 1
        }
        #expect(totals > Self.hours * 3600 / 2, "\(totals)")
        let powers = house.broker.published.filter { $0.message.topic == "jouled/grid/power" }.map(\.message.payload)
        for power in powers {
            let watts = try #require(Quantity(power)?.units(of: 0))
            if abs(watts) > house.configuration.meters[0].maxPower { Issue.record("\(watts) W") }
        }
        #expect(powers.count > Self.hours * 60)
        let errors = try #require(Int(house.value("grid/errors") ?? ""))
        #expect(errors > Self.hours * 400, "\(errors)")
    }
}
