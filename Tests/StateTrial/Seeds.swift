import VirtualMeters

extension StateTrial {
    /// The same script for the same seed.
    package static func script(seed: UInt64, length: Int) -> [UInt8] {
        var random = SeededGenerator(seed: seed)
        return (0..<length).map { _ in
            // Small numbers select the usual cases.
            let byte = UInt8(truncatingIfNeeded: random.next())
            return random.happens(0.3) ? byte & 15 : byte
        }
    }

    /// The initial corpus of a fuzzer.
    package static var seeds: [[UInt8]] { (0..<64).map { script(seed: $0, length: 40 + 8 * Int($0)) } }
}
