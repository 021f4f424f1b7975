/// Limits how many bytes a decoder may scan again. A failed telegram is searched for another start; if all its bytes were start characters,
/// each of them would cause a scan of a whole telegram. So each received byte earns a few rescans. The unused budget is enough for several
/// consecutive corrupted telegrams, more than any meter sends.
struct SecondLooks: Sendable {
    static let perByte = 8
    static let most = 1024 * 1024

    private var left = most
    /// How many bytes have been scanned again so far.
    private(set) var taken = 0

    mutating func earn(by received: Int) { left = min(Self.most, left + Self.perByte * min(received, Self.most)) }

    /// Takes `count` rescans from the budget; returns `false` if that would exceed it.
    mutating func take(_ count: Int) -> Bool {
        guard count <= left else { return false }
        left -= count
        taken &+= count
        return true
    }
}
