import Configuration
import MeterDaemon
import Metering
import Publishing
import SimulatedWorld
import Testing
import VirtualMeters

@Suite struct BrokerTests {
    @Test func aBrokerThatStartsLateGetsEverything() {
        let house = SimulatedHouse(seed: 11)
        house.broker.isThere = false
        house.start()
        house.run(for: .seconds(600))
        #expect(house.broker.published.isEmpty)
        house.broker.isThere = true
        house.run(for: .seconds(1))
        #expect(house.value("status") == "online")
        #expect(house.value("grid/energy_import") != nil)
        house.run(for: .seconds(2))
        #expect(house.value("heatpump/energy") != nil)
    }

    /// A meter that has not been read, and a broker that is gone.
    @Test func problemsCanBeAskedFor() {
        let house = SimulatedHouse(seed: 14)
        house.broker.isThere = false
        house.start()
        house.run(for: .milliseconds(100))
        #expect(house.answer(to: "problem")?.hasPrefix("error grid: has not been read yet; ") == true)
        #expect(house.answer(to: "problem")?.hasSuffix("; mqtt: not connected: connection refused") == true)
        house.broker.isThere = true
        // Pulse meters without a saved total also wait for the broker's answer.
        house.run(for: .seconds(60))
        #expect(house.answer(to: "problem") == "ok everything works")
        house.broker.isThere = false
        house.run(for: .seconds(1))
        #expect(house.answer(to: "problem") == "error mqtt: not connected: connection refused")
        #expect(house.answer(to: "problem grid") == "ok being read")
    }

    @Test func anHourWithoutTheBrokerLosesNothing() throws {
        let house = SimulatedHouse(seed: 12)
        house.start()
        house.run(for: .seconds(60))
        house.broker.isThere = false
        house.run(for: .seconds(3600))
        #expect(house.value("status") == "offline", "the will")
        house.broker.isThere = true
        house.run(for: .seconds(10))
        #expect(house.value("status") == "online", "at every connect")
        let pulses = try #require(Int64(house.value("heatpump/pulses") ?? ""))
        #expect(house.pulses("heatpump") - pulses <= 3)
        #expect(house.log.lines.count { $0.contains("broker") } <= 3, "\(house.log.lines)")
    }

    @Test func homeAssistantsBirthBringsAllAgain() {
        let house = SimulatedHouse(seed: 13)
        house.start()
        house.run(for: .seconds(30))
        let before = house.broker.published.count { $0.message.topic.hasSuffix("/config") }
        house.broker.send("homeassistant/status", "online")
        house.run(for: .seconds(4))
        #expect(house.broker.published.count { $0.message.topic.hasSuffix("/config") } == before + 4, "the daemon and three meters")
    }

