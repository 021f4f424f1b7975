import Metering

/// Bytes with the times at which they were received.
///
/// The file is text that people can read and edit. It begins with the heading. Each portion is a line with the seconds since the beginning
/// and the bytes in hex. The last line has only the seconds, for the end of the recording. A `#` begins a comment.
package struct Recording: Sendable, Equatable {
    package struct Portion: Sendable, Equatable {
        package var at: Duration
        package var bytes: [UInt8]

        package init(at: Duration, _ bytes: [UInt8]) {
            self.at = at
            self.bytes = bytes
        }
    }

    /// The number of the line that is invalid.
    package struct Fault: Error, Equatable {
        package var line: Int

        package init(line: Int) { self.line = line }
    }

    package static let heading = "jouled recording 1"
    private static let bytesPerLine = 32

    package var portions: [Portion]
    package var length: Duration

    package init(_ portions: [Portion], length: Duration) {
        self.portions = portions
        self.length = length
    }

    package var bytes: [UInt8] { portions.flatMap(\.bytes) }

    // MARK: Reading

    package static func isRecording(_ file: [UInt8]) -> Bool { file.starts(with: heading.utf8) }

    /// Reads a recording, or a file of plain bytes. Plain bytes have no times: they get those of a line that is never idle.
    package init(file: [UInt8]) throws(Fault) {
        if Self.isRecording(file) { try self.init(text: file) } else { self.init(paced: file, by: LineSettings(.b9600)) }
    }

    private init(paced bytes: [UInt8], by line: LineSettings) {
        let size = 15
        portions = stride(from: 0, to: bytes.count, by: size).map { start in
            let end = min(start + size, bytes.count)
            return Portion(at: line.duration(of: end), Array(bytes[start..<end]))
        }
        length = line.duration(of: bytes.count)
    }

    private init(text: [UInt8]) throws(Fault) {
        self.init([], length: .zero)
        var lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        // Whatever follows the last line end was not written completely.
        lines.removeLast()
        for (index, line) in lines.enumerated().dropFirst() {
            let words = line.prefix { $0 != UInt8(ascii: "#") }.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") }
            guard let first = words.first else { continue }
            guard words.count <= 2, let at = Self.time(first), at >= length else { throw Fault(line: index + 1) }
            length = at
            guard words.count == 2 else { continue }
            guard let bytes = Self.bytes(ofHex: words[1]) else { throw Fault(line: index + 1) }
            // Lines with the same time were received together.
            if portions.last?.at == at { portions[portions.count - 1].bytes += bytes } else { portions.append(Portion(at: at, bytes)) }
        }
    }

    /// `12.345`
    private static func time(_ text: ArraySlice<UInt8>) -> Duration? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 2, (1...9).contains(parts[0].count), parts[1].count == 3 else { return nil }
        var milliseconds: Int64 = 0
        for digit in parts.joined() {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            milliseconds = milliseconds * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        return .milliseconds(milliseconds)
    }

    private static func bytes(ofHex text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        var upper: UInt8?
        for character in text {
            guard let digit = hexDigit(character) else { return nil }
            if let high = upper {
                bytes.append(high << 4 | digit)
                upper = nil
            } else {
                upper = digit
            }
        }
        return bytes
    }

    // MARK: Writing

    package static func beginning(_ remark: String) -> String { "\(heading)\n# \(remark)\n" }

    package static func lines(_ portion: Portion) -> String {
        let seconds = seconds(portion.at)
        return stride(from: 0, to: portion.bytes.count, by: bytesPerLine).map { start in
            let part = portion.bytes[start..<min(start + bytesPerLine, portion.bytes.count)]
            return "\(seconds) \(hex(part))\n"
        }.joined()
    }

    package static func end(_ at: Duration) -> String { "\(seconds(at))\n" }

    package func text(_ remark: String) -> String { Self.beginning(remark) + portions.map(Self.lines).joined() + Self.end(length) }

    private static func seconds(_ time: Duration) -> String {
        let milliseconds = max(0, time.nanoseconds / 1_000_000)
        let rest = String(milliseconds % 1000)
        return "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - rest.utf8.count))\(rest)"
    }

    private static func hex(_ bytes: ArraySlice<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            for digit in [byte >> 4, byte & 0xF] { text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10) }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

func hexDigit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
}
