import MeterDaemon
import Metering
import Publishing
import SimulatedWorld
import Testing

/// Commands arrive as fast as a client of the broker can send them.
@Suite struct CommandFloodTests {
    private func answers(_ house: SimulatedHouse, _ meter: String = "heatpump") -> [String] {
        house.broker.published.filter { $0.message.topic == "jouled/\(meter)/total/result" }.map(\.message.payload)
    }

    @Test func theNewestTotalIsSavedOnceASecond() {
        let house = SimulatedHouse(seed: 51)
        house.start()
        house.run(for: .seconds(30))
        let before = house.store.saves
        for step in 0..<5000 {
            house.broker.send("jouled/heatpump/total/set", "\(8000 + step)")
            house.run(for: .milliseconds(2))
        }
        // Each save may include the other meter's total, if that has counted.
        #expect(house.store.saves - before <= 24, "\(house.store.saves - before) in 10 s")
        house.run(for: .seconds(2))
        #expect(house.value("heatpump/energy")?.hasPrefix("12999.0") == true)
        guard case .total(let saved)? = house.store.totals["heatpump"] else { return #expect(Bool(false), "not saved") }
        #expect(saved.base == Quantity(12999))
        let answers = answers(house)
        #expect(answers.last == "ok")
        #expect((10...13).contains(answers.count { $0 == "ok" }))
        #expect(answers.contains("replaced by 8002"))
        #expect(answers.contains { $0.hasSuffix(" more were rejected or replaced by newer ones") })
        #expect(answers.count < 300, "\(answers.count)")
        #expect(house.log.lines.count { $0.hasPrefix("heatpump: total set to ") } <= 12)
    }

    /// Each command is answered, and `ok` means that the total is on disk.
    @Test func whatIsOvertakenIsSaid() {
        let house = SimulatedHouse(seed: 52)
        house.start()
        house.run(for: .seconds(30))
        for total in ["8001", "8002", "x", "8003"] { house.broker.send("jouled/heatpump/total/set", total) }
        house.broker.send("jouled/washer/total/set", "5")
        house.run(for: .milliseconds(100))
        #expect(
            answers(house) == ["not a number", "replaced by 8003", "ok"] || answers(house) == ["ok", "not a number", "replaced by 8003"])
        #expect(answers(house, "washer") == ["ok"], "another meter does not wait")
        #expect(house.value("heatpump/energy")?.hasPrefix("8001.0") == true)
        house.run(for: .seconds(1))
        #expect(answers(house).suffix(1) == ["ok"] && answers(house).count == 4)
        #expect(house.value("heatpump/energy")?.hasPrefix("8003.0") == true)
        // The daemon stops before the second command is processed.
        for total in ["9001", "9002"] { house.broker.send("jouled/heatpump/total/set", total) }
        house.run(for: .milliseconds(5))
        house.stop()
        let known = answers(house).last == "not set: jouled is stopping" ? "8003" : "9002"
        guard case .total(let saved)? = house.store.totals["heatpump"] else { return #expect(Bool(false), "not saved") }
        #expect(saved.base == Quantity(known) || saved.base == Quantity(9001))
    }

    /// While the disk hangs, other messages from the broker are processed and values are published.
    @Test func aDiskThatHangsKeepsNothingElse() {
        let house = SimulatedHouse(seed: 53)
        let loop = house.loop
        house.start()
        house.run(for: .seconds(60))
        house.store.pause = { await loop.sleep(until: .distantFuture) }
        for total in ["8001", "8002", "8003"] { house.broker.send("jouled/heatpump/total/set", total) }
        house.run(for: .seconds(1))
        let before = house.broker.published.count
        house.broker.send("jouled/read/set", "PRESS")
        house.run(for: .milliseconds(100))
        let after = house.broker.published[before...].map(\.message)
        #expect(after.contains(MQTTMessage("jouled/status", "online", qos: 1, retain: true)))
        #expect(after.contains { $0.topic == "jouled/grid/power" })
        #expect(!answers(house).contains("ok"), "nothing is on disk")
        house.broker.isThere = false
        house.broker.isThere = true
        house.run(for: .seconds(1))
        #expect(house.value("status") == "online")
        house.stop()
        #expect(house.value("status") == "offline", "the last words need no disk")
    }

    /// A new card that hangs when the broker's total is saved: only that meter waits.
    @Test func onlyTheMeterWaitsWhoseTotalIsNotOnDisk() {
        let house = SimulatedHouse(seed: 54)
        let loop = house.loop
        house.broker.retained["jouled/heatpump/energy"] = "8012.500"
        house.store.totals["washer"] = .total(PulseTotal(pulsesPerUnit: Quantity(1000)))
        house.store.pause = { await loop.sleep(until: loop.now + .seconds(100)) }
        house.start()
        house.run(for: .seconds(60))
        let topics = Set(house.broker.published.map(\.message.topic))
        #expect(topics.contains("jouled/grid/energy_import") && topics.contains("jouled/washer/energy"))
        #expect(!topics.contains("jouled/heatpump/energy"))
        house.store.pause = nil
        house.run(for: .seconds(300))
        #expect(house.value("heatpump/energy")?.hasPrefix("8012.") == true)
        let values = house.broker.published.filter { $0.message.topic == "jouled/heatpump/pulses" }
        #expect(zip(values, values.dropFirst()).allSatisfy { (Int($0.message.payload) ?? 0) <= (Int($1.message.payload) ?? 0) })
    }

    @Test func restartsOnceInTenSeconds() {
        let house = SimulatedHouse(seed: 55)
        house.start()
        // The previous process may have been restarted with the same button, so there is a minimum uptime.
        house.run(for: .milliseconds(500))
        house.broker.send("jouled/restart/set", "PRESS")
        house.run(for: .seconds(9))
        #expect(house.restarts == 0)
        house.run(for: .seconds(1))
        #expect(house.restarts == 1)
        for _ in 0..<3000 {
            house.broker.send("jouled/restart/set", "PRESS")
            house.run(for: .milliseconds(10))
        }
        #expect((3...4).contains(house.restarts))
        #expect(house.log.lines.count < 40, "\(house.log.lines)")
    }

    @Test func repeatsOnceInFiveSeconds() {
        let house = SimulatedHouse(seed: 56)
        house.start()
        house.run(for: .seconds(60))
        let (before, opened) = (house.broker.published.count, house.line.opened)
        for _ in 0..<3000 {
            house.broker.send("jouled/read/set", "PRESS")
            house.run(for: .milliseconds(10))
        }
        let sent = house.broker.published[before...].map(\.message)
        #expect((6...7).contains(sent.count { $0.topic == "jouled/status" }))
        #expect(house.line.opened - opened <= 8)
        #expect(sent.count { $0.topic == "homeassistant/device/jouled_grid/config" } <= 4, "one announcement in 10 s")
        #expect(sent.count < 1000)
    }

    @Test func birthsAndNonsenseArePaced() {
        let house = SimulatedHouse(seed: 57)
        house.start()
        house.run(for: .seconds(60))
        let (before, lines) = (house.broker.published.count, house.log.lines.count)
        for _ in 0..<3000 {
            house.broker.send("homeassistant/status", "online")
            house.broker.send("jouled/restart/set", "ON")
            house.broker.send("jouled/heatpump/total/set", "1", retained: true)
            house.broker.send("jouled/heatpump/total/set", "one")
            house.broker.send("jouled/nobody/total/set", "1")
            house.run(for: .milliseconds(10))
        }
        let sent = house.broker.published[before...].map(\.message)
        #expect((2...4).contains(sent.count { $0.topic == "jouled/status" }))
        #expect(house.log.lines.count - lines <= 10, "\(house.log.lines.suffix(12))")
        let ignored = "mqtt: ignored a message on jouled/restart/set: only PRESS is accepted (999 more "
        #expect(house.log.lines.contains { $0.hasPrefix(ignored) })
        #expect(answers(house).count <= 21 * 31)
        #expect(answers(house, "nobody").isEmpty)
    }
}