    @Test func theButtonsReadAgainAndRestart() throws {
        let house = SimulatedHouse(seed: 22)
        house.start()
        house.run(for: .seconds(60))
        let (opened, errors) = (house.line.opened, house.value("grid/errors"))
        let before = house.broker.published.count
        house.broker.send("jouled/read/set", "PRESS")
        house.run(for: .milliseconds(1010))
        let again = MQTTMessage("jouled/grid/serial", "28342193", qos: 1, retain: true)
        #expect(house.broker.published[before...].contains { $0.message == again })
        #expect(house.line.opened == opened + 1)
        house.run(for: .seconds(60))
        // The session was ended properly: the meter answers again immediately, and there were no errors in between.
        #expect(house.line.opened == opened + 1 && house.value("grid/errors") == errors)
        let after = house.broker.published[before...].map(\.message)
        #expect(!after.contains { $0.payload == "offline" })
        #expect(Set(after.filter { $0.topic == "jouled/grid/problem" }.map(\.payload)) == ["none"])
        #expect(after.count { $0.topic == "jouled/grid/power" } > 5)
        #expect(house.restarts == 0)
        house.broker.send("jouled/restart/set", "PRESS", retained: true)
        house.broker.send("jouled/restart/set", "ON")
        house.broker.send("jouled/restart/set", "")
        house.run(for: .seconds(10))
        #expect(house.restarts == 0)
        house.broker.send("jouled/restart/set", "PRESS")
        house.run(for: .seconds(1))
        #expect(house.restarts == 1)
        #expect(
            house.log.lines.suffix(4) == [
                "mqtt: ignored a retained message on jouled/restart/set",
                "mqtt: ignored a message on jouled/restart/set: only PRESS is accepted",
                "mqtt: ignored a message on jouled/restart/set: only PRESS is accepted", "mqtt: asked to restart",
            ])
    }

    @Test func aTotalIsSetAndSavedAndAnswered() {
        let house = SimulatedHouse(seed: 14)
        house.start()
        house.run(for: .seconds(30))
        house.broker.send("jouled/heatpump/total/set", "8012.5")
        house.run(for: .milliseconds(100))
        #expect(house.value("heatpump/energy")?.hasPrefix("8012.5") == true)
        #expect(house.broker.published.last { $0.message.topic == "jouled/heatpump/total/result" }?.message.payload == "ok")
        guard case .total(let saved)? = house.store.totals["heatpump"] else { return #expect(Bool(false), "not saved") }
        #expect(saved.base == Quantity(80125, exponent: -1))
        for nonsense in ["", "-1", "abc", "nan", "1e9", "99999999999", "1,234", String(repeating: "1", count: 5000)] {
            house.broker.send("jouled/heatpump/total/set", nonsense)
            house.run(for: .milliseconds(100))
            #expect(house.broker.published.last { $0.message.topic == "jouled/heatpump/total/result" }?.message.payload != "ok")
        }
        house.broker.send("jouled/grid/total/set", "5")
        house.broker.send("jouled/heatpump/total/set", "1", retained: true)
        house.run(for: .seconds(1))
        #expect(house.value("heatpump/energy")?.hasPrefix("8012.5") == true)
    }

    @Test func aTotalIsShownAndSetByASocket() throws {
        let house = SimulatedHouse(seed: 21)
        house.start()
        house.run(for: .seconds(60))
        #expect(house.answer(to: "total heatpump") == house.value("heatpump/energy").map { "ok \($0)" })
        let first = try #require(house.answer(to: "total heatpump 8000.0")).split(separator: "\n")
        #expect(first.count == 2 && first[0] == "ok 8000.000" && first[1].hasSuffix("Z: set to 8000.0, was 0.011"), "\(first)")
        house.run(for: .seconds(900))
        let second = try #require(house.answer(to: "total heatpump 8000.2")).split(separator: "\n")
        #expect(second.count == 4 && second[0] == "ok 8000.200" && second[3].hasPrefix("drift: -"), "\(second)")
        #expect(house.answer(to: "total heatpump")?.split(separator: "\n").dropFirst() == second.dropFirst())
        #expect(house.answer(to: "total heatpump -1")?.hasPrefix("error ") == true)
        #expect(house.answer(to: "total grid 1")?.hasPrefix("error ") == true)
        #expect(house.answer(to: "total heatpump 1 2") == "error not understood")
    }

    @Test func theSecondCorrectionShowsTheDrift() throws {
        let house = SimulatedHouse(seed: 19)
        house.start()
        house.run(for: .seconds(60))
        house.broker.send("jouled/heatpump/total/set", "8000,00")
        house.run(for: .seconds(1))
        #expect(house.value("heatpump/drift") == nil)
        let before = try #require(Int64(house.value("heatpump/pulses") ?? ""))
        house.run(for: .seconds(900))
        // The display has advanced by only a tenth of a kWh.
        house.broker.send("jouled/heatpump/total/set", "8000.100")
        house.run(for: .milliseconds(100))
        #expect(house.broker.published.last { $0.message.topic == "jouled/heatpump/total/result" }?.message.payload == "ok")
        guard case .total(let saved)? = house.store.totals["heatpump"] else { return #expect(Bool(false), "not saved") }
        #expect(saved.corrections.map(\.display.description) == ["8000.00", "8000.100"])
        let counted = try #require(saved.corrections.last).pulses
        #expect(counted - before > 150)
        let drift = try #require(Int64(house.value("heatpump/drift_pulses") ?? ""))
        #expect(abs(drift - (counted - before - 100)) <= 1)
        #expect(house.value("heatpump/drift_percent")?.isEmpty == false)
        #expect(house.value("heatpump/drift")?.hasPrefix("too many pulses") == true)
        let config = house.broker.retained["homeassistant/device/jouled_heatpump/config"]
        #expect(config?.contains("jouled/heatpump/drift_percent") == true)
        // Another meter: the values derived from the old one are cleared.
        house.run(for: .seconds(60))
        house.broker.send("jouled/heatpump/total/set", "3")
        house.run(for: .seconds(1))
        #expect(house.value("heatpump/drift") == "" && house.value("heatpump/drift_percent") == "")
        #expect(house.broker.retained["homeassistant/device/jouled_heatpump/config"]?.contains("drift") == false)
    }

    @Test func aRestartContinuesTheTotals() throws {
        let first = SimulatedHouse(seed: 15)
        first.start()
        first.run(for: .seconds(300))
        first.stop()
        let before = try #require(Quantity(first.value("heatpump/energy") ?? ""))
        let second = SimulatedHouse(seed: 16)
        second.store.totals = first.store.totals
        second.start()
        second.run(for: .seconds(1))
        let restored = second.broker.published.first { $0.message.topic == "jouled/heatpump/energy" }?.message.payload
        #expect(try #require(Quantity(restored ?? "")) == before, "restored before the first publish")
    }

    @Test func aDamagedTotalIsNotPublished() {
        let house = SimulatedHouse(seed: 17)
        house.store.totals["heatpump"] = .damaged("the file is torn")
        house.start()
        house.run(for: .seconds(120))
        #expect(house.value("heatpump/energy") == nil)
        #expect(house.value("heatpump/problem")?.contains("torn") == true)
        #expect(house.value("heatpump/power") != nil)
        #expect(house.store.totals["heatpump"] == .damaged("the file is torn"), "and not overwritten")
    }

    @Test func aFullDiskIsSaidOnceAndCountingGoesOn() {
        let house = SimulatedHouse(seed: 18)
        house.store.failure = PortError("no space left on device")
        house.start()
        house.run(for: .seconds(600))
        #expect(house.log.lines.count { $0.contains("no space") } == 2, "once for each meter")
        #expect((Int64(house.value("heatpump/pulses") ?? "") ?? 0) > 80)
        #expect(house.value("heatpump/problem") == "the total can't be saved: no space left on device")
        #expect(house.value("heatpump/availability") == "online")
        house.pulseLines.pull("heatpump", isThere: false)
        house.run(for: .seconds(5))
        #expect(house.value("heatpump/problem")?.hasSuffix("; the total can't be saved: no space left on device") == true)
        house.pulseLines.pull("heatpump", isThere: true)
        house.store.failure = nil
        house.run(for: .seconds(120))
        #expect(house.log.lines.contains { $0 == "washer: working again" })
        #expect(house.value("heatpump/problem") == "none")
    }

    @Test func theOlderCopyIsSaid() {
        let house = SimulatedHouse(seed: 20)
        house.store.totals["heatpump"] = .older(
            PulseTotal(pulses: 7, base: Quantity(8000), pulsesPerUnit: Quantity(1000)), "heatpump.total is damaged")
        house.start()
        house.run(for: .seconds(60))
        #expect(house.value("heatpump/energy")?.hasPrefix("8000.0") == true)
        #expect(house.value("heatpump/problem") == "none")
        #expect(house.log.lines.contains("heatpump: total 8000.007 restored from the older copy: heatpump.total is damaged"))
    }

    /// Domoticz keeps every value in its history forever.
    @Test(arguments: [UInt64(31), 32]) func domoticzGetsNothingThatSpoilsItsHistory(seed: UInt64) {
        let house = SimulatedHouse(seed: seed, faults: [.bitErrors(rate: 1e-4), .dropBytes(rate: 1e-5)])
        var gateway = DomoticzGateway()
        gateway.devices = [
            DomoticzDevice(idx: 7, meter: "grid", kind: .p1), DomoticzDevice(idx: 8, meter: "heatpump", kind: .kwh),
        ]
        house.configuration.outputs = [
            Configuration.Output(gateway), Configuration.Output(FormOutput(meter: "grid", topic: "form", deviceID: "x")),
        ]
        house.start()
        for _ in 0..<6 {
            house.run(for: .seconds(500))
            house.broker.isThere = false
            house.run(for: .seconds(100))
            house.broker.isThere = true
        }
        var last: [String: [Int64]] = [:]
        var counts: [String: Int] = [:]
        for message in house.broker.published.map(\.message) where message.topic == "domoticz/in" {
            let words = message.payload.split(separator: "\"")
            let parts = (words.dropLast().last ?? "").split(separator: ";", omittingEmptySubsequences: false).compactMap { Int64($0) }
            let isP1 = message.payload.hasPrefix(#"{"command":"udevice","idx":7,"nvalue":0,"svalue":""#)
            let count = isP1 ? 6 : 2
            #expect(parts.count == count, "\(message)")
            #expect(parts.allSatisfy { $0 >= 0 } && !message.retain, "\(message)")
            let counters = isP1 ? Array(parts.prefix(4)) : Array(parts.dropFirst())
            let before = last[isP1 ? "p1" : "kwh"] ?? counters
            #expect(zip(before, counters).allSatisfy { $0 <= $1 }, "\(message)")
            last[isP1 ? "p1" : "kwh"] = counters
            counts[isP1 ? "p1" : "kwh", default: 0] += 1
        }
        #expect(counts.count == 2 && counts.values.allSatisfy { (200...310).contains($0) }, "\(counts)")
        let forms = house.broker.published.filter { $0.message.topic == "form" }
        #expect((25...120).contains(forms.count), "\(forms.count)")
        #expect(zip(forms, forms.dropFirst()).allSatisfy { $1.at - $0.at >= .seconds(25) })
    }
}
