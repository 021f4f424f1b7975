/// An exact decimal number, `mantissa × 10^exponent`. It keeps the digits that the meter sent: `0033402.264` prints as `33402.264`,
/// `250.600` as `250.600`. Energy is never a `Double`.
package struct Quantity: Hashable, Sendable {
    package var mantissa: Int64
    package var exponent: Int

    package init(_ mantissa: Int64, exponent: Int = 0) {
        self.mantissa = mantissa
        self.exponent = exponent
    }

    /// Parses `[+-]digits[(.|,)digits]`, nothing else: no exponent, no spaces, no empty text, at most 18 significant digits.
    /// Some meters send a decimal comma.
    package init?(_ text: some Sequence<UInt8>) {
        let bytes = Array(text)
        self.init(bytes, bytes.indices)
    }

    /// Parses the same format in a range of a telegram.
    package init?(_ bytes: [UInt8], _ range: Range<Int>) {
        var mantissa: Int64 = 0
        var decimals = 0
        var digits = 0
        var negative = false
        var point = false
        var first = true
        for index in range {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                guard mantissa < 100_000_000_000_000_000 else { return nil }
                mantissa = mantissa * 10 + Int64(byte - UInt8(ascii: "0"))
                digits += 1
                if point { decimals += 1 }
            case UInt8(ascii: "."), UInt8(ascii: ","):
                guard !point else { return nil }
                point = true
            case UInt8(ascii: "-"), UInt8(ascii: "+"):
                guard first else { return nil }
                negative = byte == UInt8(ascii: "-")
            default: return nil
            }
            first = false
        }
        guard digits > 0, decimals <= 18 else { return nil }
        self.init(negative ? -mantissa : mantissa, exponent: -decimals)
    }

    package init?(_ text: String) { self.init(text.utf8) }

    package var isNegative: Bool { mantissa < 0 }

    /// Multiplies by ten to the power of `power`, exactly: Wh → kWh is `scaled(by: -3)`.
    package func scaled(by power: Int) -> Quantity { Quantity(mantissa, exponent: exponent + power) }

    /// The number in units of `10^exponent`; `nil` if it is not a whole number of them or does not fit.
    package func units(of exponent: Int) -> Int64? {
        var value = mantissa
        var at = self.exponent
        while at > exponent {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            value = product
            at -= 1
        }
        while at < exponent {
            guard value % 10 == 0 else { return nil }
            value /= 10
            at += 1
            if value == 0 { return 0 }
        }
        return value
    }

    package var approximate: Double {
        var value = Double(mantissa)
        for _ in 0..<max(-exponent, 0) { value /= 10 }
        for _ in 0..<max(exponent, 0) { value *= 10 }
        return value
    }

    /// Returns the sum; `nil` if it has too many digits.
    package static func adding(_ a: Quantity, _ b: Quantity) -> Quantity? {
        let exponent = min(a.exponent, b.exponent)
        guard let x = a.units(of: exponent), let y = b.units(of: exponent) else { return nil }
        let (sum, overflow) = x.addingReportingOverflow(y)
        return overflow ? nil : Quantity(sum, exponent: exponent)
    }

    private static let mostDigits = 18
    private static let tooLong: UInt64 = 1_000_000_000_000_000_000

    /// Whether `init(_ text:)` can parse what `description` writes. Numbers from SML may have one digit too many.
    package var isReadable: Bool {
        exponent >= -Self.mostDigits && (units(of: min(exponent, 0)).map { $0.magnitude < Self.tooLong } ?? false)
    }

    /// Rounded towards zero to as many decimals as can be parsed again; clamped to the largest such number.
    var readable: Quantity {
        var number = self
        while number.exponent < 0, number.mantissa.magnitude >= Self.tooLong || number.exponent < -Self.mostDigits {
            number = Quantity(number.mantissa / 10, exponent: number.exponent + 1)
        }
        guard number.mantissa.magnitude >= Self.tooLong else { return number }
        let greatest = Int64(Self.tooLong - 1)
        return Quantity(number.isNegative ? -greatest : greatest, exponent: number.exponent)
    }

    /// `Int64.min` has no positive counterpart; it becomes `Int64.max`.
    package var negated: Quantity { Quantity(mantissa == .min ? .max : -mantissa, exponent: exponent) }
}

extension Quantity: Comparable {
    /// Compares the numeric values, not the digits: `1.0` is neither below nor above `1.00`.
    package static func < (a: Quantity, b: Quantity) -> Bool {
        let exponent = min(a.exponent, b.exponent)
        if let x = a.units(of: exponent), let y = b.units(of: exponent) { return x < y }
        return a.approximate < b.approximate
    }
}

extension Quantity: CustomStringConvertible {
    /// Plain decimal notation, never an exponent, never "-0".
    package var description: String {
        // Written from the last digit, then reversed.
        var text = [UInt8](repeating: UInt8(ascii: "0"), count: mantissa == 0 ? 0 : max(exponent, 0))
        text.reserveCapacity(24)
        var (rest, decimals) = (mantissa.magnitude, max(-exponent, 0))
        repeat {
            text.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
            decimals -= 1
            if decimals == 0 { text.append(UInt8(ascii: ".")) }
        } while rest > 0 || decimals >= 0
        if mantissa < 0 { text.append(UInt8(ascii: "-")) }
        text.reverse()
        return String(decoding: text, as: UTF8.self)
    }
}

extension Int64 {
    /// The nearest integer that fits; 0 for NaN.
    init(nearest value: Double) {
        // 2^63 itself does not fit.
        guard value.magnitude < 0x1p63 else {
            self = value.isNaN ? 0 : value.sign == .plus ? .max : .min
            return
        }
        self.init(value.rounded())
    }
}
