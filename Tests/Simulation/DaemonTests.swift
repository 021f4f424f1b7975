import Configuration
import MeterDaemon
import MeterProtocols
import Metering
import Publishing
import SimulatedWorld
import Testing
import VirtualMeters

/// The complete daemon in virtual time, observed at the broker.
@Suite struct DaemonTests {
    @Test func theFirstTotalIsThereWithinTenSeconds() throws {
        let house = SimulatedHouse(seed: 1)
        house.start()
        house.run(for: .seconds(10))
        #expect(house.value("status") == "online")
        #expect(house.value("grid/availability") == "online")
        #expect(house.value("grid/energy_import")?.hasPrefix("33402.2") == true)
        #expect(house.value("grid/serial") == "28342193")
        #expect(house.value("grid/problem") == "none")
        #expect(house.broker.retained["homeassistant/device/jouled_grid/config"]?.contains("total_increasing") == true)
    }

    @Test func registersAreReadBackToBack() {
        let house = SimulatedHouse(seed: 2)
        house.configuration.meters[0].every = .zero
        house.configuration.meters[0].publishEvery = .zero
        house.start()
        house.run(for: .seconds(10))
        let before = house.broker.published.count { $0.message.topic == "jouled/grid/json" }
        house.run(for: .seconds(70))
        let readings = house.broker.published.count { $0.message.topic == "jouled/grid/json" } - before
        #expect(readings >= 210, "\(readings) in 70 s")
    }

    /// After the first minute, and then once an hour.
    @Test func theMetersClockIsCompared() throws {
        let house = SimulatedHouse(seed: 21, meterAhead: .seconds(3600 - 37))
        house.start()
        house.run(for: .seconds(60))
        #expect(house.value("grid/meter_clock_offset") == nil)
        house.run(for: .seconds(3700))
        let topic = "jouled/grid/meter_clock_offset"
        let values = house.broker.published.filter { $0.message.topic == topic && !$0.message.payload.isEmpty }
        #expect((1...2).contains(values.count) && values.allSatisfy { ["-38", "-37", "-36"].contains($0.message.payload) })
        #expect(house.value("grid/errors") == "0" && house.value("grid/problem") == "none")
        let asked = house.log.lines.filter { $0.contains("grid") && $0.contains("refused") }
        #expect(asked == [])
    }

    /// A line that flickers causes one log line in ten seconds, and the last one is correct.
    @Test func aProblemThatComesAndGoesDoesNotFillTheLog() {
        let house = SimulatedHouse(seed: 22)
        house.start()
        house.run(for: .seconds(10))
        let before = house.log.lines.count { $0.hasPrefix("heatpump: ") }
        for round in 0..<60 {
            house.pulseLines.pull("heatpump", isThere: round % 2 == 1)
            house.run(for: .seconds(2))
        }
        house.run(for: .seconds(20))
        let lines = house.log.lines.filter { $0.hasPrefix("heatpump: ") }.dropFirst(before)
        #expect((8...14).contains(lines.count), "\(lines.count) in 140 s")
        #expect(lines.last?.hasPrefix("heatpump: working again") == true && house.value("heatpump/problem") == "none")
        #expect(lines.contains { $0.hasSuffix(" more like this in 10 s)") })
    }

