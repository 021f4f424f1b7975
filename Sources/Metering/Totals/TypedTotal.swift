/// A number that a person typed, with a decimal point or comma. A comma that could also be a thousands separator is rejected.
package struct TypedTotal: Sendable, Equatable {
    package let value: Quantity

    package struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    /// Longer input is rejected without parsing.
    private static let longest = 32

    package init(_ text: some Collection<UInt8>) throws(Refusal) {
        guard text.count <= Self.longest, let value = Quantity(text) else { throw Refusal(description: "not a number") }
        self.value = value
        let parts = text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].count == 3, (1...3).contains(parts[0].count), parts[0].first != UInt8(ascii: "0") else { return }
        let (whole, rest) = (String(decoding: parts[0], as: UTF8.self), String(decoding: parts[1], as: UTF8.self))
        throw Refusal(description: "ambiguous: \(whole).\(rest) or \(whole)\(rest)? Write a point, or no comma")
    }
}
