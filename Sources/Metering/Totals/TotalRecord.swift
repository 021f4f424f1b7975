/// A pulse total as the text that is stored on disk. A checksum over all of it detects a truncated or corrupted record.
///
///     jouled total 3
///     pulses 12345
///     base 8012.500 at 11000
///     pulses_per_unit 1000
///     origin broker 1795242480000
///     correction 1795242480000 at 11000 from 8012.411 to 8012.500
///     check 1a2b3c4d
///
/// Times are in milliseconds since 1970; corrections are in order, oldest first, with `-` for a lost total. Version 1 had no corrections. A
/// total that does not depend on the broker has no `origin` line and is version 2. Others are version 3; a total that still waits for the
/// broker has `origin unsettled`.
package enum TotalRecord {
    private static let title = "jouled total "
    /// The maximum length of a record.
    package static let limit = 2048
    /// No input ever counts that many pulses.
    private static let most: Int64 = 1_000_000_000_000_000

    package static func text(of total: PulseTotal) -> String { text(of: total, version: total.origin == .own ? "2" : "3") }

    private static func text(of total: PulseTotal, version: String) -> String {
        var body = """
            \(title)\(version)
            pulses \(total.pulses)
            base \(total.base) at \(total.basePulses)
            pulses_per_unit \(total.pulsesPerUnit)

            """
        switch total.origin {
        case .own: break
        case .unsettled: body += "origin unsettled\n"
        case .broker(let at): body += "origin broker \(at.millisecondsSince1970)\n"
        }
        for correction in total.corrections {
            body += "correction \(correction.at.millisecondsSince1970) at \(correction.pulses)"
            body += " from \(correction.before.map(\.description) ?? "-") to \(correction.display)\n"
        }
        return CheckSum.sealed(body)
    }

    /// Returns `nil` unless every byte is as it was written.
    package static func parse(_ bytes: [UInt8]) -> PulseTotal? {
        guard bytes.count <= limit, let text = String(validating: bytes, as: UTF8.self) else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.split(separator: " ").map(String.init) }
        guard lines.count >= 6, lines[0].count == 3, lines[1].count == 2, lines[2].count == 4, lines[3].count == 2,
            let pulses = Int64(lines[1][1]), let base = Quantity(lines[2][1]), let basePulses = Int64(lines[2][3]),
            let pulsesPerUnit = Quantity(lines[3][1]), pulses >= basePulses, basePulses >= 0, pulses < most, pulsesPerUnit.mantissa > 0,
            pulsesPerUnit.exponent >= -6
        else { return nil }
        let rest = lines[4..<(lines.count - 2)]
        let corrections = rest.compactMap { correction($0, pulses) }
        let total = PulseTotal(
            pulses: pulses, base: base, basePulses: basePulses, pulsesPerUnit: pulsesPerUnit, corrections: corrections,
            origin: rest.first.flatMap(origin) ?? .own)
        return (lines[0][2] == "1" ? Self.text(of: total, version: "1") : Self.text(of: total)) == text ? total : nil
    }

    private static func origin(_ words: [String]) -> PulseTotal.Origin? {
        if words == ["origin", "unsettled"] { return .unsettled }
        guard words.count == 3, words[0] == "origin", words[1] == "broker", let at = Int64(words[2]) else { return nil }
        return .broker(WallTime(millisecondsSince1970: at).writable)
    }

    /// A line that can't be parsed is skipped; the comparison of the texts in `parse` detects it.
    private static func correction(_ words: [String], _ counted: Int64) -> Correction? {
        guard words.count == 8, let milliseconds = Int64(words[1]), let pulses = Int64(words[3]), (0...counted).contains(pulses),
            let display = Quantity(words[7])
        else { return nil }
        return Correction(
            at: WallTime(millisecondsSince1970: milliseconds), before: Quantity(words[5]), display: display, pulses: pulses)
    }
}