    @Test func totalsAreExactAndNeverRunBackwards() throws {
        let house = SimulatedHouse(seed: 3)
        house.start()
        house.run(for: .seconds(1800))
        house.stop()
        #expect(!house.isRunning)
        for (topic, truth) in [("heatpump", house.pulses("heatpump")), ("washer", house.pulses("washer"))] {
            guard case .total(let total)? = house.store.totals[topic] else { return #expect(Bool(false), "nothing saved for \(topic)") }
            // The pulse in progress when the daemon stops is not counted, and neither are later ones.
            #expect(truth - total.pulses <= 6 && total.pulses <= truth, "\(topic): \(total.pulses) of \(truth)")
            #expect(house.value("\(topic)/energy") == total.total.description, "what is published last is what is saved")
        }
        #expect(try risingTotals(house))
        #expect(house.value("status") == "offline")
    }

    /// Returns whether every published total is at least the previous one.
    private func risingTotals(_ house: SimulatedHouse) throws -> Bool {
        var last: [String: Quantity] = [:]
        for published in house.broker.published where published.message.topic.contains("/energy") {
            let value = try #require(Quantity(published.message.payload))
            if let before = last[published.message.topic], value < before { return false }
            last[published.message.topic] = value
        }
        return last.count >= 4
    }

    @Test(arguments: [
        [Fault.bitErrors(rate: 0.0005)], [.dropBytes(rate: 0.002)], [.echo], [.leadingNoise], [.eightBit], [.noHighSpeed], [.noProgramming],
        [.slow], [.locked], [.nakOnce], [.wrongBCCOnce], [.echo, .leadingNoise, .bitErrors(rate: 0.0002)],
    ])
    func aBadLineGivesNoWrongValue(_ faults: [Fault]) throws {
        let house = SimulatedHouse(seed: 4, profile: .steady(watts: 2000), faults: faults)
        house.start()
        house.run(for: .seconds(1200))
        var last: Int64 = 0
        var readings = 0
        for published in house.broker.published where published.message.topic == "jouled/grid/energy_import" {
            let value = try #require(Quantity(published.message.payload)?.units(of: -3))
            // 2 kW are 5 Wh in 9 s; the register lags by a second, a slow readout by ten.
            let truth = 33_402_264 + (published.at.nanoseconds - 1_000_000_000_000) / 1_800_000_000
            #expect(value >= last && value <= truth + 1 && value >= truth - 12, "\(value) at \(truth)")
            last = value
            readings += 1
        }
        #expect(readings >= 30, "\(faults): \(readings) readings")
    }

    @Test func aVanishedAdapterIsReopenedWithinTwoSeconds() {
        let house = SimulatedHouse(seed: 5)
        house.start()
        house.run(for: .seconds(60))
        house.line.isPlugged = false
        house.run(for: .seconds(100))
        #expect(house.value("grid/availability") == "offline")
        #expect(house.value("grid/problem") == "the adapter is not there")
        #expect(house.value("heatpump/availability") == "online")
        let pulses = house.value("heatpump/pulses")
        let opened = house.line.opened
        house.line.isPlugged = true
        house.run(for: .seconds(2))
        #expect(house.line.opened == opened + 1)
        house.run(for: .seconds(10))
        #expect(house.value("grid/availability") == "online")
        #expect(house.value("grid/problem") == "none")
        #expect(house.value("heatpump/pulses") != pulses)
        #expect(house.log.lines.count { $0.contains("adapter") } <= 2, "said once: \(house.log.lines)")
    }

    @Test func aSilentMeterIsOfflineAndSaysWhy() {
        let house = SimulatedHouse(seed: 6, faults: [.silentAfter(.seconds(60))])
        house.start()
        house.run(for: .seconds(120))
        #expect(house.value("grid/availability") == "offline")
        #expect(house.value("grid/problem")?.contains("60 s") == true)
        #expect(house.value("grid/energy_import") != nil, "the last value stays")
    }

    @Test func aLostLineIsTakenAgainAndNothingIsForgotten() {
        let house = SimulatedHouse(seed: 7)
        house.start()
        house.run(for: .seconds(60))
        house.pulseLines.pull("heatpump", isThere: false)
        house.run(for: .seconds(30))
        #expect(house.value("heatpump/availability") == "offline")
        #expect(house.value("heatpump/problem") != "none")
        let before = Int64(house.value("heatpump/pulses") ?? "") ?? 0
        house.pulseLines.pull("heatpump", isThere: true)
        house.run(for: .seconds(60))
        #expect(house.value("heatpump/availability") == "online")
        #expect((Int64(house.value("heatpump/pulses") ?? "") ?? 0) > before)
    }

    /// Soon after the first totals, then once an hour, and at the end. More would wear out an SD card.
    @Test func whatIsKnownOfTheMeterIsRemembered() throws {
        let house = SimulatedHouse(seed: 10)
        house.start()
        house.run(for: .seconds(30))
        #expect(house.memory.memories["grid"]?.serial == "28342193" && house.memory.saves == 1)
        house.run(for: .seconds(7300))
        #expect(house.memory.saves == 3)
        house.stop()
        let last = house.memory.memories["grid"]?.totals[.energyImport]?.value.description
        #expect(house.memory.saves == 4 && last == house.value("grid/energy_import"))
    }

    /// When the daemon is killed, its last save may be an hour old, but the published values are noted in RAM.
    @Test func whatWasPublishedIsNotedAtOnce() throws {
        let house = SimulatedHouse(seed: 10)
        house.start()
        house.run(for: .seconds(900))
        let saved = try #require(house.memory.memories["grid"]?.totals[.energyImport]?.value)
        let noted = try #require(house.memory.notes["grid"]?.totals[.energyImport]?.value)
        #expect(noted > saved)
        #expect(noted.description == house.value("grid/energy_import"))
    }

    @Test func whatCanNotBeRememberedIsSaidOnce() {
        let house = SimulatedHouse(seed: 10)
        house.memory.failure = PortError("no space left on device")
        house.start()
        house.run(for: .seconds(3800))
        #expect(house.log.lines.count { $0 == "the meters' last readings can't be saved: no space left on device" } == 1)
        #expect(house.value("grid/problem") == "none")
    }

    @Test func theSameSeedGivesTheSameTranscript() {
        func transcript(_ seed: UInt64) -> [String] {
            let house = SimulatedHouse(seed: seed, faults: [.bitErrors(rate: 0.0003), .dropBytes(rate: 0.0003)])
            house.start()
            house.run(for: .seconds(600))
            house.broker.isThere = false
            house.run(for: .seconds(60))
            house.broker.isThere = true
            house.run(for: .seconds(600))
            house.stop()
            return house.transcript
        }
        let first = transcript(8)
        #expect(first == transcript(8))
        #expect(first.count > 500)
        #expect(first != transcript(9))
    }
}
