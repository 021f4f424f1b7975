/// The speeds of IEC 62056-21 in the order of their characters in an identification (`0`…`6`), and the faster ones of other protocols.
package enum BaudRate: Int, Sendable, Hashable, CaseIterable, Comparable {
    case b300 = 300, b600 = 600, b1200 = 1200, b2400 = 2400, b4800 = 4800, b9600 = 9600, b19200 = 19200
    case b38400 = 38400, b57600 = 57600, b115200 = 115200

    package static func < (a: BaudRate, b: BaudRate) -> Bool { a.rawValue < b.rawValue }
}

package enum Framing: String, Sendable, Hashable { case sevenEven = "7E1", eightNone = "8N1" }

package struct LineSettings: Sendable, Hashable, CustomStringConvertible {
    package var speed: BaudRate
    package var framing: Framing

    package init(_ speed: BaudRate, _ framing: Framing = .sevenEven) {
        self.speed = speed
        self.framing = framing
    }

    package var description: String { "\(speed.rawValue) Bd \(framing.rawValue)" }

    /// How long `count` characters take on the wire, at ten bits each. Saturates instead of overflowing.
    package func duration(of count: Int) -> Duration {
        let (nanobits, overflow) = Int64(count).multipliedReportingOverflow(by: 10_000_000_000)
        return .nanoseconds((overflow ? .max : nanobits) / Int64(speed.rawValue))
    }
}
