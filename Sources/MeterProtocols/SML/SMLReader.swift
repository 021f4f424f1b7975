import Metering

/// Iterates over the elements of SML messages: a type and a length, then that many bytes or elements. `nil` means that an element is
/// malformed.
struct SMLReader {
    let bytes: [UInt8]
    private(set) var position: Int
    let end: Int

    init(_ bytes: [UInt8], from position: Int, to end: Int) {
        self.bytes = bytes
        self.position = position
        self.end = end
    }

    var isAtEnd: Bool { position >= end }

    enum Value: Equatable {
        case missing
        case octets(Range<Int>)
        case boolean(Bool)
        /// `width`: the number of bytes that were sent; meters use any width from 1 to 8.
        case signed(Int64, width: Int)
        case unsigned(UInt64)
        case list(Int)
    }

    /// The next value; for a list, only its header.
    mutating func next() -> Value? {
        guard position < end else { return nil }
        var byte = bytes[position]
        let start = position
        position += 1
        let kind = byte >> 4 & 0b111
        var length = Int(byte & 0xF)
        while byte & 0x80 != 0 {
            guard position < end, position - start < 4 else { return nil }
            byte = bytes[position]
            position += 1
            length = length << 4 | Int(byte & 0xF)
        }
        // The length of a list is the number of its elements, each of at least one byte; the length of other types is in bytes and includes
        // the header.
        if kind == 7 { return length <= end - position ? .list(length) : nil }
        length -= position - start
        guard length >= 0, length <= end - position else { return nil }
        let content = position..<(position + length)
        position = content.upperBound
        switch kind {
        case 0: return content.isEmpty ? .missing : .octets(content)
        case 4 where length == 1: return .boolean(bytes[content.lowerBound] != 0)
        // Type 4 instead of unsigned is used for a time in some data from a Tibber Pulse.
        case 4, 6:
            guard (1...8).contains(length) else { return nil }
            return .unsigned(content.reduce(0) { $0 << 8 | UInt64(bytes[$1]) })
        case 5:
            guard (1...8).contains(length) else { return nil }
            let start: Int64 = bytes[content.lowerBound] & 0x80 != 0 ? -1 : 0
            return .signed(content.reduce(start) { $0 << 8 | Int64(bytes[$1]) }, width: length)
        default: return nil
        }
    }

    /// Skips a complete element, however deeply nested. The number of pending elements is limited by the bytes that are left.
    mutating func skip() -> Bool {
        var pending = 1
        while pending > 0 {
            guard let value = next() else { return false }
            pending -= 1
            if case .list(let count) = value { pending += count }
            guard pending <= end - position else { return false }
        }
        return true
    }

    mutating func skip(_ count: Int) -> Bool {
        for _ in 0..<count { guard skip() else { return false } }
        return true
    }

    mutating func list() -> Int? { if case .list(let count)? = next() { count } else { nil } }

    /// A non-negative number; the inner optional is `nil` if the element is empty.
    mutating func optionalUnsigned() -> UInt64?? {
        switch next() {
        case .missing: .some(nil)
        case .unsigned(let number): number
        case .signed(let number, _) where number >= 0: UInt64(number)
        default: nil
        }
    }

    mutating func optionalSigned() -> Int64?? {
        switch next() {
        case .missing: .some(nil)
        case .signed(let number, _): number
        case .unsigned(let number) where number <= 127: Int64(number)
        default: nil
        }
    }

    /// Skips the zeros after a message, which pad the frame.
    mutating func skipZeros() { while position < end, bytes[position] == 0 { position += 1 } }

    /// Reads the zero byte that ends a message.
    mutating func endOfMessage() -> Bool {
        guard position < end, bytes[position] == 0 else { return false }
        position += 1
        return true
    }
}
