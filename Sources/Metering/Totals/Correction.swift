/// A total that was set to what the meter's display showed. Two corrections show how well the pulses match the display.
package struct Correction: Hashable, Sendable {
    package var at: WallTime
    /// The total before the correction; `nil` if it was lost.
    package var before: Quantity?
    /// Keeps all digits that were entered: they show how precisely the display was read.
    package var display: Quantity
    /// All pulses ever counted up to the correction.
    package var pulses: Int64

    package init(at: WallTime, before: Quantity?, display: Quantity, pulses: Int64) {
        self.at = at.writable
        self.before = before
        self.display = display
        self.pulses = pulses
    }

    /// Only this many of the newest corrections are kept.
    package static let most = 16
    /// If a total is set again within this many milliseconds and no pulse has come in between, the first entry is assumed to be a typing
    /// error.
    private static let secondThought: Int64 = 600_000

    func replaces(_ last: Correction) -> Bool {
        pulses == last.pulses && (at.millisecondsSince1970 - last.at.millisecondsSince1970).magnitude <= Self.secondThought.magnitude
    }
}

extension WallTime {
    /// Clamped to the range that can be written.
    var writable: WallTime { min(max(self, WallTime(millisecondsSince1970: 0)), WallTime(millisecondsSince1970: WallTime.endOf9999)) }
}

extension PulseTotal {
    /// The origin, the corrections (oldest first) and the drift, in words.
    package var remarks: [String] {
        let settings = corrections.map { correction in
            "\(correction.at.rfc3339Seconds): set to \(correction.display)"
                + (correction.before.map { ", was \($0)" } ?? ", old total lost")
        }
        return beginning + settings + (drift.map { ["drift: \($0)"] } ?? [])
    }

    private var beginning: [String] {
        guard case .broker(let at) = origin else { return [] }
        return ["\(at.rfc3339Seconds): continued from the broker's total; pulses that were not published are missing"]
    }

    /// The deviation of the pulses from the display; known from the second correction on.
    package var drift: Drift? { Drift(corrections, pulsesPerUnit: pulsesPerUnit) }
}
