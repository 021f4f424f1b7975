import MeterProtocols
import Metering

/// Faults of a virtual meter or of its line.
package enum Fault: Sendable, Hashable {
    /// Each bit, in both directions, is flipped with this probability.
    case bitErrors(rate: Double)
    /// Each byte, in both directions, is lost with this probability.
    case dropBytes(rate: Double)
    /// The head receives its own light: everything that the host sends is echoed before the answer.
    case echo
    /// The meter sends a few bytes of 7F, 00 and FF before every message.
    case leadingNoise
    /// 7E1 is received as 8N1, so bit 7 contains the even parity.
    case eightBit
    /// An acknowledgement that selects another speed does not arrive, so the meter stays at 300 Bd.
    case noHighSpeed
    /// The meter sends its readout when programming mode is requested.
    case noProgramming
    /// The meter offers only 300 Bd.
    case slow
    /// The meter stops answering after this time.
    case silentAfter(Duration)
    /// A session was aborted one second before the start, so the meter is still locked.
    case locked
    case nakOnce
    case wrongBCCOnce
    /// The meter does not receive for this long after each message it sends.
    case deaf(Duration)
}

extension Fault {
    /// Parses a fault as written on the command line: `echo`, `bit-errors=0.001`, `silent-after=30s`.
    package init?(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let rate = parts.dropFirst().first.flatMap { Double($0) }.flatMap { (0...1).contains($0) ? $0 : nil }
        switch (parts[0], parts.dropFirst().first) {
        case ("bit-errors", _?):
            guard let rate else { return nil }
            self = .bitErrors(rate: rate)
        case ("drop-bytes", _?):
            guard let rate else { return nil }
            self = .dropBytes(rate: rate)
        case ("silent-after", let value?):
            guard let duration = Duration(spelled: value) else { return nil }
            self = .silentAfter(duration)
        case ("deaf", let value?):
            guard let duration = Duration(spelled: value) else { return nil }
            self = .deaf(duration)
        case ("echo", nil): self = .echo
        case ("leading-noise", nil): self = .leadingNoise
        case ("eight-bit", nil): self = .eightBit
        case ("no-high-speed", nil): self = .noHighSpeed
        case ("no-programming", nil): self = .noProgramming
        case ("slow", nil): self = .slow
        case ("locked", nil): self = .locked
        case ("nak-once", nil): self = .nakOnce
        case ("wrong-bcc-once", nil): self = .wrongBCCOnce
        default: return nil
        }
    }

    package static let names = [
        "bit-errors=RATE", "drop-bytes=RATE", "echo", "leading-noise", "eight-bit", "no-high-speed", "no-programming", "slow",
        "silent-after=DURATION", "locked", "nak-once", "wrong-bcc-once", "deaf=DURATION",
    ]
}

/// A meter's receiver, which is off while the meter prepares and sends a message, and for some time after that.
struct Ear: Sendable {
    private let deafness: Duration
    private var listensFrom: Instant

    init(_ faults: [Fault], _ now: Instant) {
        deafness = faults.lazy.compactMap { if case .deaf(let time) = $0 { time } else { nil } }.first ?? .zero
        listensFrom = now
    }

    mutating func close(until end: Instant) { listensFrom = end + deafness }

    func listens(at now: Instant) -> Bool { now >= listensFrom }

    /// The characters that the meter receives if the last one ends at `now`: those that began after the receiver was on again.
    func heard(_ bytes: [UInt8], at speed: BaudRate, through now: Instant) -> [UInt8] {
        let line = LineSettings(speed)
        let lost = bytes.indices.first { listens(at: now - line.duration(of: bytes.count - $0)) } ?? bytes.endIndex
        return lost == 0 ? bytes : Array(bytes[lost...])
    }
}

/// Applies the faults of the line to the characters.
struct Disturbance: Sendable {
    private var bitErrors = 0.0
    private var dropped = 0.0
    private let (hasParity, isNoisy): (Bool, Bool)
    private var generator: SeededGenerator

    init(_ faults: [Fault], seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        (hasParity, isNoisy) = (faults.contains(.eightBit), faults.contains(.leadingNoise))
        for fault in faults {
            if case .bitErrors(let rate) = fault { bitErrors = rate }
            if case .dropBytes(let rate) = fault { dropped = rate }
        }
    }

    /// A message of 7-bit characters as the meter sends it, with noise or parity bits if there are such faults.
    mutating func dress(_ message: [UInt8]) -> [UInt8] {
        let bytes = hasParity ? message.map { $0.nonzeroBitCount % 2 == 0 ? $0 : $0 | 0x80 } : message
        return isNoisy ? noise() + bytes : bytes
    }

    mutating func disturb(_ bytes: [UInt8], bits: Int = 7) -> [UInt8] {
        guard bitErrors > 0 || dropped > 0 else { return bytes }
        var result: [UInt8] = []
        for byte in bytes where !generator.happens(dropped) {
            result.append((0..<bits).reduce(byte) { generator.happens(bitErrors) ? $0 ^ 1 << UInt8($1) : $0 })
        }
        return result
    }

    mutating func noise() -> [UInt8] {
        let kinds: [UInt8] = [0x7F, 0x00, 0xFF]
        return (0..<generator.number(in: 1...3)).map { _ in kinds[Int(generator.number(in: 0...2))] }
    }
}
