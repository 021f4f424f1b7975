/// A JSON value that keeps the order of its members and the digits of its numbers.
package enum JSON: Sendable {
    case object([(String, JSON)])
    case array([JSON])
    case string(String)
    /// Already formatted as a JSON number: `Quantity.description`, `String(count)`.
    case number(String)
    case bool(Bool)
    case null
}

extension JSON: CustomStringConvertible {
    /// The JSON text on one line, without spaces.
    package var description: String {
        var text: [UInt8] = []
        text.reserveCapacity(512)
        write(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private func write(to text: inout [UInt8]) {
        switch self {
        case .object(let members):
            text.append(UInt8(ascii: "{"))
            for (index, (name, value)) in members.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                JSON.quote(name, to: &text)
                text.append(UInt8(ascii: ":"))
                value.write(to: &text)
            }
            text.append(UInt8(ascii: "}"))
        case .array(let values):
            text.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                value.write(to: &text)
            }
            text.append(UInt8(ascii: "]"))
        case .string(let string): JSON.quote(string, to: &text)
        case .number(let number): text.append(contentsOf: number.utf8)
        case .bool(let bool): text += (bool ? "true" : "false").utf8
        case .null: text += "null".utf8
        }
    }

    private static func quote(_ string: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        defer { text.append(UInt8(ascii: "\"")) }
        let isDone = string.utf8.withContiguousStorageIfAvailable { bytes in
            let isPlain = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
            if isPlain { text.append(contentsOf: bytes) }
            return isPlain
        }
        if isDone ?? false { return }
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): text += "\\n".utf8
            case UInt8(ascii: "\r"): text += "\\r".utf8
            case UInt8(ascii: "\t"): text += "\\t".utf8
            case 0x00...0x1F, 0x7F:
                let hex = String(byte, radix: 16)
                text += ((byte < 0x10 ? "\\u000" : "\\u00") + hex).utf8
            default: text.append(byte)
            }
        }
    }
}
