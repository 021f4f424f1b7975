import Metering

/// Everything that depends on a meter's language: a row of the table `Language.all`.
package struct Language: Sendable {
    package let name: MeterProtocol
    /// The name shown to people: `IEC 62056-21 mode D`.
    package let title: String
    /// The speeds at which to listen to a meter that pushes, the most common speed first.
    let speeds: [ListeningSpeed]
    let decoder: @Sendable () -> any PushDecoder
    /// The decoder to use while the language is unknown; `nil` if another language's decoder reads this language as well.
    var detector: (@Sendable () -> any PushDecoder)?
    /// Whether these registers occur only in this language. If so, another language's readout is rejected unless it has a checksum.
    var isUnmistakable: @Sendable ([Register]) -> Bool = { _ in false }
    /// The session with a meter that has to be asked; `nil` for a meter that pushes.
    var session: (@Sendable (ReadingPlan) -> any MeterSession)?
    /// Whether a telegram may start with these bytes.
    let mayStart: @Sendable (ArraySlice<UInt8>) -> Bool
    /// Finds the names in one telegram; returns `nil` if that is impossible.
    let mask: @Sendable ([UInt8]) -> (any TelegramMask)?

    package var isAsked: Bool { session != nil }
    package var usualSpeed: BaudRate { speeds.first?.line.speed ?? .b9600 }
}

extension KnownLanguage {
    /// The language of a readout that was received at this speed.
    package init(of readout: Readout, at speed: BaudRate) {
        self.init(readout.source, speed: Language.named(readout.source).isAsked ? nil : speed.rawValue)
    }
}

/// A speed, and how long to listen at it: the slowest known meters send every 10 s with P1 and every 4 s with SML.
///
/// The framing is always 8N1: if a meter sends 7E1, the parity arrives as the eighth bit and is checked with the telegram.
struct ListeningSpeed: Equatable, Sendable {
    static let patient = Duration.seconds(12)
    static let usual = ListeningSpeed(.b9600, patience: .seconds(6))

    var line: LineSettings
    var patience: Duration
    /// Tried only in every other round.
    var isRare: Bool

    init(_ speed: BaudRate, patience: Duration = Self.patient, isRare: Bool = false) {
        line = LineSettings(speed, .eightNone)
        self.patience = patience
        self.isRare = isRare
    }
}
