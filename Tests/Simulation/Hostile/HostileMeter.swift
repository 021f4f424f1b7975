import MeterProtocols
import Metering
import VirtualMeters

/// A meter that sends wrong values in complete telegrams, with correct checksums if there are any, and can be replaced with another.
///
/// SAFETY: only used on the simulation's one thread.
final class HostileMeter: VirtualMeter, @unchecked Sendable {
    enum Kind: String, CaseIterable {
        case me162, sml, p1
        case modeD = "mode D"
        /// Mode D, without a serial number.
        case nameless
    }

    enum Glitch: Hashable {
        case zero, tenfold, thousandfold, thousandth, oneLess, huge
        /// The digit at this power of ten of the register's last digit is wrong.
        case flipped(Int)
        /// A register is missing; a tariff, if there are tariffs.
        case leftOut
        /// Another serial number.
        case stranger
        /// Whole kWh and no power, as without the PIN.
        case locked
        /// Bits are flipped during transmission.
        case garbled
    }

    /// In units of 10⁻⁷ kWh.
    struct Shown {
        var at: Instant
        var imported: Int64
        var exported: Int64
    }

    private let kind: Kind
    private var household: Household
    private var inner: VirtualME162
    private(set) var number = 1
    private var base: (imported: Int64, exported: Int64)
    private var next: Instant
    private var generator: SeededGenerator
    private var count: UInt32 = 0
    private var glitch: (Glitch, telegrams: Int, until: Instant)?
    /// The head is in place.
    var isSeen = true
    /// The true values, about one entry per second.
    private(set) var history: [Shown] = []

    /// Starts at 12345.678 kWh and 90 kWh.
    init(_ kind: Kind, load: [Household.Step], seed: UInt64, at now: Instant) {
        self.kind = kind
        base = (12_345_678 * 3600, 90_000 * 3600)
        household = Household(seed: seed, profile: .steps(load), startedAt: now)
        inner = Self.inner(1, household, base, seed, now)
        next = now + .seconds(1)
        generator = SeededGenerator(seed: seed)
    }

    /// Replaces the meter with a new one at zero.
    func exchange(load: [Household.Step], at now: Instant) {
        number += 1
        base = (0, 0)
        household = Household(seed: 1, profile: .steps(load), startedAt: now)
        inner = Self.inner(number, household, base, UInt64(number), now)
    }

    private static func inner(
        _ number: Int, _ household: Household, _ base: (imported: Int64, exported: Int64), _ seed: UInt64, _ now: Instant
    ) -> VirtualME162 {
        VirtualME162(
            serial: "2834219\(number)", household: household, seed: seed, startedAt: now, importWattHours: base.imported / 3600,
            exportWattHours: base.exported / 3600)
    }

    /// Starts now; telegrams that nobody receives count as well.
    func suffer(_ new: Glitch, telegrams: Int, at now: Instant) { glitch = (new, telegrams, now + .seconds(telegrams + 5)) }

    // MARK: Register values

    private var perWattHour: Int64 {
        switch kind {
        case .me162, .p1: 1
        case .sml: 10
        case .modeD, .nameless: 10_000
        }
    }

    /// In units of its own last digit.
    private var counted: (imported: Int64, exported: Int64) {
        if kind == .me162 { return inner.energy(at: household.now) }
        let (imported, exported) = (base.imported + household.importWattSeconds, base.exported + household.exportWattSeconds)
        return (imported * perWattHour / 3600, exported * perWattHour / 3600)
    }

    private func note(_ now: Instant) {
        household.advance(to: now)
        guard history.last.map({ now - $0.at >= .milliseconds(900) }) ?? true else { return }
        history.append(shown(at: now))
    }

    func shown(at now: Instant) -> Shown {
        household.advance(to: now)
        let (imported, exported) = counted
        return Shown(at: now, imported: imported * 10_000 / perWattHour, exported: exported * 10_000 / perWattHour)
    }

