/// How long the last message of a kind was: the next one will be as long. An adapter hands it over in 15 portions, and each would wake the
/// process.
struct UsualLength {
    /// The kernel keeps 4096 bytes, and at 115,200 Bd those come in 355 ms.
    private static let longestWait = Duration.milliseconds(250)
    /// No message is longer; noise may be endless.
    static let longest = 64 * 1024

    private var last = 0

    mutating func note(_ length: Int) { last = length }

    /// How long the rest of a message may gather of which so much is there; `nil` when it can't be told, or none is missing.
    func rest(after length: Int, on line: LineSettings) -> Duration? {
        guard length > 0, length < last else { return nil }
        return min(line.duration(of: last - length), Self.longestWait)
    }
}
