/// The bytes received since the last send. Drops noise and the echo from a head that sees its own light, and finds the messages.
struct IncomingBytes {
    /// A message framed by SOH or STX and ETX or EOT.
    struct Message {
        /// The message begins with SOH, so it is a command, such as P0.
        var isCommand: Bool
        /// What is between the first control character and ETX or EOT.
        var body: [UInt8]
        /// The message ended with ETX. After an EOT another block follows once this one is acknowledged.
        var isLast = true
        var isUndamaged: Bool
    }

    enum Finding {
        case message(Message)
        /// The other side asks for a repeat.
        case repeatRequest
    }

    /// The maximum number of buffered bytes; the largest known readout has 4 KiB.
    static let limit = 16_384

    private var bytes: [UInt8] = []
    private var echo: [UInt8] = []
    /// Where the message or the identification begins, once that is found.
    private var start: Int?
    /// Where to continue the search for the beginning or, once that is found, for the end, so that each byte is searched only once.
    private var searched = 0

    /// Clears the buffer, and expects an answer that an echo of `sent` may precede.
    mutating func expectAnswer(to sent: [UInt8]) {
        clear()
        echo = sent
    }

    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        echo = []
        searchAnew()
    }

    private mutating func searchAnew() { (start, searched) = (nil, 0) }

    var isEmpty: Bool { bytes.isEmpty }
    var count: Int { bytes.count }
    /// Whether only zeros have been received, as at 9600 Bd from a sender at 300 Bd: each of its 0 bits looks like a break.
    var holdsOnlyBreaks: Bool { bytes.count >= 4 && bytes.allSatisfy { $0 == 0 } }
    var isOverfull: Bool { bytes.count > Self.limit }
    /// Whether a part of the echo has arrived, but not all of it.
    var isAwaitingRestOfEcho: Bool { !echo.isEmpty && !bytes.isEmpty }

    /// Appends the bytes with bit 7 cleared: it is the parity if 7E1 is read as 8N1, and never set otherwise.
    mutating func append(_ new: [UInt8]) {
        for byte in new { bytes.append(byte & 0x7F) }
        guard !echo.isEmpty else { return }
        // Wait for the whole echo, which may have some noise before it.
        guard bytes.count >= echo.count, let first = firstIndex(of: echo, within: 16) else { return }
        bytes.removeSubrange(..<(first + echo.count))
        echo = []
        searchAnew()
    }

    private func firstIndex(of pattern: [UInt8], within limit: Int) -> Int? {
        let last = min(bytes.count - pattern.count, limit)
        guard last >= 0 else { return nil }
        return (0...last).first { start in
            for offset in pattern.indices where bytes[start + offset] != pattern[offset] { return false }
            return true
        }
    }

    /// Removes and returns the identification line once it is complete; what follows stays in the buffer. `/?` is an echo of our request.
    mutating func takeIdentification() -> Identification? {
        let lineFeed: UInt8 = 0x0A
        var identification: Identification?
        /// The end of the lines that have been processed.
        var through = 0
        while identification == nil, let start = beginning(where: { $0 == UInt8(ascii: "/") }) {
            guard let end = bytes[max(start, searched)...].firstIndex(of: lineFeed) else {
                searched = bytes.count
                break
            }
            var line = bytes[start..<end]
            if line.last == 0x0D { line.removeLast() }
            identification = Identification(line: line)
            through = end + 1
            (self.start, searched) = (nil, through)
        }
        if through > 0 {
            bytes.removeSubrange(..<through)
            (start, searched) = (start.map { $0 - through }, searched - through)
        }
        return identification
    }

    private mutating func beginning(where isStart: (UInt8) -> Bool) -> Int? {
        if start == nil {
            start = bytes[min(searched, bytes.count)...].firstIndex(where: isStart)
            searched = start ?? bytes.count
        }
        return start
    }

    /// The identification of a meter that ends the line with only a CR and sends nothing after it.
    mutating func takeUnfinishedIdentification() -> Identification? {
        guard let start = bytes.firstIndex(of: UInt8(ascii: "/")), bytes.last == 0x0D else { return nil }
        // The next thing to search for is a message.
        searchAnew()
        return Identification(line: bytes[start...].dropLast())
    }

    var hasUnfinishedIdentification: Bool {
        guard bytes.last == 0x0D, let start = start ?? bytes[searched...].firstIndex(of: UInt8(ascii: "/")) else { return false }
        // The echo of our own request also ends with CR until its LF arrives.
        return echo.isEmpty || !bytes[start...].elementsEqual(echo.dropLast())
    }

    /// Whether the beginning of an identification is among the bytes: `/` and a letter. `/?` is an echo of our request.
    var hasIdentificationBegun: Bool {
        zip(bytes, bytes.dropFirst()).contains {
            $0 == UInt8(ascii: "/") && (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($1 | 0x20)
        }
    }

    /// Removes and returns the next complete message. The check character after ETX may be any byte, so exactly one byte is taken.
    mutating func takeMessage() -> Finding? {
        guard let start = beginning(where: { $0 == ControlCharacter.stx || $0 == ControlCharacter.soh }) else {
            // A meter sends nothing after a NAK, so a NAK that is followed by more bytes was noise.
            guard bytes.last == ControlCharacter.nak else { return nil }
            bytes.removeAll(keepingCapacity: true)
            searchAnew()
            return .repeatRequest
        }
        guard let end = bytes[searched...].firstIndex(where: { $0 == ControlCharacter.etx || $0 == ControlCharacter.eot }),
            end + 1 < bytes.count
        else {
            // The last byte may be an ETX whose check character has not arrived yet.
            searched = max(start + 1, bytes.count - 1)
            return nil
        }
        let message = Message(
            isCommand: bytes[start] == ControlCharacter.soh, body: Array(bytes[(start + 1)..<end]),
            isLast: bytes[end] == ControlCharacter.etx, isUndamaged: BlockCheck.of(bytes[(start + 1)...end]) == bytes[end + 1])
        bytes.removeSubrange(...(end + 1))
        searchAnew()
        return .message(message)
    }
}
