/// How many bytes a decoder may look at again. What fails is searched for another beginning, and bytes that are made of nothing but
/// beginnings would each cost a whole telegram. So each byte that comes pays for a few; what is left over covers some damaged telegrams in
/// a row, more than any meter sends.
struct SecondLooks: Sendable {
    static let perByte = 8
    static let most = 1024 * 1024

    private var left = most
    /// All that were taken so far.
    private(set) var taken = 0

    mutating func earn(by received: Int) { left = min(Self.most, left + Self.perByte * min(received, Self.most)) }

    /// `false`: too many.
    mutating func take(_ count: Int) -> Bool {
        guard count <= left else { return false }
        left -= count
        taken &+= count
        return true
    }
}
