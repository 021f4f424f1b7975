import Configuration
import MeterDaemon
import Metering
import Publishing
import SimulatedWorld
import Testing

/// A new SD card, while the broker still retains the total.
@Suite struct RememberedTotalTests {
    /// A house that lost its saved state, while the broker kept its messages.
    private func house(_ retained: [String: String], seed: UInt64 = 41) -> SimulatedHouse {
        let house = SimulatedHouse(seed: seed)
        for (topic, payload) in retained { house.broker.retained["jouled/" + topic] = payload }
        return house
    }

    private func published(_ topic: String, by house: SimulatedHouse) -> [String] {
        house.broker.published.filter { $0.message.topic == "jouled/" + topic }.map(\.message.payload)
    }

    @Test func continuesFromTheBroker() throws {
        let first = SimulatedHouse(seed: 40)
        first.store.totals["heatpump"] = .total(PulseTotal(base: Quantity(8_012_500, exponent: -3), pulsesPerUnit: Quantity(1000)))
        first.start()
        first.run(for: .seconds(600))
        first.stop()
        let last = try #require(Quantity(first.value("heatpump/energy") ?? ""))
        let second = SimulatedHouse(seed: 41)
        second.broker.retained = first.broker.retained
        second.start()
        second.run(for: .seconds(600))
        let values = published("heatpump/energy", by: second).compactMap { Quantity($0) }
        #expect(values.allSatisfy { $0 >= last }, "\(values.prefix(3))")
        let counted = Quantity(second.pulses("heatpump"), exponent: -3)
        let expected = try #require(Quantity.adding(last, counted))
        let newest = try #require(values.last)
        let least = try #require(Quantity.adding(expected, Quantity(-3, exponent: -3)))
        #expect(newest <= expected && newest >= least, "\(newest) \(expected)")
        #expect(second.value("heatpump/problem")?.hasPrefix("the saved total was lost and continues from the broker's") == true)
        #expect(second.log.lines.contains { $0.hasPrefix("heatpump: no saved total, continuing from the broker's: \(last)") })
        #expect(!second.log.lines.contains { $0.hasPrefix("heatpump: no saved total, counting from 0") })
        let shown = try #require(second.answer(to: "total heatpump")).split(separator: "\n")
        #expect(shown.count == 2 && shown[1].contains("continued from the broker's total"))
        // It stays marked across restarts until the total has been compared with the display.
        second.stop()
        let third = SimulatedHouse(seed: 42)
        third.store.totals = second.store.totals
        third.start()
        third.run(for: .seconds(10))
        #expect(third.value("heatpump/problem")?.hasPrefix("the saved total was lost") == true)
        #expect(try #require(Quantity(third.value("heatpump/energy") ?? "")) >= newest)
        third.broker.send("jouled/heatpump/total/set", "8100")
        third.run(for: .seconds(1))
        #expect(third.value("heatpump/problem") == "none")
    }

    @Test func aNewMeterBeginsAtOnce() {
        let house = house([:])
        house.start()
        house.run(for: .milliseconds(1900))
        #expect(house.value("heatpump/energy") == nil && house.value("heatpump/pulses") == nil, "the broker may still answer")
        #expect(house.value("heatpump/availability") == "online")
        house.run(for: .milliseconds(200))
        #expect(house.value("heatpump/energy")?.hasPrefix("0.00") == true)
        #expect(house.log.lines.contains("heatpump: no saved total, counting from 0; set it with: jouled total heatpump VALUE"))
        #expect(!house.log.lines.contains { $0.contains("working again") || $0.contains("retained") }, "\(house.log.lines)")
    }

