/// The broker's answer about a pulse meter whose saved total has been lost.
package enum RememberedTotal: Sendable, Hashable {
    case found(Quantity)
    case nothing
    /// The payload is not a total, for the given reason.
    case unreadable(String)
    /// The broker could not be asked.
    case unanswered

    /// Parses the payload of the total's topic.
    package init(_ payload: [UInt8]) {
        guard !payload.isEmpty else {
            self = .nothing
            return
        }
        guard payload.count <= 32, let total = Quantity(payload) else {
            self = .unreadable("not a number")
            return
        }
        self = total.isPossibleTotal ? .found(total) : .unreadable("\(total) is not a possible total")
    }
}

extension Quantity {
    package var isPossibleTotal: Bool { !isNegative && self <= Quantity(1_000_000_000) && exponent >= -9 }
}
