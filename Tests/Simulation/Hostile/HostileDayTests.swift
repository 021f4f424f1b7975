import Metering
import Publishing
import SimulatedWorld
import Testing
import VirtualMeters

/// A day of misreadings, restarts, kills, power cuts, wrong clocks, exchanged meters and outages. In the end the sums that Home Assistant
/// computes must equal the energy used, to the last digit of the meter.
@Suite struct HostileDayTests {
    #if DEBUG
        private static let (rounds, seeds) = (1, [1] as [UInt64])
    #else
        private static let (rounds, seeds) = (4, [1, 2, 3, 4, 5] as [UInt64])
    #endif

    @Test(arguments: HostileMeter.Kind.allCases, seeds) func theSumsAreRight(_ kind: HostileMeter.Kind, _ seed: UInt64) throws {
        let house = HostileHouse(kind, seed: seed, rounds: Self.rounds)
        house.run()
        for finding in house.findings.prefix(5) { Issue.record("\(kind.rawValue), seed \(seed): \(finding)") }
        #expect(house.comparisons > 10 && house.exchanges >= (kind == .nameless ? 1 : 2))
        #expect(kind == .nameless || house.serial?.hasSuffix("\(house.meter.number)") == true, "\(house.serial ?? "none")")
        #expect(house.complaints.isEmpty, "\(house.complaints)")
        // A total decreases only when a meter is exchanged, or when a plausible misreading is corrected.
        for (quantity, truth) in Self.truths {
            let total = try #require(house.totals["jouled/grid/" + quantity])
            let corrections = try correctionsOfWhatTheMeterNeverShowed(house, quantity, truth)
            #expect((house.exchanges...house.exchanges + corrections).contains(total.decreases), "\(quantity): \(total.decreases)")
            let first = try #require(total.first)
            #expect(first > (quantity == "energy_import" ? 123_450_000_000 : 890_000_000), "the first is no wrong one")
        }
        #expect(house.totals["jouled/heatpump/energy"]?.decreases == 0)
    }

    private static let truths = [("energy_import", \HostileMeter.Shown.imported), ("energy_export", \.exported)]

    /// Checks that every published total was shown by the meter, except for plausible misreadings: wrong digits within what the connection can
    /// deliver in a few seconds. They stay until the meter has reached them or contradicted them for a quarter of an hour. Returns their number.
    private func correctionsOfWhatTheMeterNeverShowed(
        _ house: HostileHouse, _ quantity: String, _ truth: KeyPath<HostileMeter.Shown, Int64>
    ) throws -> Int {
        var index = 0
        // `most` is of all meters, `shown` of the current one.
        var (most, shown, last) = (Int64(0), Int64(0), Int64(0))
        var (count, corrections) = (0, 0)
        for published in house.published where published.message.topic == "jouled/grid/" + quantity {
            // An empty payload clears the old meter's value.
            guard !published.message.payload.isEmpty else { continue }
            while index < house.meter.history.count, house.meter.history[index].at <= published.at {
                shown = house.meter.history[index][keyPath: truth]
                most = max(most, shown)
                index += 1
            }
            let value = try #require(Quantity(published.message.payload)?.units(of: ListeningHomeAssistant.exponent))
            // 25 kW for ten seconds.
            if value > most + 800_000 { Issue.record("\(quantity) \(published.message.payload), where the meter shows \(most)") }
            if value < last, value * 10 > last * 9, last > shown, value <= shown { corrections += 1 }
            last = value
            count += 1
        }
        #expect(count > 500)
        return corrections
    }
}

/// Home Assistant's rule for sums, on which the tests above rely, as observed: kWh in, sum out.
@Suite struct TotalIncreasingTests {
    @Test(
        arguments: [
            ([1000, 1001, 0, 1002], 1003), ([1000, 1001, 850, 1002], 1003), ([1000, 1001, 995, 1002], 2), ([1000, 1002], 2),
            ([1000, -5, 1002], 2), ([0, 1000, 1001], 1001), ([50000, 50010, 32, 42], 52), ([12000, 500], 500),
        ] as [([Int64], Int64)])
    func sums(_ values: [Int64], _ sum: Int64) {
        var total = TotalIncreasing()
        for value in values { total.see(value) }
        #expect(total.sum == sum)
    }

    @Test func whatIsRetainedIsHeardAtTheStart() {
        var listening = ListeningHomeAssistant()
        listening.hear("jouled/grid/energy_import", "5")
        listening.stop()
        listening.hear("jouled/grid/energy_import", "6")
        listening.hear("jouled/grid/energy_import", "7.5")
        #expect(listening.totals["jouled/grid/energy_import"]?.sum == 0)
        listening.start()
        listening.hear("jouled/grid/energy_import", "None")
        #expect(listening.totals["jouled/grid/energy_import"]?.sum == 25_000_000)
        listening.stop()
        listening.lose()
        listening.start()
        #expect(listening.totals["jouled/grid/energy_import"]?.sum == 25_000_000)
    }
}
