/// A pulse total as the text that is kept on disk. A check sum over all of it tells a whole record from a torn one.
///
///     jouled total 2
///     pulses 12345
///     base 8012.500 at 11000
///     pulses_per_unit 1000
///     correction 1795242480000 at 11000 from 8012.411 to 8012.500
///     check 1a2b3c4d
///
/// The corrections are in milliseconds since 1970, oldest first; `-` stands for a total that was lost. Version 1 had none.
package enum TotalRecord {
    private static let title = "jouled total "
    /// No record is longer.
    package static let limit = 2048
    /// No input ever counts as many.
    private static let most: Int64 = 1_000_000_000_000_000

    package static func text(of total: PulseTotal) -> String { text(of: total, version: "2") }

    private static func text(of total: PulseTotal, version: String) -> String {
        var body = """
            \(title)\(version)
            pulses \(total.pulses)
            base \(total.base) at \(total.basePulses)
            pulses_per_unit \(total.pulsesPerUnit)

            """
        for correction in total.corrections {
            body += "correction \(correction.at.millisecondsSince1970) at \(correction.pulses)"
            body += " from \(correction.before.map(\.description) ?? "-") to \(correction.display)\n"
        }
        let check = String(CheckSum.crc32(Array(body.utf8)), radix: 16)
        return body + "check " + String(repeating: "0", count: 8 - check.utf8.count) + check + "\n"
    }

    /// `nil` unless every byte is as it was written.
    package static func parse(_ bytes: [UInt8]) -> PulseTotal? {
        guard bytes.count <= limit, let text = String(validating: bytes, as: UTF8.self) else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.split(separator: " ").map(String.init) }
        guard lines.count >= 6, lines[0].count == 3, lines[1].count == 2, lines[2].count == 4, lines[3].count == 2,
            let pulses = Int64(lines[1][1]), let base = Quantity(lines[2][1]), let basePulses = Int64(lines[2][3]),
            let pulsesPerUnit = Quantity(lines[3][1]), pulses >= basePulses, basePulses >= 0, pulses < most, pulsesPerUnit.mantissa > 0,
            pulsesPerUnit.exponent >= -6
        else { return nil }
        let corrections = lines[4..<(lines.count - 2)].compactMap { correction($0, pulses) }
        let total = PulseTotal(
            pulses: pulses, base: base, basePulses: basePulses, pulsesPerUnit: pulsesPerUnit, corrections: corrections)
        return Self.text(of: total, version: lines[0][2] == "1" ? "1" : "2") == text ? total : nil
    }

    /// One that is left out here is missed when the texts are compared.
    private static func correction(_ words: [String], _ counted: Int64) -> Correction? {
        guard words.count == 8, let milliseconds = Int64(words[1]), let pulses = Int64(words[3]), (0...counted).contains(pulses),
            let display = Quantity(words[7])
        else { return nil }
        return Correction(
            at: WallTime(millisecondsSince1970: milliseconds), before: Quantity(words[5]), display: display, pulses: pulses)
    }
}