    /// The total is unknown until the broker can be asked, even across a restart, but no counted pulse is lost.
    @Test(arguments: [nil, "8012.500"] as [String?]) func waitsForTheBroker(retained: String?) throws {
        let first = house(["heatpump/energy": retained ?? ""])
        first.broker.isThere = false
        first.start()
        first.run(for: .seconds(600))
        let waiting = "no saved total, and the broker, which may have retained it, can't be asked: wait, or set it"
        #expect(first.answer(to: "total heatpump") == "error " + waiting)
        #expect(first.log.lines.count { $0 == "heatpump: " + waiting } == 1)
        first.stop()
        let before = first.pulses("heatpump")
        let second = house(["heatpump/energy": retained ?? ""], seed: 43)
        second.store.totals = first.store.totals
        second.broker.isThere = false
        second.start()
        second.run(for: .seconds(300))
        second.broker.isThere = true
        second.run(for: .seconds(10))
        let base = try #require(Quantity(retained ?? "0"))
        let counted = Quantity(before + second.pulses("heatpump"), exponent: -3)
        let expected = try #require(Quantity.adding(base, counted))
        let value = try #require(Quantity(second.value("heatpump/energy") ?? ""))
        let least = try #require(Quantity.adding(expected, Quantity(-5, exponent: -3)))
        #expect(value <= expected && value >= least, "\(value) \(expected)")
        let saved = second.store.totals["heatpump"]
        guard case .total(let total)? = saved else { return #expect(Bool(false), "not saved") }
        #expect(total.origin != .unsettled, "on disk before it was published")
        #expect(!published("heatpump/energy", by: second).contains("0.000"))
    }

    /// The power may fail at any moment. A published total would be continued from, so it must be on disk before it is published.
    @Test(arguments: ["8012.500", ""]) func isOnDiskBeforeTheBrokerIsTold(retained: String) throws {
        let house = house(["heatpump/energy": retained])
        let loop = house.loop
        house.store.pause = { await loop.sleep(until: loop.now + .milliseconds(700)) }
        house.start()
        // Saving takes longer than a step.
        for _ in 0..<2000 where published("heatpump/energy", by: house).isEmpty { house.run(for: .milliseconds(10)) }
        guard case .total(let saved)? = house.store.totals["heatpump"] else { return #expect(Bool(false), "not saved") }
        #expect(saved.origin != .unsettled, "the disk was first")
        house.run(for: .seconds(3))
        #expect(published("heatpump/energy", by: house).count >= 1)
    }

    @Test func whatSomebodySetsIsBetter() {
        let house = house(["heatpump/energy": "8012.500"])
        house.broker.isThere = false
        house.start()
        house.run(for: .seconds(60))
        #expect(house.answer(to: "total heatpump 9000")?.hasPrefix("ok 9000") == true)
        house.broker.isThere = true
        house.run(for: .seconds(10))
        #expect(house.value("heatpump/energy")?.hasPrefix("9000.0") == true)
        #expect(house.value("heatpump/problem") == "none")
    }

    @Test(arguments: ["abc", "-5", "1e3", "99999999999", "unavailable", "8012.5 ", "0x10"]) func nonsenseIsNoTotal(payload: String) {
        let house = house(["heatpump/energy": payload])
        house.start()
        house.run(for: .seconds(60))
        #expect(published("heatpump/energy", by: house) == [])
        #expect(house.value("heatpump/problem")?.hasPrefix("no saved total, and the broker's can't be read (") == true)
        #expect(house.value("washer/energy") != nil, "and the other one goes on")
    }

    @Test func aBrokerThatLetsNobodyReadIsSaid() {
        let house = house(["heatpump/energy": "8012.500"])
        house.broker.secrets = ["jouled/heatpump/energy", "jouled/heatpump/availability"]
        house.start()
        house.run(for: .seconds(60))
        #expect(house.value("heatpump/energy") == "8012.500", "as it was")
        #expect(published("heatpump/energy", by: house) == [])
        let problem = "no saved total, and the broker, which may have retained it, can't be asked: wait, or set it"
        #expect(house.value("heatpump/problem") == problem)
    }

    /// The connection drops again before the broker has answered.
    @Test func aBrokerThatFlickersIsAskedAgain() {
        let house = house(["heatpump/energy": "8012.500"])
        house.broker.delay = .milliseconds(1500)
        house.start()
        for _ in 0..<5 {
            house.run(for: .seconds(1))
            house.broker.isThere = false
            house.run(for: .seconds(1))
            house.broker.isThere = true
        }
        #expect(published("heatpump/energy", by: house) == [])
        house.run(for: .seconds(3))
        #expect(house.value("heatpump/energy")?.hasPrefix("8012.5") == true)
        #expect(house.value("washer/energy")?.hasPrefix("0.0") == true)
    }

    /// The file is corrupted: the broker's total is better than nothing, and 0 is always wrong.
    @Test func aDamagedTotalIsRemembered() {
        let known = house(["heatpump/energy": "8012.500"])
        known.store.totals["heatpump"] = .damaged("the file is torn")
        known.start()
        known.run(for: .seconds(60))
        #expect(known.value("heatpump/energy")?.hasPrefix("8012.5") == true)
        #expect(known.value("heatpump/problem")?.hasPrefix("the saved total was lost") == true)
    }

    /// The newest file was corrupted, and the previous one is from before the broker was asked.
    @Test func whatTheBrokerWasToldOfIsNotCountedTwice() {
        let house = house(["heatpump/energy": "8012.500"])
        let before = PulseTotal(pulses: 5000, pulsesPerUnit: Quantity(1000), origin: .unsettled)
        house.store.totals["heatpump"] = .older(before, "heatpump.total is damaged")
        house.start()
        house.run(for: .seconds(60))
        #expect(house.value("heatpump/energy")?.hasPrefix("8012.5") == true)
    }

    @Test func withoutABrokerNothingChanges() {
        let house = SimulatedHouse(seed: 44)
        house.configuration.mqtt = nil
        house.store.totals["washer"] = .total(PulseTotal(pulses: 7, pulsesPerUnit: Quantity(1000), origin: .unsettled))
        house.start()
        house.run(for: .milliseconds(100))
        #expect(house.answer(to: "total heatpump") == "ok 0.000")
        #expect(house.answer(to: "total washer") == "ok 0.007")
    }
}
