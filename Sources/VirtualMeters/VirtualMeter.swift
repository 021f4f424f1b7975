import MeterProtocols
import Metering

/// A meter at the other end of a serial line, as a value type. Its owner simulates the line: it passes in the received bytes and the time,
/// and sends the meter's bytes at the pace of their speed.
package protocol VirtualMeter: Sendable {
    /// Processes bytes that the host sent at `lineSpeed`; the last bit of the last byte ended at `now`.
    mutating func received(_ bytes: [UInt8], at now: Instant, lineSpeed: BaudRate) -> [Emission]
    mutating func advance(to now: Instant) -> [Emission]
    /// When to call `advance`, unless bytes are received earlier.
    var nextDeadline: Instant? { get }
}

/// Bytes that the meter sends without a gap. They begin in the future, after the meter's reaction time, except for an echo, which began
/// when the host began to send.
package struct Emission: Sendable, Hashable {
    package var bytes: [UInt8]
    package var speed: BaudRate
    /// When the first bit begins.
    package var start: Instant

    package init(_ bytes: [UInt8], at speed: BaudRate, start: Instant) {
        self.bytes = bytes
        self.speed = speed
        self.start = start
    }

    /// When the byte at `index` ends.
    package func completion(of index: Int) -> Instant { start + LineSettings(speed).duration(of: index + 1) }

    package var end: Instant { start + LineSettings(speed).duration(of: bytes.count) }
}

/// Returns what a UART at one speed receives when characters are sent at another (7E1 at both ends): it looks for start bits and samples
/// where it expects the bits. If the sender is slower, each dark-to-light change becomes a NUL; if it is faster, most characters vanish.
package func heard(_ bytes: [UInt8], sentAt: BaudRate, heardAt: BaudRate) -> [UInt8] {
    guard sentAt != heardAt else { return bytes }
    // The unit of time is chosen so that half a bit of either side is an integer.
    let (sentBit, heardBit) = (2 * heardAt.rawValue, 2 * sentAt.rawValue)
    let end = bytes.count * 10 * sentBit
    func isHigh(_ time: Int) -> Bool {
        guard time < end else { return true }
        let (character, bit) = (time / sentBit).quotientAndRemainder(dividingBy: 10)
        switch bit {
        case 0: return false
        case 1...7: return bytes[character] >> (bit - 1) & 1 == 1
        case 8: return (bytes[character] & 0x7F).nonzeroBitCount % 2 == 1
        default: return true
        }
    }
    /// Returns when the line next has the given level.
    func next(high: Bool, from time: Int) -> Int {
        var time = time
        while time < end, isHigh(time) != high { time = (time / sentBit + 1) * sentBit }
        return time
    }
    var result: [UInt8] = []
    var time = next(high: false, from: 0)
    while time < end {
        let middle = time + heardBit / 2
        if isHigh(middle) {
            // The low level was too short for a start bit.
            time = next(high: false, from: middle)
            continue
        }
        result.append((1...7).reduce(0) { $0 | (isHigh(middle + $1 * heardBit) ? 1 << UInt8($1 - 1) : 0) })
        time = next(high: false, from: next(high: true, from: middle + 9 * heardBit))
    }
    return result
}
