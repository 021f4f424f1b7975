/// The events as bytes: a fuzzer may change any of them, and the rest keeps a meaning. Missing bytes are 0.
package struct Script {
    private let bytes: [UInt8]
    private var position = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position >= bytes.count }

    mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func number(below count: Int) -> Int { Int(byte()) % count }

    mutating func pick<Choice>(_ choices: [Choice]) -> Choice { choices[number(below: choices.count)] }

    /// At most `most` bytes, preceded by their number.
    mutating func bytes(atMost most: Int) -> [UInt8] {
        let count = number(below: most + 1)
        defer { position = min(bytes.count, position + count) }
        return Array(bytes[min(position, bytes.count)..<min(position + count, bytes.count)])
    }

    /// An integer of any width, including its limits.
    mutating func integer() -> Int64 {
        let width = number(below: 8) + 1
        let highest = Int64.max >> Int64(64 - 8 * width)
        switch number(below: 10) {
        case 0: return highest
        case 1: return -highest - 1
        case 2: return 0
        case 3: return 1
        case 4: return -1
        case 5: return highest / 2 + 1
        // Values as meters send them, which continue from one telegram to the next.
        case 6: return 1_000_000 + Int64(byte())
        case 7: return 1_000_000_000 + Int64(byte())
        case 8: return Int64(byte())
        default: return (0..<width).reduce(0) { number, _ in number << 8 | Int64(byte()) }
        }
    }

    /// A number as text: with leading zeros, decimals, or too many digits.
    mutating func decimal() -> String {
        switch number(below: 6) {
        case 0:
            let digits = String(repeating: pick(["9", "0", "1", "5"]), count: number(below: 24))
            return digits + pick(["", ".", ","]) + String(repeating: pick(["9", "0", "1"]), count: number(below: 22))
        case 1: return "-" + String(integer().magnitude)
        case 2: return String(integer())
        case 3: return "000123" + pick([".4", ".45", ".456", ""]) + String(byte())
        case 4: return "12345." + String(100 + Int(byte()))
        default: return "00981.443"
        }
    }

    /// A meter's serial number or name: short, long, or with invalid characters.
    mutating func word() -> String {
        switch number(below: 8) {
        case 0: return "12345678"
        case 1: return "87654321"
        case 2: return String(repeating: "7", count: number(below: 140))
        case 3: return pick(["a/b", "a+b#c", "a b", "\\\"{}", "grid", "washer", "/+/#"])
        case 4: return String(byte())
        default: return String(decoding: bytes(atMost: 40).map { 0x20 + ($0 & 0x7F) % 0x5F }, as: UTF8.self)
        }
    }
}
