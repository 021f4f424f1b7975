/// Names a register of a meter: `A-B:C.D.E*F`. Electricity meters mostly print the short form `C.D.E`, which means `1-0:C.D.E*255`.
package struct OBISCode: Hashable, Sendable {
    package var a: UInt8, b: UInt8, c: UInt8, d: UInt8, e: UInt8, f: UInt8

    package init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, _ e: UInt8, _ f: UInt8) {
        (self.a, self.b, self.c, self.d, self.e, self.f) = (a, b, c, d, e, f)
    }

    /// A current register of an electricity meter: `1.8.0`.
    package init(_ c: UInt8, _ d: UInt8, _ e: UInt8) { self.init(1, 0, c, d, e, 255) }

    /// Reads the long form and every short form: `1-0:1.8.0*255`, `1.8.0`, `32.7`, `C.1.0`, `F.F`, `1.8.0*01`, `1.8.0&12`.
    /// The letters stand for numbers: C = 96, F = 97, L = 98, P = 99. What is left out is A-B = 1-0, E = 0, F = 255.
    package init?(_ text: some Sequence<UInt8>) {
        var numbers: [UInt8?] = [nil, nil, nil, nil, nil, nil]
        var current: UInt16?
        var next = 2  // C, until a '-' or ':' says that A or B was read
        for byte in text {
            if let value = digit(byte) {
                let number = (current ?? 0) * 10 + value
                guard number <= 255 else { return nil }
                current = number
                continue
            }
            if let value = letter(byte) {
                guard current == nil else { return nil }
                current = value
                continue
            }
            guard let number = current else { return nil }
            current = nil
            switch byte {
            case UInt8(ascii: "-"):
                guard next == 2, numbers[0] == nil else { return nil }
                numbers[0] = UInt8(number)
            case UInt8(ascii: ":"):
                guard next == 2, numbers[1] == nil else { return nil }
                numbers[1] = UInt8(number)
            case UInt8(ascii: "."):
                guard next <= 3 else { return nil }
                numbers[next] = UInt8(number)
                next += 1
            case UInt8(ascii: "*"), UInt8(ascii: "&"):
                guard (3...4).contains(next) else { return nil }
                numbers[next] = UInt8(number)
                next = 5
            default: return nil
            }
        }
        guard let last = current, next >= 3 else { return nil }
        numbers[next] = UInt8(last)
        // `1-081.8.0` is `1-0:1.8.0` with a bit turned over, not channel 0 of a register 81.
        guard let c = numbers[2], let d = numbers[3], numbers[0] == nil || numbers[1] != nil else { return nil }
        self.init(numbers[0] ?? 1, numbers[1] ?? 0, c, d, numbers[4] ?? 0, numbers[5] ?? 255)
    }

    package init?(_ text: String) { self.init(text.utf8) }

    /// One number in place of six: codes are looked up for every register of every telegram.
    package func hash(into hasher: inout Hasher) {
        let (upper, lower) = (UInt32(a) << 16 | UInt32(b) << 8 | UInt32(c), UInt32(d) << 16 | UInt32(e) << 8 | UInt32(f))
        hasher.combine(UInt64(upper) << 24 | UInt64(lower))
    }

    /// The electricity register, whatever the channel and whether it is a history value.
    package func isRegister(_ c: UInt8, _ d: UInt8, _ e: UInt8) -> Bool { a == 1 && self.c == c && self.d == d && self.e == e && f == 255 }
}

extension OBISCode: CustomStringConvertible {
    /// Always the long form.
    package var description: String { "\(a)-\(b):\(c).\(d).\(e)*\(f)" }

    /// What an electricity meter prints: `1.8.0`, `1.8.0*01`.
    package var short: String { (a == 1 && b == 0 ? "" : "\(a)-\(b):") + "\(c).\(d).\(e)" + (f == 255 ? "" : "*\(f)") }
}

private func digit(_ byte: UInt8) -> UInt16? {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? UInt16(byte - UInt8(ascii: "0")) : nil
}

private func letter(_ byte: UInt8) -> UInt16? {
    switch byte {
    case UInt8(ascii: "C"): 96
    case UInt8(ascii: "F"): 97
    case UInt8(ascii: "L"): 98
    case UInt8(ascii: "P"): 99
    default: nil
    }
}
