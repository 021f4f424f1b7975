import MeterProtocols
import Metering
import VirtualMeters

/// A minimal host: sends bytes, and measures when the answer is complete.
struct Wire {
    var meter: VirtualME162
    var now: Instant
    var speed = BaudRate.b300

    struct Answer {
        var bytes: [UInt8]
        var speed: BaudRate
        /// From the first bit of the request to the last bit of the answer.
        var took: Duration
        /// From the last bit of the request to the first bit of the answer.
        var reaction: Duration

        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    static let start = Instant(nanoseconds: 1_000_000_000_000)

    init(_ faults: [Fault] = [], seed: UInt64 = 1, watts: Int64 = 360, after: Duration = .seconds(2)) {
        let household = Household(seed: seed, profile: .steady(watts: watts), startedAt: Self.start)
        meter = VirtualME162(household: household, faults: faults, seed: seed, startedAt: Self.start)
        now = Self.start + after
    }

    /// Sends bytes one at a time, as a line does, and advances to the end of the answer.
    mutating func ask(_ bytes: [UInt8]) -> [Answer] {
        let began = now
        var emissions: [Emission] = []
        for byte in bytes {
            now = now + LineSettings(speed).duration(of: 1)
            emissions += meter.received([byte], at: now, lineSpeed: speed)
        }
        let sent = now
        now = max(now, emissions.map(\.end).max() ?? now)
        return emissions.map { Answer(bytes: $0.bytes, speed: $0.speed, took: $0.end - began, reaction: $0.start - sent) }
    }

    mutating func ask(_ text: String) -> [Answer] { ask(Array(text.utf8)) }

    mutating func wait(_ duration: Duration) -> [Answer] {
        let (began, target) = (now, now + duration)
        let emissions = meter.advance(to: target)
        now = max(target, emissions.map(\.end).max() ?? target)
        return emissions.map { Answer(bytes: $0.bytes, speed: $0.speed, took: $0.end - began, reaction: $0.start - began) }
    }

    /// Enters programming mode.
    mutating func open() -> [Answer] {
        speed = .b300
        _ = ask("/?!\r\n")
        let answers = ask("\u{06}051\r\n")
        speed = .b9600
        return answers
    }
}

let readOneEight = Array("\u{01}R1\u{02}1.8.0()\u{03}Z".utf8)
let readTwoEight = Array("\u{01}R1\u{02}2.8.0()\u{03}Y".utf8)
let breakMessage = Array("\u{01}B0\u{03}q".utf8)

func command(_ text: String) -> [UInt8] {
    let body = Array(text.utf8) + [ControlCharacter.etx]
    return [ControlCharacter.soh] + body + [BlockCheck.of(body)]
}
