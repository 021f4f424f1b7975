/// Limits how many bytes a decoder may scan again. A telegram that fails is searched for another start, and in bytes that are all start
/// characters each of them would cost a whole telegram. So each received byte earns a few rescans; the unused budget is enough for several
/// consecutive corrupted telegrams, more than any meter sends.
struct SecondLooks: Sendable {
    static let perByte = 8
    static let most = 1024 * 1024

    private var left = most
    /// The total so far.
    private(set) var taken = 0

    mutating func earn(by received: Int) { left = min(Self.most, left + Self.perByte * min(received, Self.most)) }

    /// `false` if that exceeds the budget.
    mutating func take(_ count: Int) -> Bool {
        guard count <= left else { return false }
        left -= count
        taken &+= count
        return true
    }
}
