import Configuration
import MeterDaemon
import Metering
import Publishing
import SimulatedWorld
import Testing

/// A disk that doesn't answer, not even with an error: a failing card, or a network drive that is unreachable.
@Suite struct HangingDiskTests {
    private static let problem = "the total can't be saved: the disk has not answered for 10 s"

    /// Makes the disk hang from now on, for the given time.
    private func hang(_ house: SimulatedHouse, for end: Duration) {
        let loop = house.loop
        let deadline = loop.now + end
        house.store.pause = { await loop.sleep(until: deadline) }
        house.memory.pause = { await loop.sleep(until: deadline) }
    }

    private func savedTotal(_ house: SimulatedHouse, _ meter: String) -> Quantity? {
        guard case .total(let total)? = house.store.totals[meter] else { return nil }
        return total.total
    }

    @Test func isAProblemUntilItAnswers() {
        let house = SimulatedHouse(seed: 61)
        house.configuration.state.saveEvery = .seconds(600)
        house.start()
        house.run(for: .seconds(5))
        house.run(for: .seconds(590))
        hang(house, for: .seconds(300))
        house.run(for: .seconds(14))
        #expect(house.value("heatpump/problem") == "none", "the next save has begun, and may take its time")
        house.run(for: .seconds(10))
        #expect(house.value("heatpump/problem") == Self.problem)
        #expect(house.value("washer/problem") == Self.problem, "which waits behind the other one")
        #expect(house.value("heatpump/availability") == "online")
        let before = Int64(house.value("heatpump/pulses") ?? "") ?? .max
        house.run(for: .seconds(260))
        #expect(Int64(house.value("heatpump/pulses") ?? "") ?? 0 > before, "counting goes on")
        #expect(house.log.lines.count { $0.contains("has not answered") && $0.contains("total") } == 2, "once for each meter")
        house.run(for: .seconds(20))
        #expect(house.value("heatpump/problem") == "none")
        #expect(house.value("washer/problem") == "none", "and not only with the next save")
        house.stop()
        let published = Quantity(house.value("heatpump/energy") ?? "")
        #expect(savedTotal(house, "heatpump") == published && published != nil)
    }

    @Test func keepsNobodyWaiting() {
        let house = SimulatedHouse(seed: 62)
        house.start()
        house.run(for: .seconds(5))
        hang(house, for: .seconds(300))
        let refusal = "set, but not saved yet: the disk does not answer"
        #expect(house.answer(to: "total heatpump 9000", within: .seconds(9)) == nil, "it may still answer")
        #expect(house.answer(to: "total washer")?.hasPrefix("ok ") == true, "others are answered")
        house.run(for: .seconds(1))
        #expect(house.answer(to: "total heatpump 9001", within: .seconds(11)) == "error " + refusal)
        house.broker.send("jouled/washer/total/set", "77")
        house.run(for: .seconds(11))
        let results = house.broker.published.filter { $0.message.topic == "jouled/washer/total/result" }
        #expect(results.map(\.message.payload) == [refusal])
        #expect(house.value("heatpump/energy")?.hasPrefix("9001.0") == true)
        house.run(for: .seconds(300))
        #expect(savedTotal(house, "heatpump").map { $0 >= Quantity(9001) } == true, "as soon as it answered")
        #expect(house.answer(to: "total washer 78")?.hasPrefix("ok 78") == true)
        #expect(savedTotal(house, "washer").map { "\($0)" } == "78.000")
    }

    @Test func isSaidOfTheMetersMemory() {
        let house = SimulatedHouse(seed: 63)
        house.start()
        hang(house, for: .seconds(120))
        house.run(for: .seconds(60))
        let line = "the meters' last readings can't be saved: the disk has not answered for 10 s"
        #expect(house.log.lines.count { $0 == line } == 1)
        #expect(house.memory.memories.isEmpty)
        house.run(for: .seconds(120))
        #expect(!house.memory.memories.isEmpty, "it was waited for")
    }

    /// When the daemon stops, a pending command to set a total must not delay it.
    @Test func endsWithWhoWaits() {
        let house = SimulatedHouse(seed: 64)
        house.start()
        house.run(for: .seconds(5))
        hang(house, for: .seconds(3))
        #expect(house.answer(to: "total heatpump 9000", within: .seconds(1)) == nil)
        house.stop()
        #expect(!house.isRunning)
        #expect(savedTotal(house, "heatpump").map { $0 >= Quantity(9000) } == true)
        #expect(house.answer(to: "total heatpump 9001", within: .seconds(1)) == "error set, but not saved: stopped")
    }
}
