import Metering
import Testing

@Suite struct TypedTotalTests {
    @Test(arguments: [
        ("12,5", "12.5"), ("1234,567", "1234.567"), ("0,123", "0.123"), ("1.234", "1.234"), ("8012.5", "8012.5"), ("1,2345", "1.2345"),
        (",125", "0.125"), ("7", "7"), ("-5", "-5"),
    ])
    func aPersonTypesAPointOrAComma(_ typed: String, _ number: String) throws {
        let total = try TypedTotal(typed.utf8)
        #expect(total.value.description == number)
    }

    private func refusal(_ typed: String) -> String? {
        do throws(TypedTotal.Refusal) { _ = try TypedTotal(typed.utf8) } catch { return error.description }
        return nil
    }

    @Test(arguments: ["", "abc", "1,234.5", "1.234,5", "1,234,567", "1 234", "1'234", "nan", "1e9", String(repeating: "1", count: 33)])
    func nothingElseIsANumber(_ typed: String) { #expect(refusal(typed) == "not a number") }

    @Test(arguments: [("1,234", "1.234 or 1234"), ("12,500", "12.500 or 12500"), ("999,999", "999.999 or 999999")])
    func whatMayBeThousandsIsRefused(_ typed: String, _ meanings: String) {
        #expect(refusal(typed) == "ambiguous: \(meanings)? Write a point, or no comma")
    }
}

@Suite struct TypedTotalBoundTests {
    private func isRead(_ typed: String) -> Bool { (try? TypedTotal(typed.utf8)) != nil }

    @Test func upTo32Characters() {
        #expect(isRead(String(repeating: "0", count: 31) + "1") && !isRead(String(repeating: "0", count: 32) + "1"))
    }

    /// Ambiguous thousands: one to three digits before the comma, the first of them not 0, and three after it.
    @Test(arguments: [
        ("1,234", false), ("12,345", false), ("123,456", false), ("1234,567", true), (",567", true), ("0,567", true), ("1,23", true),
        ("1,2345", true), ("01,234", true),
    ])
    func thousands(_ typed: String, _ isNumber: Bool) { #expect(isRead(typed) == isNumber) }
}
