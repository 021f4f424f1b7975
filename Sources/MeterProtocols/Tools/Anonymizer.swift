import Metering

/// Removes from a recording what identifies the meter and its owner: serial numbers, server ids, addresses, keys, signatures, messages to
/// the customer. Measured values stay, and the checksums are corrected.
///
/// Only complete telegrams are kept, because other bytes may contain anything, and only if they still decode to the same values after
/// masking.
package struct Anonymizer {
    package private(set) var recording: Recording
    package private(set) var telegrams: Int
    /// Bytes of the original that were in none of the kept telegrams.
    package private(set) var leftOut: Int

    package init(_ original: Recording, _ name: MeterProtocol? = nil) {
        let bytes = original.bytes
        let found = FoundTelegram.all(in: bytes, name)
        var pseudonyms = Pseudonyms()
        let masks = found.map { telegram -> (any TelegramMask)? in
            guard !pseudonyms.isFull, let mask = Language.named(telegram.readout.source).mask(Array(bytes[telegram.range])) else {
                return nil
            }
            mask.learn(&pseudonyms)
            return mask
        }
        leftOut = bytes.count
        var kept: [(range: Range<Int>, bytes: [UInt8])] = []
        for (telegram, mask) in zip(found, masks) {
            guard let masked = mask?.masked(by: pseudonyms), !pseudonyms.isNamed(in: masked), telegram.isSame(in: masked) else { continue }
            kept.append((telegram.range, masked))
            leftOut -= telegram.range.count
        }
        telegrams = kept.count
        recording = Recording(Self.spread(kept, over: original.portions), length: original.length)
    }

    /// Gives each byte the time of the byte that it replaces. If a telegram has become longer, the surplus goes into its last portion.
    private static func spread(_ telegrams: [(range: Range<Int>, bytes: [UInt8])], over portions: [Recording.Portion]) -> [Recording
        .Portion]
    {
        var result: [Recording.Portion] = []
        var rest = telegrams[...]
        /// How many bytes of the first telegram in `rest` have been written.
        var written = 0
        var start = 0
        for portion in portions {
            let end = start + portion.bytes.count
            var bytes: [UInt8] = []
            while let telegram = rest.first, telegram.range.lowerBound < end {
                let isLast = telegram.range.upperBound <= end
                let through = isLast ? telegram.bytes.count : min(telegram.bytes.count, end - telegram.range.lowerBound)
                bytes += telegram.bytes[min(written, through)..<through]
                written = through
                guard isLast else { break }
                rest.removeFirst()
                written = 0
            }
            if !bytes.isEmpty { result.append(Recording.Portion(at: portion.at, bytes)) }
            start = end
        }
        return result
    }
}
