import MeterProtocols
import Metering

/// Why a value is rejected, and what is expected.
struct Refusal: Error {
    var message: String
    /// Set if only a part of the value is wrong.
    var position: TOMLPosition?

    init(_ message: String, at position: TOMLPosition? = nil) {
        self.message = message
        self.position = position
    }
}

/// The format of a key's value.
struct ConfigurationFormat<Value> {
    var read: (TOMLValue) -> Result<Value, Refusal>

    /// A value in quotes. If it is a secret, messages don't show it, because people paste them into forums.
    static func text(_ example: String, isSecret: Bool = false, _ read: @escaping (String) -> Result<Value, Refusal>) -> Self {
        Self { value in
            if case .string(let text) = value.content { return read(text) }
            guard !isSecret else { return .failure(Refusal("expected a string in quotes")) }
            return .failure(Refusal("\(value.summary), but expected a string in quotes, e.g. \(quoted(example))"))
        }
    }
}

extension TOMLValue {
    /// Describes the value in a message: `1000 is a number`.
    var summary: String {
        switch content {
        case .table: "this is a table"
        case .array: "this is a list"
        case .string(let text): "\(quoted(text)) is a string"
        case .integer(let text), .float(let text): "\(text.prefix(40)) is a number"
        case .boolean(let flag): "\(flag) is a boolean"
        case .time(let text): "\(text.prefix(40)) is a date or time"
        }
    }
}

extension ConfigurationFormat where Value == String {
    static var name: Self {
        .text("grid") { text in
            let isPlain = text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
            guard isPlain, (1...64).contains(text.utf8.count) else {
                return .failure(Refusal("\(quoted(text)) is not a valid name; expected 1 to 64 of a-z, 0-9, _ and -, e.g. \"grid\""))
            }
            return .success(text)
        }
    }

    /// Any printable text on one line.
    static func line(_ example: String, isSecret: Bool = false, upTo limit: Int = 128) -> Self {
        .text(example, isSecret: isSecret) { text in
            guard !text.isEmpty else { return .failure(Refusal("is empty; expected e.g. \(quoted(example))")) }
            guard text.utf8.count <= limit else { return .failure(Refusal("is longer than \(limit) bytes")) }
            guard !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
                return .failure(Refusal("contains a line break or another control character"))
            }
            return .success(text)
        }
    }

    static func path(_ example: String) -> Self {
        .text(example) { text in
            guard text.utf8.first == UInt8(ascii: "/"), text.utf8.count <= 1024, !text.utf8.contains(0) else {
                return .failure(Refusal("\(quoted(text)) is not an absolute path; expected e.g. \(quoted(example))"))
            }
            return .success(text)
        }
    }

    static var serialPort: Self {
        .text("/dev/serial/by-id/…") { text in
            // Normalised, so that two spellings of one head are recognised as the same.
            if RemoteHead.isMeant(by: text) { return RemoteHead.parse(text).map(\.description) }
            return path("/dev/ttyUSB0").read(TOMLValue(.string(text), at: TOMLPosition(0, 0)))
        }
    }

    /// The characters allowed in the sign-on of IEC 62056-21.
    static var meterAddress: Self {
        .text("12345678") { text in
            let isPlain = text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: byte == UInt8(ascii: " ")
                }
            }
            guard isPlain, text.utf8.count <= 32 else {
                return .failure(Refusal("\(quoted(text)) is not a valid address; expected up to 32 letters and digits, e.g. \"12345678\""))
            }
            return .success(text)
        }
    }

    static func topic(_ example: String) -> Self {
        .text(example) { text in
            let isPlain = !text.unicodeScalars.contains {
                "+#".unicodeScalars.contains($0) || $0.properties.isWhitespace || $0.value < 0x20 || $0.value == 0x7F
            }
            let levels = text.split(separator: "/", omittingEmptySubsequences: false)
            guard isPlain, text.utf8.count <= 128, text.first != "$", levels.allSatisfy({ !$0.isEmpty }) else {
                let expected = "expected e.g. \(quoted(example)): no spaces, no + or #, no / at either end, no $ at the start"
                return .failure(Refusal("\(quoted(text)) is not a valid topic; \(expected)"))
            }
            return .success(text)
        }
    }
}

extension ConfigurationFormat where Value == Bool {
    static var boolean: Self {
        Self { value in
            if case .boolean(let flag) = value.content { return .success(flag) }
            return .failure(Refusal("\(value.summary), but expected true or false"))
        }
    }
}

extension ConfigurationFormat where Value == MeterProtocol? {
    /// `nil` means `auto`.
    static var meterProtocol: Self { choice([("auto", nil)] + Language.all.map { ($0.name.rawValue, $0.name) }) }
}

extension ConfigurationFormat {
    /// One of a few names; those in `later` are reserved in the documented format, but not supported by this version.
    static func choice(_ choices: [(name: String, value: Value)], later: [String] = []) -> Self {
        let names = choices.map(\.name)
        return .text(names.first ?? "") { text in
            if let choice = choices.first(where: { $0.name == text }) { return .success(choice.value) }
            if later.contains(text) {
                return .failure(Refusal("\(quoted(text)) is not supported by this version of jouled; allowed: \(listed(names))"))
            }
            let hint = closest(to: text, among: names).map { "did you mean \(quoted($0))? " } ?? ""
            return .failure(Refusal("\(quoted(text)) is unknown; \(hint)allowed: \(listed(names))"))
        }
    }

    static func choice() -> Self where Value: RawRepresentable<String> & CaseIterable {
        choice(Value.allCases.map { ($0.rawValue, $0) })
    }
}
