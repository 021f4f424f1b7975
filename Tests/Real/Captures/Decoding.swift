import MeterProtocols
import Metering

/// A generator that makes the same cuts and garbage in every run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func decoded(_ bytes: [UInt8], in size: Int = .max, by decoder: some PushDecoder) -> [Finding] {
    var decoder = decoder
    var found: [Finding] = []
    var rest = bytes[...]
    while !rest.isEmpty {
        found += decoder.push(Array(rest.prefix(size)), at: Instant(nanoseconds: 0))
        rest = rest.dropFirst(size)
    }
    return found + decoder.finish()
}

func decoded(_ bytes: [UInt8], cutAt cut: Int, by decoder: some PushDecoder) -> [Finding] {
    var decoder = decoder
    let now = Instant(nanoseconds: 0)
    return decoder.push(Array(bytes[..<cut]), at: now) + decoder.push(Array(bytes[cut...]), at: now) + decoder.finish()
}

extension [Finding] {
    var readouts: [Readout] { compactMap { if case .readout(let readout) = $0 { readout } else { nil } } }
    var noise: [Finding.Noise] { compactMap { if case .noise(let noise) = $0 { noise } else { nil } } }
}
