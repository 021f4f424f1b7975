import Metering

/// The announcements as the text that is stored on disk. A checksum over all of it detects a truncated or corrupted record.
///
///     jouled announced 1
///     meter device jouled_12345678 grid
///     base jouled
///     prefix homeassistant
///     sensor energy_import
///     binary_sensor link
///     check 1a2b3c4d
///
/// The daemon's own entry begins with `bridge device jouled_jouled-kitchen`.
package enum AnnouncementRecord {
    private static let title = "jouled announced 1\n"
    /// The maximum length of a record: more than any house needs, because a meter takes less than 2 KiB.
    package static let limit = 262_144

    package static func text(of announcements: [Announcement]) -> String {
        var body = title
        for announcement in announcements {
            body += "\(announcement.meter == nil ? "bridge" : "meter") \(announcement.form.rawValue) \(announcement.identifier)"
            if let meter = announcement.meter { body += " \(meter)" }
            body += "\nbase \(announcement.topics.base)\nprefix \(announcement.topics.prefix)\n"
            for part in announcement.parts { body += "\(part.platform) \(part.key)\n" }
        }
        return CheckSum.sealed(body)
    }

    /// Returns `nil` unless every byte is as it was written.
    package static func parse(_ bytes: [UInt8]) -> [Announcement]? {
        guard bytes.count <= limit, let text = String(validating: bytes, as: UTF8.self) else { return nil }
        var announcements: [Announcement] = []
        for line in text.split(separator: "\n").dropFirst().dropLast() {
            let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            if words[0] == "meter" || words[0] == "bridge" {
                guard words.count == (words[0] == "meter" ? 4 : 3), let form = DiscoveryForm(rawValue: words[1]) else { return nil }
                announcements.append(
                    Announcement(
                        meter: words.count == 4 ? words[3] : nil, form: form, topics: Topics(base: "", prefix: ""), identifier: words[2],
                        parts: []))
                continue
            }
            guard words.count == 2, let index = announcements.indices.last else { return nil }
            let topics = announcements[index].topics
            switch words[0] {
            case "base": announcements[index].topics = Topics(base: words[1], prefix: topics.prefix)
            case "prefix": announcements[index].topics = Topics(base: topics.base, prefix: words[1])
            default: announcements[index].parts.append(Announcement.Part(platform: words[0], key: words[1]))
            }
        }
        return Self.text(of: announcements) == text ? announcements : nil
    }
}
