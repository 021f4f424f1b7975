/// The serial number of a meter. Another one is believed when it was told for a minute, three times at least: a misread digit is no other
/// meter, and Home Assistant would get a device for each.
struct KnownSerial: Sendable {
    enum Verdict: Sendable, Equatable {
        case same
        /// It says that it is another meter: nothing it says counts yet.
        case stranger(String)
        /// It is another meter than this one was.
        case exchanged(String)
    }

    private static let (times, length) = (3, Duration.seconds(60))

    private(set) var number: String?
    private var stranger: (number: String, since: Instant, times: Int)?

    init(_ number: String? = nil) { self.number = number }

    /// Another one was told, and not taken back since.
    var isDoubted: Bool { stranger != nil }

    /// `nil` is a readout that does not say it: it is of the meter that spoke last.
    mutating func hear(_ heard: String?, at now: Instant) -> Verdict {
        guard let known = number else {
            number = heard
            return .same
        }
        guard heard != known, let other = heard ?? stranger?.number else {
            stranger = nil
            return .same
        }
        var told = (number: other, since: now, times: 1)
        if let stranger, stranger.number == other { told = (other, stranger.since, stranger.times + 1) }
        stranger = told
        guard told.times >= Self.times, now - told.since >= Self.length else { return .stranger(other) }
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
