/// A total that was set as the meter's display showed it. Two of them tell how well the pulses follow the display.
package struct Correction: Hashable, Sendable {
    package var at: WallTime
    /// What the total was until then; `nil` where it was lost.
    package var before: Quantity?
    /// With the digits that were given: they say how exactly the display was read.
    package var display: Quantity
    /// Every pulse ever counted, at that moment.
    package var pulses: Int64

    package init(at: WallTime, before: Quantity?, display: Quantity, pulses: Int64) {
        self.at = at.writable
        self.before = before
        self.display = display
        self.pulses = pulses
    }

    /// The newest are kept.
    package static let most = 16
    /// A total that is set again so soon, before a pulse came, was mistyped.
    private static let secondThought: Int64 = 600_000

    func replaces(_ last: Correction) -> Bool {
        pulses == last.pulses && (at.millisecondsSince1970 - last.at.millisecondsSince1970).magnitude <= Self.secondThought.magnitude
    }
}

extension WallTime {
    /// The nearest that can be written down.
    var writable: WallTime { min(max(self, WallTime(millisecondsSince1970: 0)), WallTime(millisecondsSince1970: WallTime.endOf9999)) }
}

extension PulseTotal {
    /// Where it is from, the corrections in words, oldest first, and what they say about the pulses.
    package var remarks: [String] {
        let settings = corrections.map { correction in
            "\(correction.at.rfc3339Seconds): set to \(correction.display)" + (correction.before.map { ", was \($0)" } ?? ", was lost")
        }
        return beginning + settings + (drift.map { ["drift: \($0)"] } ?? [])
    }

    private var beginning: [String] {
        guard case .broker(let at) = origin else { return [] }
        return ["\(at.rfc3339Seconds): continued from the broker's total; what the broker was not told is missing"]
    }

    /// How far the pulses are from the display; known from the second correction on.
    package var drift: Drift? { Drift(corrections, pulsesPerUnit: pulsesPerUnit) }
}
