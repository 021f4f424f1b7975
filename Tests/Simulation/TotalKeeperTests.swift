import Configuration
import MeterDaemon
import Metering
import SimulatedWorld
import Testing

/// When the totals of pulse meters are saved.
@Suite struct TotalKeeperTests {
    /// No more pulses come, so the keeper itself must retry.
    @Test func whatFailedIsTriedAgain() throws {
        let house = SimulatedHouse(seed: 12)
        house.start()
        house.run(for: .seconds(300))
        house.store.failure = PortError("no space left on device")
        for line in ["heatpump", "washer"] { house.pulseLines.pull(line, isThere: false) }
        house.run(for: .seconds(150))
        let before = house.store.saves
        #expect(house.log.lines.contains { $0.contains("no space left on device") })
        house.store.failure = nil
        house.run(for: .seconds(65))
        #expect(house.store.saves == before + 2)
        for meter in ["heatpump", "washer"] {
            guard case .total(let total)? = house.store.totals[meter] else { return #expect(Bool(false), "nothing saved for \(meter)") }
            #expect(total.total.description == house.value("\(meter)/energy"))
        }
        // Afterwards there is nothing left to save.
        house.run(for: .seconds(600))
        #expect(house.store.saves == before + 2)
    }

    /// Immediately at the start, then every `save_every` while pulses come.
    @Test func asOftenAsItIsTold() {
        let house = SimulatedHouse(seed: 12)
        house.configuration.state.saveEvery = .seconds(100)
        house.start()
        var times: [Int] = []
        var known = 0
        for second in 1...1000 {
            house.run(for: .seconds(1))
            if house.store.saves > known { times.append(second) }
            known = house.store.saves
        }
        // The second save needs a pulse after the first.
        #expect(times.first == 1 && times.count == 11, "\(times)")
        #expect(zip(times.dropFirst(), times.dropFirst(2)).allSatisfy { (99...104).contains($1 - $0) }, "\(times)")
    }
}
