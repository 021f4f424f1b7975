import Metering

/// Everything that depends on a meter's language: a row of the table.
package struct Language: Sendable {
    package let name: MeterProtocol
    /// For people: `IEC 62056-21 mode D`.
    package let title: String
    /// Where a meter that pushes is listened to, the most common speed first.
    let speeds: [ListeningSpeed]
    let decoder: @Sendable () -> any PushDecoder
    /// The decoder to use while the language is unknown; `nil` where another language's decoder reads it as well.
    var detector: (@Sendable () -> any PushDecoder)?
    /// Whether these registers can't be another language's: readouts of other decoders, which have no checksum, are then not accepted.
    var isUnmistakable: @Sendable ([Register]) -> Bool = { _ in false }
    /// The session with a meter that has to be asked; `nil` for a meter that pushes.
    var session: (@Sendable (ReadingPlan) -> any MeterSession)?
    /// Whether a telegram may start with these bytes.
    let mayStart: @Sendable (ArraySlice<UInt8>) -> Bool
    /// Finds the names in one telegram; `nil` where that is impossible.
    let mask: @Sendable ([UInt8]) -> (any TelegramMask)?

    package var isAsked: Bool { session != nil }
    package var usualSpeed: BaudRate { speeds.first?.line.speed ?? .b9600 }
}

/// A speed, and how long to listen at it: the slowest senders send every 10 s with P1 and every 4 s with SML.
///
/// Always eight bits without parity: from a meter that sends 7E1 the parity arrives as the eighth bit and is checked with the telegram.
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