    // MARK: On the line

    var nextDeadline: Instant? { kind == .me162 ? inner.nextDeadline : next }

    func received(_ bytes: [UInt8], at now: Instant, lineSpeed: BaudRate) -> [Emission] {
        guard kind == .me162 else { return [] }
        note(now)
        return inner.received(bytes, at: now, lineSpeed: lineSpeed).compactMap(spoiled)
    }

    func advance(to now: Instant) -> [Emission] {
        guard kind != .me162 else { return inner.advance(to: now).compactMap(spoiled) }
        var emissions: [Emission] = []
        while next <= now {
            note(next)
            count += 1
            if let bytes = telegram() { emissions.append(Emission(bytes, at: kind == .p1 ? .b115200 : .b9600, start: next)) }
            next = next + .seconds(1)
        }
        return emissions
    }

    private func telegram() -> [UInt8]? {
        let current = takeGlitch(at: next)
        guard isSeen else { return nil }
        let bytes =
            switch kind {
            case .sml: sml(current)
            case .p1: p1(current)
            case .modeD, .nameless, .me162: modeD(current)
            }
        return current == .garbled ? garbled(bytes) : bytes
    }

    private func takeGlitch(at now: Instant) -> Glitch? {
        guard let (current, telegrams, until) = glitch, now < until else { return nil }
        glitch = telegrams > 1 ? (current, telegrams - 1, until) : nil
        return current
    }

    private func garbled(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<generator.number(in: 1...3) {
            let place = Int(generator.number(in: 0...(Int64(bytes.count) - 1)))
            bytes[place] ^= 1 << UInt8(generator.number(in: 0...6))
        }
        return bytes
    }

    // MARK: Telegrams

    private func tampered(_ value: Int64, _ glitch: Glitch?) -> Int64 {
        switch glitch {
        case .zero: return 0
        case .tenfold: return value * 10
        case .thousandfold: return value * 1000
        case .thousandth: return value / 1000
        case .oneLess: return max(0, value - 1)
        case .huge: return 99_999_999 * 1000 * perWattHour
        case .flipped(let place):
            let power = (0..<place).reduce(Int64(1)) { power, _ in power * 10 }
            let digit = value / power % 10
            return value + power * ((digit ^ 4 <= 9 ? digit ^ 4 : digit ^ 1) - digit)
        default: return value
        }
    }

    private func sml(_ glitch: Glitch?) -> [UInt8] {
        let server: [UInt8] = [0x0A, 0x01] + Array("VRT".utf8) + [0, 0, 0xBC, 0x61, glitch == .stranger ? 99 : UInt8(number)]
        let (imported, exported) = counted
        let entry = { (code: OBISCode, value: Int64) in
            glitch == .locked
                ? SMLEncoder.Entry(code, .unsigned(UInt64(value / 10_000), width: 8), unit: 30, scaler: 3)
                : SMLEncoder.Entry(code, .unsigned(UInt64(self.tampered(value, glitch)), width: 8), unit: 30, scaler: -1)
        }
        var entries = [SMLEncoder.Entry(OBISCode(96, 1, 0), .octets(server)), entry(OBISCode(1, 8, 0), imported)]
        if glitch != .leftOut { entries.append(entry(OBISCode(2, 8, 0), exported)) }
        if glitch != .locked {
            entries.append(SMLEncoder.Entry(OBISCode(16, 7, 0), .signed(household.watts, width: 4), unit: 27, scaler: 0))
        }
        return SMLEncoder().telegram(server: server, entries, number: count)
    }

