/// Identifies a register of a meter: `A-B:C.D.E*F`. Electricity meters mostly print the short form `C.D.E`, which means `1-0:C.D.E*255`.
package struct OBISCode: Hashable, Sendable {
    package var a: UInt8, b: UInt8, c: UInt8, d: UInt8, e: UInt8, f: UInt8

    package init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, _ e: UInt8, _ f: UInt8) {
        (self.a, self.b, self.c, self.d, self.e, self.f) = (a, b, c, d, e, f)
    }

    /// An electricity meter's register with its current value: `1.8.0`.
    package init(_ c: UInt8, _ d: UInt8, _ e: UInt8) { self.init(1, 0, c, d, e, 255) }

    /// Parses the long form and every short form: `1-0:1.8.0*255`, `1.8.0`, `32.7`, `C.1.0`, `F.F`, `1.8.0*01`, `1.8.0&12`.
    /// The letters stand for numbers: C = 96, F = 97, L = 98, P = 99. Missing parts default to A-B = 1-0, E = 0, F = 255.
    package init?(_ text: some Sequence<UInt8>) {
        let bytes = Array(text)
        self.init(bytes, bytes.indices)
    }

    /// Parses the same format in a range of a telegram.
    package init?(_ bytes: [UInt8], _ range: Range<Int>) {
        /// A to F; negative until read.
        var numbers = SIMD8<Int16>(repeating: -1)
        var current: Int16 = -1
        var next = 2  // C, unless a '-' or ':' shows that A or B was read
        for index in range {
            let byte = bytes[index]
            if let value = digit(byte) {
                current = max(current, 0) * 10 + value
                guard current <= 255 else { return nil }
                continue
            }
            if let value = letter(byte) {
                guard current < 0 else { return nil }
                current = value
                continue
            }
            guard current >= 0 else { return nil }
            let place: Int
            switch byte {
            case UInt8(ascii: "-"):
                guard next == 2, numbers[0] < 0 else { return nil }
                place = 0
            case UInt8(ascii: ":"):
                guard next == 2, numbers[1] < 0 else { return nil }
                place = 1
            case UInt8(ascii: "."):
                guard next <= 3 else { return nil }
                (place, next) = (next, next + 1)
            case UInt8(ascii: "*"), UInt8(ascii: "&"):
                guard (3...4).contains(next) else { return nil }
                (place, next) = (next, 5)
            default: return nil
            }
            numbers[place] = current
            current = -1
        }
        guard current >= 0, next >= 3 else { return nil }
        numbers[next] = current
        // `1-081.8.0` is `1-0:1.8.0` with a flipped bit, not channel 0 of a register 81.
        guard numbers[2] >= 0, numbers[3] >= 0, numbers[0] < 0 || numbers[1] >= 0 else { return nil }
        func number(_ place: Int, _ missing: UInt8 = 0) -> UInt8 { numbers[place] < 0 ? missing : UInt8(numbers[place]) }
        self.init(number(0, 1), number(1), number(2), number(3), number(4), number(5, 255))
    }

    package init?(_ text: String) { self.init(text.utf8) }

    /// The complete code as one number: codes are compared for every register of every telegram.
    package var key: UInt64 {
        let (upper, lower) = (UInt32(a) << 16 | UInt32(b) << 8 | UInt32(c), UInt32(d) << 16 | UInt32(e) << 8 | UInt32(f))
        return UInt64(upper) << 24 | UInt64(lower)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(key) }

    /// Whether this is the electricity register's current value, on any channel.
    package func isRegister(_ c: UInt8, _ d: UInt8, _ e: UInt8) -> Bool { a == 1 && self.c == c && self.d == d && self.e == e && f == 255 }
}

extension OBISCode: CustomStringConvertible {
    /// Always the long form.
    package var description: String { "\(a)-\(b):\(c).\(d).\(e)*\(f)" }

    /// The code as an electricity meter prints it: `1.8.0`, `1.8.0*01`.
    package var short: String { (a == 1 && b == 0 ? "" : "\(a)-\(b):") + "\(c).\(d).\(e)" + (f == 255 ? "" : "*\(f)") }

    /// The code as printed in the readouts of polled meters, which expect the same form in a read command: `C.7.21`, `F.F`, `1.8.0*01`.
    package var printed: String {
        if self == OBISCode(97, 97, 0) { return "F.F" }
        guard a == 1, b == 0 else { return short }
        // Digit by digit, because this is part of every request, and interpolation takes several times as long.
        var text: [UInt8] = []
        text.reserveCapacity(15)
        if (96...99).contains(c) { text.append(Array("CFLP".utf8)[Int(c) - 96]) } else { append(c, to: &text) }
        for part in [d, e] {
            text.append(UInt8(ascii: "."))
            append(part, to: &text)
        }
        if f != 255 {
            text += f < 10 ? "*0".utf8 : "*".utf8
            append(f, to: &text)
        }
        return String(decoding: text, as: UTF8.self)
    }
}

private func append(_ number: UInt8, to text: inout [UInt8]) {
    if number >= 100 { text.append(UInt8(ascii: "0") + number / 100) }
    if number >= 10 { text.append(UInt8(ascii: "0") + number / 10 % 10) }
    text.append(UInt8(ascii: "0") + number % 10)
}

private func digit(_ byte: UInt8) -> Int16? {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? Int16(byte - UInt8(ascii: "0")) : nil
}

private func letter(_ byte: UInt8) -> Int16? {
    switch byte {
    case UInt8(ascii: "C"): 96
    case UInt8(ascii: "F"): 97
    case UInt8(ascii: "L"): 98
    case UInt8(ascii: "P"): 99
    default: nil
    }
}
