import Publishing
import Testing

@Suite struct JSONTests {
    @Test func keepsOrderAndDigits() {
        let json = JSON.object([("b", .number("250.600")), ("a", .array([.bool(true), .null, .string("x")])), ("", .object([]))])
        #expect(json.description == #"{"b":250.600,"a":[true,null,"x"],"":{}}"#)
        #expect(
            JSON.array([.bool(false), .array([]), .object([("a", .null), ("b", .null), ("c", .null)])]).description
                == #"[false,[],{"a":null,"b":null,"c":null}]"#)
    }

    @Test func escapes() {
        #expect(JSON.string("\"\\\r\n\t\u{0}\u{1F}\u{7F}/ä🙂").description == #""\"\\\r\n\t\u0000\u001f\u007f/ä🙂""#)
    }

    /// Each character alone and between others: only control characters, the quote and the backslash are escaped (RFC 8259, 7). DEL need not be,
    /// but some logs can't display it.
    @Test func escapesEachCharacter() {
        let hex = Array("0123456789abcdef")
        for code in UInt8(0)..<128 {
            let character = String(Unicode.Scalar(code))
            let expected: String =
                switch character {
                case "\"": #"\""#
                case "\\": #"\\"#
                case "\n": #"\n"#
                case "\r": #"\r"#
                case "\t": #"\t"#
                default: code < 0x20 || code == 0x7F ? #"\u00"# + String([hex[Int(code) / 16], hex[Int(code) % 16]]) : character
                }
            #expect(JSON.string(character).description == "\"\(expected)\"")
            #expect(JSON.object([("a\(character)b", .string("\(character)ü"))]).description == "{\"a\(expected)b\":\"\(expected)ü\"}")
        }
    }
}
