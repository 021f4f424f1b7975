import Configuration
import MeterDaemon
import MeterProtocols
import Metering
import Publishing
import SimulatedWorld
import VirtualMeters

/// A mode D meter, whose telegrams have no checksum, on a line that flips a bit in one of a thousand characters.
struct FlippedBits {
    /// With eight bits, one of them the parity; and on a port that removes the parity, where only the values reveal an error.
    static let lines: [[Fault]] = [[.eightBit, .bitErrors(rate: 0.000125)], [.bitErrors(rate: 0.000143)]]

    private(set) var telegrams = 0
    private(set) var hurt = 0
    private(set) var errors = 0
    private(set) var totals = 0
    private(set) var powers = 0
    /// Totals that the meter never showed, and powers beyond the connection's limit.
    private(set) var wrong: [String] = []

    init(_ faults: [Fault], for hours: Int) {
        let house = SimulatedHouse(seed: 31, faults: faults, pushing: .modeD)
        house.configuration.meters[0].meterProtocol = .d0Push
        house.configuration.meters[0].publishEvery = .zero
        house.configuration.pulses = []
        let began = house.loop.now
        func meter(_ faults: [Fault]) -> VirtualPushMeter {
            VirtualPushMeter(
                .modeD, household: Household(seed: 31, profile: .home, startedAt: began), faults: faults, seed: 31, startedAt: began)
        }
        var (disturbed, undisturbed) = (meter(faults), meter(faults.filter { $0 == .eightBit }))
        house.start()
        house.run(for: .seconds(hours * 3600))

        // In units of 10⁻⁷ kWh, one entry per second.
        var shown: [(imported: Int64, exported: Int64)] = []
        for _ in 0...(hours * 3600) {
            shown.append((undisturbed.energy.imported * 100 / 36, undisturbed.energy.exported * 100 / 36))
            let now = began + .seconds(shown.count)
            if disturbed.advance(to: now) != undisturbed.advance(to: now) { hurt += 1 }
        }
        telegrams = shown.count
        errors = Int(house.value("grid/errors") ?? "") ?? 0
        let published = house.broker.published
        for (name, shown) in [("energy_import", shown.map(\.imported)), ("energy_export", shown.map(\.exported))] {
            var last: Int64 = 0
            for total in published where total.message.topic == "jouled/grid/\(name)" {
                let value = Quantity(total.message.payload)?.units(of: -7) ?? -1
                let second = Int((total.at - began).seconds)
                // A total is held back until the next telegram, which may be corrupted, like the one after it.
                if value < last || value > shown[second] || value < shown[max(0, second - 20)] {
                    wrong.append("\(name) \(total.message.payload) after \(second) s, where the meter shows \(shown[second])")
                }
                last = value
                totals += 1
            }
        }
        for power in published where power.message.topic == "jouled/grid/power" {
            let watts = Quantity(power.message.payload)?.units(of: 0)
            if watts.map({ abs($0) > house.configuration.meters[0].maxPower }) ?? true { wrong.append("\(power.message.payload) W") }
            powers += 1
        }
    }

    var description: String {
        "\(telegrams) telegrams, \(hurt) hurt, \(errors) errors; \(totals) totals and \(powers) powers published, \(wrong.count) wrong"
    }
}
