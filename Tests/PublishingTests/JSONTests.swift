import Publishing
import Testing

@Suite struct JSONTests {
    @Test func keepsOrderAndDigits() {
        let json = JSON.object([("b", .number("250.600")), ("a", .array([.bool(true), .null, .string("x")])), ("", .object([]))])
        #expect(json.description == #"{"b":250.600,"a":[true,null,"x"],"":{}}"#)
    }

    @Test func escapes() {
        #expect(JSON.string("\"\\\r\n\t\u{0}\u{1F}\u{7F}/ä🙂").description == #""\"\\\r\n\t\u0000\u001f\u007f/ä🙂""#)
    }
}
