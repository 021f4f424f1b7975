/// The serial number of a meter. A different number is accepted only after at least three readings over a minute: a misread digit does not
/// mean another meter, and Home Assistant would create a device for each misread number.
struct KnownSerial: Sendable {
    enum Verdict: Sendable, Equatable {
        case same
        /// The readout is from another meter: none of its values is accepted yet.
        case stranger(String)
        /// Confirmed: the meter was replaced by another one.
        case exchanged(String)
    }

    private static let (times, length) = (3, Duration.seconds(60))

    private(set) var number: String?
    private var stranger: (number: String, since: Instant, times: Int)?

    init(_ number: String? = nil) { self.number = number }

    /// A different number was read and has not been refuted since.
    var isDoubted: Bool { stranger != nil }

    /// A readout without a number is attributed to the meter that sent the last number.
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

    /// Replaces the number without treating it as another meter.
    mutating func correct(_ number: String) {
        self.number = number
        stranger = nil
    }
}
