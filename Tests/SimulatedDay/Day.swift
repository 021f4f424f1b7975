import Metering
import SimulatedWorld

/// The day of SimulatedDayTests, linked like the product: prints its duration and a hash of the transcript. `Tests/Real/measure` runs it.
@main struct Day {
    static func main() {
        let house = SimulatedHouse(seed: 20, bounce: false, pulseWatts: [300, 600], complain: { fatalError($0) })
        let taken = ContinuousClock().measure {
            house.start()
            house.run(for: .seconds(24 * 3600))
        }
        house.stop()
        let digest = String(hash(house.transcript), radix: 16)
        print("simulated day: \((taken.seconds * 1000).rounded() / 1000) s, \(house.broker.published.count) messages, transcript \(digest)")
    }

    /// FNV-1a, 64 bits.
    private static func hash(_ lines: [String]) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for line in lines {
            for byte in line.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            hash = (hash ^ 0x0a) &* 0x100_0000_01b3
        }
        return hash
    }
}
