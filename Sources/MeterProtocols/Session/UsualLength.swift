import Metering

/// The lengths of the last messages of a kind. The next one is expected to have the same length, so its rest can be collected: an adapter
/// delivers a message in 15 portions, and each of them would wake the process.
struct UsualLength {
    /// The kernel buffers 4096 bytes, which take 355 ms at 115,200 Bd.
    private static let longestWait = Duration.milliseconds(250)
    /// Collecting ends this long before the expected end, so that the message is complete with its last byte, and not when a timer ends. A
    /// meter's speed may be off by 1 %, and each portion that is read by itself costs as much as a third of the message.
    private static let margin = Duration.milliseconds(8)
    /// If the lengths vary, the shortest of this many is expected.
    private static let lengthsKept = 4
    /// The upper limit on a message's length, because noise may be endless.
    static let longest = 64 * 1024

    private var lengths: [Int] = []

    mutating func note(_ length: Int) { lengths = lengths.suffix(Self.lengthsKept - 1) + [length] }

    /// How many bytes are missing after the first `length` ones; `nil` if that is unknown or nothing is missing.
    func missing(after length: Int) -> Int? {
        guard length > 0, let expected = lengths.min(), length < expected else { return nil }
        return expected - length
    }

    /// How long to collect the rest of a message after its first `length` bytes; `nil` if that is unknown or little is missing.
    func rest(after length: Int, on line: LineSettings) -> Duration? {
        guard let missing = missing(after: length) else { return nil }
        let wait = min(line.duration(of: missing) - Self.margin, Self.longestWait)
        return wait > .zero ? wait : nil
    }
}