    /// Two tariffs and no total, with a gas meter behind it that sends its reading once an hour.
    private func p1(_ glitch: Glitch?) -> [UInt8] {
        let (imported, exported) = counted
        let serial = "5652543132333435363\(glitch == .stranger ? 9 : number)"
        let line = { (code: String, value: Int64) in "1-0:\(code)(\(self.decimal(self.tampered(value, glitch), 6, 3))*kWh)" }
        var gas = (gas / 10_000, glitch)
        if case .flipped = glitch { gas.1 = nil }
        var lines = ["1-3:0.2.8(50)", "0-0:96.1.1(\(serial))", line("1.8.1", imported / 3)]
        if glitch != .leftOut { lines.append(line("1.8.2", imported - imported / 3)) }
        lines += [
            line("2.8.1", exported / 4), line("2.8.2", exported - exported / 4), "0-1:24.1.0(003)", "0-1:96.1.0(4731)",
            "0-1:24.2.1(240102030000W)(\(decimal(tampered(gas.0, gas.1), 5, 3))*m3)",
        ]
        return P1Encoder.telegram("/VRT5\\2P1-0001", lines)
    }

    /// In units of 10⁻⁷ m³: 1.234 m³ per hour.
    var gas: Int64 { 9_814_430_000 + household.now.nanoseconds / 3_600_000_000_000 * 12_340_000 }

    private func modeD(_ glitch: Glitch?) -> [UInt8] {
        let (imported, exported) = counted
        let serial = "1VRT001234567\(glitch == .stranger ? 9 : number)"
        var text = "/VRT5D0-0001\r\n\r\n" + (kind == .nameless ? "" : "1-0:96.1.0*255(\(serial))\r\n")
        text += "1-0:1.8.0*255(\(decimal(tampered(imported, glitch), 6, 7))*kWh)\r\n"
        if glitch != .leftOut { text += "1-0:2.8.0*255(\(decimal(tampered(exported, glitch), 6, 7))*kWh)\r\n" }
        // Each character with its parity bit.
        return Array((text + "!\r\n").utf8).map { $0.nonzeroBitCount % 2 == 1 ? $0 | 0x80 : $0 }
    }

    /// With at least `digits` digits before the point, and exactly `decimals` after it.
    private func decimal(_ number: Int64, _ digits: Int, _ decimals: Int) -> String {
        let text = String(number)
        let padded = String(repeating: "0", count: max(0, digits + decimals - text.utf8.count)) + text
        return padded.dropLast(decimals) + "." + padded.suffix(decimals)
    }

    // MARK: The answers of an ME162

    /// Replaces the number in the brackets and corrects the check character.
    private func spoiled(_ emission: Emission) -> Emission? {
        guard isSeen else { return nil }
        guard let begin = emission.bytes.firstIndex(of: ControlCharacter.stx),
            let end = emission.bytes.lastIndex(of: ControlCharacter.etx), let glitch = takeGlitch(at: emission.start)
        else { return emission }
        if glitch == .garbled { return Emission(garbled(emission.bytes), at: emission.speed, start: emission.start) }
        let lines = emission.bytes[(begin + 1)..<end].split(separator: ControlCharacter.lf, omittingEmptySubsequences: false)
        var block = Array(lines.map { spoiled(line: Array($0), glitch) }.joined(separator: [ControlCharacter.lf]))
        block.append(ControlCharacter.etx)
        let bytes = emission.bytes[...begin] + block + [BlockCheck.of(block)]
        return Emission(Array(bytes), at: emission.speed, start: emission.start)
    }

    private func spoiled(line: [UInt8], _ glitch: Glitch) -> [UInt8] {
        if glitch == .stranger, line.starts(with: "C.1.0(".utf8) { return Array("C.1.0(99999999)\r".utf8) }
        guard let open = line.firstIndex(of: UInt8(ascii: "(")), let unit = line.firstIndex(of: UInt8(ascii: "*")),
            let value = Quantity(line[(open + 1)..<unit])?.units(of: -3)
        else { return line }
        if glitch == .leftOut { return line[...open] + Array("ERROR)".utf8) }
        return line[...open] + Array(decimal(tampered(value, glitch), 7, 3).utf8) + line[unit...]
    }
}
