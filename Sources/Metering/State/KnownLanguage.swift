/// The language in which a meter was last read: the session begins with it after the next start.
package struct KnownLanguage: Hashable, Sendable {
    package var name: MeterProtocol
    /// The speed at which the meter pushes, in Bd; `nil` for a meter that has to be asked.
    package var speed: Int?

    package init(_ name: MeterProtocol, speed: Int? = nil) {
        self.name = name
        self.speed = speed
    }
}

/// The language as the text that is stored on disk, with a checksum over all of it. It has a file of its own: an older jouled would discard
/// a `MeterMemoryRecord`, and the totals in it, because of a line that it does not know.
///
///     jouled language 1
///     language p1
///     speed 115200
///     check 1a2b3c4d
package enum KnownLanguageRecord {
    private static let title = "jouled language 1\n"
    /// The maximum length of a record.
    package static let limit = 256

    /// Returns `nil` for a language that can't be written.
    package static func text(of language: KnownLanguage) -> String? {
        guard language.name.rawValue.isLabel, !language.name.rawValue.contains(" " as Character) else { return nil }
        let speed = language.speed.map { "speed \($0)\n" } ?? ""
        return CheckSum.sealed(title + "language \(language.name.rawValue)\n" + speed)
    }

    /// Returns `nil` unless every byte is as it was written.
    package static func parse(_ bytes: [UInt8]) -> KnownLanguage? {
        guard bytes.count <= limit, let text = String(validating: bytes, as: UTF8.self), text.hasPrefix(title) else { return nil }
        var language: KnownLanguage?
        for line in text.split(separator: "\n").dropFirst() {
            let words = line.split(separator: " ")
            guard words.count == 2 else { continue }
            if words[0] == "language" { language = KnownLanguage(MeterProtocol(rawValue: String(words[1]))) }
            if words[0] == "speed" { language?.speed = Int(words[1]) }
        }
        guard let language, Self.text(of: language) == text else { return nil }
        return language
    }
}
