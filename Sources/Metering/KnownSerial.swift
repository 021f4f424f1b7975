/// The serial number of a meter. Another one is believed when several readouts in a row say so: a misread digit is no other meter, and
/// Home Assistant would get a device for each.
struct KnownSerial: Sendable {
    enum Verdict: Sendable, Equatable {
        case same
        /// It says that it is another meter: nothing it says counts yet.
        case stranger(String)
        /// It is another meter than this one was.
        case exchanged(String)
    }

    private static let readouts = (checked: 3, unchecked: 30)

    private(set) var number: String?
    private var stranger: (number: String, readouts: Int)?

    init(_ number: String? = nil) { self.number = number }

    /// `nil` is a readout that does not say it: it is of the meter that spoke last.
    mutating func hear(_ heard: String?, isChecked: Bool) -> Verdict {
        guard let known = number else {
            number = heard
            return .same
        }
        guard heard != known, let other = heard ?? stranger?.number else {
            stranger = nil
            return .same
        }
        let readouts = (stranger?.number == other ? stranger?.readouts ?? 0 : 0) + 1
        stranger = (other, readouts)
        guard readouts >= (isChecked ? Self.readouts.checked : Self.readouts.unchecked) else { return .stranger(other) }
        number = other
        stranger = nil
        return .exchanged(known)
    }

    /// The same meter under the number that it has for good.
    mutating func correct(_ number: String) {
        self.number = number
        stranger = nil
    }
}
