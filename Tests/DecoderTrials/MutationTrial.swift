import MeterProtocols
import Metering
import VirtualMeters

/// Telegrams with a checksum, each corrupted in a way that the checksum must detect, and followed by an intact one: a corrupted telegram must
/// not give a value that was not sent, and every intact one must be read.
struct MutationTrial {
    private struct Telegram {
        var bytes: [UInt8]
        var registers: [Register]
    }

    private let language: Language
    private let pool: [Telegram]
    private var decoder: any PushDecoder
    private var random: SeededGenerator
    /// Telegrams that were only read once the next one had arrived.
    private(set) var late = 0
    private(set) var failures: [String] = []

    init(_ language: Language, seed: UInt64) {
        self.language = language
        decoder = language.decoder
        random = SeededGenerator(seed: seed)
        pool = (0..<60).map { number in
            let bytes = language.telegram(number)
            var decoder = language.decoder
            return Telegram(bytes: bytes, registers: Self.registers(decoder.push(bytes, at: Instant(nanoseconds: 0)))[0])
        }
    }

    mutating func run(_ rounds: Int) {
        for round in 0..<rounds where failures.count < 10 {
            let victim = pick()
            let damaged = damage(victim.bytes)
            var whole = [pick()]
            var found = push(damaged) + push(whole[0].bytes)
            if found.last != whole[0].registers {
                late += 1
                whole.append(pick())
                found += push(whole[1].bytes)
            }
            let read = found.suffix(whole.count)
            if !read.elementsEqual(whole.map(\.registers)) { failures.append("round \(round): a whole telegram is lost behind \(damaged)") }
            let sent = Set(victim.registers)
            for registers in found.dropLast(whole.count) where !sent.isSuperset(of: registers) {
                failures.append("round \(round): \(registers.filter { !sent.contains($0) }) of \(damaged)")
            }
        }
    }

    private mutating func pick() -> Telegram { pool[below(pool.count)] }

    private mutating func below(_ count: Int) -> Int { Int(random.number(in: 0...Int64(count - 1))) }

    private mutating func push(_ bytes: [UInt8]) -> [[Register]] { Self.registers(decoder.push(bytes, at: Instant(nanoseconds: 0))) }

    private static func registers(_ found: [Finding]) -> [[Register]] {
        found.compactMap { if case .readout(let readout) = $0 { readout.registers } else { nil } }
    }

    /// A block check detects every change of one character; a 16-bit CRC up to three bits anywhere, and any within 16 bits.
    private mutating func damage(_ telegram: [UInt8]) -> [UInt8] {
        var bytes = telegram
        let place = below(bytes.count - 1)
        switch (language, below(4)) {
        case (.iec, 0): bytes[place] ^= 1 << UInt8(below(8))
        case (.iec, 1):
            let control: [UInt8] = [0x01, 0x02, 0x03, 0x04, 0x06, 0x0A, 0x0D, 0x15] + Array("!()*./".utf8)
            bytes[place] = control[below(control.count)]
        case (.iec, _): bytes[place] = UInt8(below(256))
        case (_, 3):
            bytes[place] = UInt8(below(256))
            bytes[place + 1] = UInt8(below(256))
        case (_, let bits): for _ in 0...bits { bytes[below(bytes.count)] ^= 1 << UInt8(below(8)) }
        }
        return bytes
    }
}
