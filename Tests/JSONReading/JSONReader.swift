/// Just enough JSON to parse other decoders' results for a recording. Numbers stay strings.
package enum JSONText: Equatable {
    case object([String: JSONText]), array([JSONText]), string(String), number(String), bool(Bool), null

    package init?(_ text: String) {
        var parser = Parser(rest: Array(text.utf8)[...])
        guard let value = parser.value(), parser.next() == nil else { return nil }
        self = value
    }

    package subscript(_ name: String) -> JSONText? { if case .object(let members) = self { members[name] } else { nil } }
    package var elements: [JSONText] { if case .array(let values) = self { values } else { [] } }
    package var string: String? { if case .string(let string) = self { string } else { nil } }

    private struct Parser {
        var rest: ArraySlice<UInt8>

        mutating func next() -> UInt8? {
            while let byte = rest.first, byte <= 0x20 { rest.removeFirst() }
            return rest.first
        }

        mutating func take(_ byte: UInt8) -> Bool {
            guard next() == byte else { return false }
            rest.removeFirst()
            return true
        }

        mutating func value() -> JSONText? {
            switch next() {
            case UInt8(ascii: "{"): object()
            case UInt8(ascii: "["): array()
            case UInt8(ascii: "\""): string().map { .string($0) }
            default: word()
            }
        }

        mutating func object() -> JSONText? {
            var members: [String: JSONText] = [:]
            rest.removeFirst()
            while !take(UInt8(ascii: "}")) {
                guard members.isEmpty || take(UInt8(ascii: ",")), next() != nil, let name = string(), take(UInt8(ascii: ":")),
                    let value = value()
                else { return nil }
                members[name] = value
            }
            return .object(members)
        }

        mutating func array() -> JSONText? {
            var values: [JSONText] = []
            rest.removeFirst()
            while !take(UInt8(ascii: "]")) {
                guard values.isEmpty || take(UInt8(ascii: ",")), let value = value() else { return nil }
                values.append(value)
            }
            return .array(values)
        }

        mutating func string() -> String? {
            guard take(UInt8(ascii: "\"")) else { return nil }
            var bytes: [UInt8] = []
            while let byte = rest.popFirst() {
                if byte == UInt8(ascii: "\"") { return String(decoding: bytes, as: UTF8.self) }
                guard byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() else {
                    bytes.append(byte)
                    continue
                }
                switch escaped {
                case UInt8(ascii: "n"): bytes.append(0x0A)
                case UInt8(ascii: "r"): bytes.append(0x0D)
                case UInt8(ascii: "t"): bytes.append(0x09)
                case UInt8(ascii: "b"): bytes.append(0x08)
                case UInt8(ascii: "f"): bytes.append(0x0C)
                case UInt8(ascii: "u"):
                    let hex = String(decoding: rest.prefix(4), as: UTF8.self)
                    guard let code = UInt32(hex, radix: 16), let scalar = UnicodeScalar(code) else { return nil }
                    bytes += Array(String(Character(scalar)).utf8)
                    rest = rest.dropFirst(4)
                default: bytes.append(escaped)
                }
            }
            return nil
        }

        mutating func word() -> JSONText? {
            let text = rest.prefix { $0 > 0x20 && !",]}:".utf8.contains($0) }
            rest = rest.dropFirst(text.count)
            switch String(decoding: text, as: UTF8.self) {
            case "true": return .bool(true)
            case "false": return .bool(false)
            case "null": return .null
            case let number where Double(number) != nil: return .number(number)
            default: return nil
            }
        }
    }
}
