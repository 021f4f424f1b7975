import Configuration
import MeterDaemon
import MeterProtocols
import Metering
import Publishing
import SimulatedWorld
import VirtualMeters

/// A mode D meter, whose telegrams have no checksum, on a line that corrupts one in a thousand characters.
struct NoisyLine {
    struct Kind: Sendable {
        var hasParity: Bool
        /// Whether a character arrives with a flipped bit, or not at all.
        var flipsBits: Bool

        /// Whether some errors can't be noticed.
        var isBlind: Bool { flipsBits && !hasParity }

        var faults: [Fault] {
            let noise = flipsBits ? Fault.bitErrors(rate: hasParity ? 0.000125 : 0.000143) : .dropBytes(rate: 0.001)
            return hasParity ? [.eightBit, noise] : [noise]
        }
    }

    static let kinds = [(true, true), (true, false), (false, true), (false, false)].map { Kind(hasParity: $0.0, flipsBits: $0.1) }

    private struct Telegram {
        var imported: Int64
        var exported: Int64
        var watts: Int64
        var isHurt: Bool
    }

    private(set) var telegrams = 0
    private(set) var hurt = 0
    private(set) var errors = 0
    private(set) var totals = 0
    private(set) var powers = 0
    /// Totals and powers that the meter did not show in the seconds before.
    private(set) var wrong: [String] = []
    /// Powers near one that the meter showed, and totals between two that it showed: without parity, nothing reveals a flipped bit in the
    /// last digits.
    private(set) var inexact = 0
    /// Intact telegrams whose total was never published.
    private(set) var lost = 0

    init(_ kind: Kind, for hours: Int) {
        let house = SimulatedHouse(seed: 31, faults: kind.faults, pushing: .modeD)
        house.configuration.meters[0].meterProtocol = .d0Push
        house.configuration.meters[0].publishEvery = .zero
        house.configuration.pulses = []
        let began = house.loop.now
        func meter(_ faults: [Fault]) -> VirtualPushMeter {
            VirtualPushMeter(
                .modeD, household: Household(seed: 31, profile: .home, startedAt: began), faults: faults, seed: 31, startedAt: began)
        }
        var (disturbed, undisturbed) = (meter(kind.faults), meter(kind.faults.filter { $0 == .eightBit }))
        house.start()
        house.run(for: .seconds(hours * 3600))

        // One per second; the totals in units of 10⁻⁷ kWh.
        var sent: [Telegram] = []
        for second in 1...(hours * 3600) {
            let now = began + .seconds(second)
            let isHurt = disturbed.advance(to: now) != undisturbed.advance(to: now)
            let energy = undisturbed.energy
            sent.append(
                Telegram(
                    imported: energy.imported * 100 / 36, exported: energy.exported * 100 / 36, watts: undisturbed.watts, isHurt: isHurt))
        }
        telegrams = sent.count
        hurt = sent.count { $0.isHurt }
        errors = Int(house.value("grid/errors") ?? "") ?? 0
        let published = house.broker.published
        /// What was sent up to this moment: the last `count` telegrams.
        func latest(_ count: Int, _ at: Instant) -> ArraySlice<Telegram> { sent.prefix(Int((at - began).seconds)).suffix(count) }

        var imports: Set<Int64> = []
        for total in published where ["jouled/grid/energy_import", "jouled/grid/energy_export"].contains(total.message.topic) {
            let isImport = total.message.topic == "jouled/grid/energy_import"
            let value = Quantity(total.message.payload)?.units(of: -7) ?? -1
            // A total may be held back until later telegrams confirm it, some of which may be corrupted.
            let shown = latest(20, total.at).map { isImport ? $0.imported : $0.exported }
            if !shown.contains(value), kind.isBlind, let first = shown.first, let last = shown.last, (first...last).contains(value) {
                inexact += 1
            } else if !shown.contains(value) {
                wrong.append("\(total.message.topic) \(total.message.payload), not one of \(shown)")
            }
            if isImport { imports.insert(value) }
            totals += 1
        }
        for power in published where power.message.topic == "jouled/grid/power" {
            let watts = Quantity(power.message.payload)?.units(of: 0) ?? .max
            let shown = latest(5, power.at).map(\.watts)
            powers += 1
            if shown.contains(watts) { continue }
            let isNear = shown.contains { ($0 - watts).magnitude <= $0.magnitude / 3 + 10 }
            if isNear, kind.isBlind { inexact += 1 } else { wrong.append("\(watts) W, not one of \(shown)") }
        }
        // The last ones may still be held back.
        lost = sent.dropFirst(3).dropLast(5).count { !$0.isHurt && !imports.contains($0.imported) }
    }

    var description: String {
        "\(telegrams) telegrams, \(hurt) hurt, \(errors) errors; \(totals) totals and \(powers) powers published, \(wrong.count) wrong, "
            + "\(inexact) inexact; \(lost) intact telegrams lost"
    }
}
