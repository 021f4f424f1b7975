/// A pulse total as the text that is kept on disk. A check sum over all of it tells a whole record from a torn one.
///
///     jouled total 1
///     pulses 12345
///     base 8012.500 at 11000
///     pulses_per_unit 1000
///     check 1a2b3c4d
package enum TotalRecord {
    private static let title = "jouled total 1"
    /// No record is longer.
    package static let limit = 512
    /// No input ever counts as many.
    private static let most: Int64 = 1_000_000_000_000_000

    package static func text(of total: PulseTotal) -> String {
        let body = """
            \(title)
            pulses \(total.pulses)
            base \(total.base) at \(total.basePulses)
            pulses_per_unit \(total.pulsesPerUnit)

            """
        let check = String(CheckSum.crc32(Array(body.utf8)), radix: 16)
        return body + "check " + String(repeating: "0", count: 8 - check.utf8.count) + check + "\n"
    }

    /// `nil` unless every byte is as it was written.
    package static func parse(_ bytes: [UInt8]) -> PulseTotal? {
        guard bytes.count <= limit, let text = String(validating: bytes, as: UTF8.self) else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.split(separator: " ").map(String.init) }
        guard lines.count == 6, lines[1].count == 2, lines[2].count == 4, lines[3].count == 2,
            let pulses = Int64(lines[1][1]), let base = Quantity(lines[2][1]), let basePulses = Int64(lines[2][3]),
            let pulsesPerUnit = Quantity(lines[3][1]), pulses >= basePulses, basePulses >= 0, pulses < most, pulsesPerUnit.mantissa > 0,
            pulsesPerUnit.exponent >= -6
        else { return nil }
        let total = PulseTotal(pulses: pulses, base: base, basePulses: basePulses, pulsesPerUnit: pulsesPerUnit)
        return Self.text(of: total) == text ? total : nil
    }
}
