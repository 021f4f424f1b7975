/// The length of the last message of a kind. The next one is expected to have the same length, so its rest can be collected: an adapter
/// delivers a message in 15 portions, and each of them would wake the process.
struct UsualLength {
    /// The kernel buffers 4096 bytes, which take 355 ms at 115,200 Bd.
    private static let longestWait = Duration.milliseconds(250)
    /// The upper limit on a message's length, because noise may be endless.
    static let longest = 64 * 1024

    private var last = 0

    mutating func note(_ length: Int) { last = length }

    /// How long to collect the rest of a message after its first `length` bytes; `nil` if that is unknown or nothing is missing.
    func rest(after length: Int, on line: LineSettings) -> Duration? {
        guard length > 0, length < last else { return nil }
        return min(line.duration(of: last - length), Self.longestWait)
    }
}
