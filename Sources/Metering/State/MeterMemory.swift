/// A meter's totals at the time the daemon ended. After the next start, readings are compared with them.
package struct MeterMemory: Hashable, Sendable {
    package struct Total: Hashable, Sendable {
        package var value: Quantity
        /// When the total was read, according to a wall clock that may have been wrong.
        package var at: WallTime

        package init(_ value: Quantity, at: WallTime) {
            self.value = value
            self.at = at.writable
        }
    }

    package var serial: String?
    /// `serial` is the meter's address, not its serial number.
    package var isAddress: Bool
    package var totals: [Measurand: Total]
    /// The name, if this is a meter behind another one. It is saved so that the meter keeps its topics after a restart, in whatever order
    /// such meters are read.
    package var name: String?
    /// The meters behind this one.
    package var channels: [UInt8: MeterMemory] = [:]
    /// The language in which the meter was last read. It is not part of the `MeterMemoryRecord`, but stored as a `KnownLanguageRecord`.
    package var language: KnownLanguage?

    package init(serial: String? = nil, isAddress: Bool = false, totals: [Measurand: Total] = [:]) {
        self.serial = serial
        self.isAddress = isAddress
        self.totals = totals
    }
}

/// The memory as the text that is stored on disk, with a checksum over all of it.
///
///     jouled meter 1
///     serial 28342193
///     energy_export 13.465 at 1795242480000
///     energy_import 33402.264 at 1795242480000
///     channel 1
///     name grid_gas
///     serial G4731
///     volume 981.443 at 1795242480000
///     check 1a2b3c4d
package enum MeterMemoryRecord {
    private static let title = "jouled meter 1\n"
    /// The maximum length of a record.
    package static let limit = 16_384

    package static func text(of memory: MeterMemory) -> String {
        var body = title + lines(of: memory)
        for (channel, memory) in memory.channels.sorted(by: { $0.key < $1.key }) { body += "channel \(channel)\n" + lines(of: memory) }
        return CheckSum.sealed(body)
    }

    private static func lines(of memory: MeterMemory) -> String {
        var lines = ""
        if let name = memory.name, name.isLabel, !name.contains(" " as Character) { lines = "name \(name)\n" }
        // A number with other characters could be parsed as additional lines.
        if let serial = memory.serial, serial.isLabel {
            lines += "\(memory.isAddress ? "address" : "serial") \(serial)\n"
        }
        for (measurand, total) in memory.totals.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            lines += "\(measurand.rawValue) \(total.value) at \(total.at.millisecondsSince1970)\n"
        }
        return lines
    }

    /// Returns `nil` unless every byte is as it was written.
    package static func parse(_ bytes: [UInt8]) -> MeterMemory? {
        guard bytes.count <= limit, let text = String(validating: bytes, as: UTF8.self), text.hasPrefix(title) else { return nil }
        var memory = MeterMemory()
        var channel: UInt8?
        // Unrecognised lines are skipped; the comparison of the texts below detects them.
        for line in text.split(separator: "\n").dropFirst() {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == "channel", let number = UInt8(words[1]) {
                channel = number
                memory.channels[number] = MeterMemory()
            } else if let channel {
                read(line, words, into: &memory.channels[channel, default: MeterMemory()])
            } else {
                read(line, words, into: &memory)
            }
        }
        return Self.text(of: memory) == text ? memory : nil
    }

    private static func read(_ line: Substring, _ words: [Substring], into memory: inout MeterMemory) {
        for (name, isAddress) in [("serial ", false), ("address ", true)] where line.hasPrefix(name) {
            memory.serial = String(line.dropFirst(name.utf8.count))
            memory.isAddress = isAddress
        }
        if words.count == 2, words[0] == "name" { memory.name = String(words[1]) }
        guard words.count == 4, let measurand = Measurand(rawValue: String(words[0])), measurand.isTotal,
            let value = Quantity(words[1].utf8), !value.isNegative, let milliseconds = Int64(words[3])
        else { return }
        memory.totals[measurand] = MeterMemory.Total(value, at: WallTime(millisecondsSince1970: milliseconds))
    }
}
