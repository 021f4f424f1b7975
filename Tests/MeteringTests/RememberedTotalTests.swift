import Metering
import Testing

@Suite struct RememberedTotalTests {
    private func remembered(_ payload: String) -> RememberedTotal { RememberedTotal(Array(payload.utf8)) }

    /// Up to a billion units with nine decimals, in at most 32 characters.
    @Test func whatABrokerMayRemember() {
        #expect(remembered("") == .nothing && remembered("0") == .found(Quantity(0)) && remembered("?") == .unreadable("not a number"))
        #expect(remembered("1000000000") == .found(Quantity(1_000_000_000)))
        #expect(remembered("1000000000.1") == .unreadable("1000000000.1 is not a possible total"))
        #expect(remembered("0.000000001") == .found(Quantity(1, exponent: -9)))
        #expect(remembered("0.0000000001") == .unreadable("0.0000000001 is not a possible total"))
        #expect(remembered("-1") == .unreadable("-1 is not a possible total"))
        #expect(remembered(String(repeating: "0", count: 31) + "7") == .found(Quantity(7)))
        #expect(remembered(String(repeating: "0", count: 32) + "7") == .unreadable("not a number"))
    }
}
