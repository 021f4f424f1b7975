import MeterDaemon
import Metering
import SimulatedWorld
import Testing
import VirtualMeters

/// A day may reveal errors that an hour doesn't; debug builds simulate two hours. The day's duration is one of the figures of
/// `Tests/Real/measure`, which runs it as `SimulatedDay`.
@Suite struct SimulatedDayTests {
    #if DEBUG
        private static let hours: Int64 = 2
    #else
        private static let hours: Int64 = 24
    #endif

    @Test func aDayIsExactAndTheSameForOneSeed() throws {
        let first = day(seed: 20)
        let second = day(seed: 20)
        #expect(first.broker.published == second.broker.published)
        #expect(first.log.lines == second.log.lines)
        for meter in ["heatpump", "washer"] {
            guard case .total(let total)? = first.store.totals[meter] else { return #expect(Bool(false), "nothing saved for \(meter)") }
            let truth = first.pulses(meter)
            // The pulse in progress when the daemon stops is not counted, and `stop` runs for another ten seconds.
            #expect(truth - total.pulses <= 3 && total.pulses <= truth, "\(meter): \(total.pulses) of \(truth)")
            #expect(first.value("\(meter)/energy") == total.total.description)
        }
        var meter = try #require(first.line.meter as? VirtualME162)
        let imported = try #require(Quantity(first.value("grid/energy_import") ?? "")?.units(of: -3))
        // The last reading was a second or two before the end, at a load of up to some kW.
        #expect((0...10).contains(meter.energy(at: first.loop.now).imported - imported))
        #expect(first.value("grid/errors") == "0")
    }

    private func day(seed: UInt64) -> SimulatedHouse {
        let house = SimulatedHouse(seed: seed, bounce: false, pulseWatts: [300, 600])
        house.start()
        house.run(for: .seconds(Self.hours * 3600))
        house.stop()
        return house
    }
}
