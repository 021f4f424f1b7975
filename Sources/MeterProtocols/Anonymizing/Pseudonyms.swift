/// Replaces names by zeros and a number. The number is the same wherever the name occurs.
struct Pseudonyms {
    /// The minimum length of a searched name, not counting leading zeros: a shorter one may match something else by chance.
    private static let shortestSecret = 6

    /// Enough for a street of meters. The number is limited because every telegram is searched for each secret.
    private static let mostSecrets = 200

    private var numbers: [[UInt8]: Int] = [:]
    /// The byte strings that must not occur anywhere in the result.
    private(set) var secrets: [[UInt8]] = []

    /// No more names can be learned, so further telegrams can't be masked.
    var isFull: Bool { secrets.count >= Self.mostSecrets }

    mutating func learn(_ name: some Collection<UInt8>) {
        let name = Array(name)
        guard numbers[name] == nil, name.contains(where: { $0 != 0 && $0 != UInt8(ascii: "0") && $0 != UInt8(ascii: " ") }) else { return }
        numbers[name] = numbers.count + 1
        keepSecret(name)
    }

    mutating func keepSecret(_ name: some Collection<UInt8>) {
        let significant = name.drop { $0 == 0 || $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: " ") }
        let secret = Array(significant.reversed().drop { $0 == UInt8(ascii: " ") }.reversed())
        if secret.count >= Self.shortestSecret, !secrets.contains(secret) { secrets.append(secret) }
    }

    func isNamed(in bytes: [UInt8]) -> Bool {
        let characters = bytes.map { $0 & 0x7F }
        return secrets.contains { !bytes.places(of: $0).isEmpty || !characters.places(of: $0).isEmpty }
    }

    /// The replacement for `text`: the same number of characters, each of the same kind. `name` is the learned form, if it differs.
    func mask(text: some Collection<UInt8>, as name: [UInt8]? = nil) -> [UInt8] {
        let original = Array(text)
        let isHex = original.allSatisfy { hexDigit($0) != nil }
        var masked = original.map { character -> UInt8 in
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt8(ascii: "0")
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"):
                isHex ? UInt8(ascii: "0") : UInt8(ascii: "X")
            default: character
            }
        }
        var number = numbers[name ?? original] ?? 0
        for index in masked.indices.reversed() where number > 0 {
            guard masked[index] == UInt8(ascii: "0") || masked[index] == UInt8(ascii: "X") else { continue }
            masked[index] = UInt8(ascii: "0") + UInt8(number % 10)
            number /= 10
        }
        return masked
    }

    func mask(octets: ArraySlice<UInt8>) -> [UInt8] {
        if octets.allSatisfy({ (0x20...0x7E).contains($0) }) { return mask(text: octets) }
        var masked = [UInt8](repeating: 0, count: octets.count)
        let number = numbers[Array(octets)] ?? 0
        if octets.count == 10, let first = octets.first {
            // Keep the manufacturer's letters and, for DZG, the millions of the serial number: decoding its power depends on them.
            let letters = (first == 0x0A || first == 0x09 ? octets.dropFirst(2) : octets.dropFirst()).prefix(3)
            guard letters.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else { return numbered(masked, number) }
            let serial = octets.suffix(4).reduce(0) { $0 << 8 | Int($1) }
            let new = (letters.elementsEqual("DZG".utf8) ? serial / 1_000_000 * 1_000_000 : 0) + number
            masked = octets.prefix(6) + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: new >> $0) }
            return masked
        }
        return numbered(masked, number)
    }

    private func numbered(_ bytes: [UInt8], _ number: Int) -> [UInt8] {
        var bytes = bytes
        if let last = bytes.indices.last { bytes[last] = UInt8(truncatingIfNeeded: number) }
        return bytes
    }
}

extension [UInt8] {
    func places(of part: [UInt8]) -> [Range<Int>] {
        guard let first = part.first, count >= part.count else { return [] }
        return (0...(count - part.count)).filter { self[$0] == first && self[$0..<($0 + part.count)].elementsEqual(part) }
            .map { $0..<($0 + part.count) }
    }
}
