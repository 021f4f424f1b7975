import Metering

/// The mask for an SML frame.
struct SMLMask: TelegramMask {
    private struct Message {
        var start: Int
        /// The CRC element, with its header.
        var check: Range<Int>
        /// `nil` if the original CRC was wrong, as it is with some meters.
        var isX25: Bool?
    }

    /// The messages and the zeros between them, unescaped.
    private var payload: [UInt8] = []
    private let fill: Int
    private let isX25: Bool
    private var messages: [Message] = []
    private var names: [Range<Int>] = []
    private var signatures: [Range<Int>] = []
    /// The octet strings of other entries, in which a name may occur.
    private var texts: [Range<Int>] = []

    /// `frame` must be a frame that was decoded successfully.
    init?(_ frame: [UInt8]) {
        guard frame.count >= 16 else { return nil }
        fill = Int(frame[frame.count - 3])
        isX25 = CRC16.x25(frame.dropLast(2)) == UInt16(frame[frame.count - 1]) << 8 | UInt16(frame[frame.count - 2])
        var index = 8
        let end = frame.count - 8
        while index < end {
            let isEscape = frame[index..<(index + 8)].allSatisfy { $0 == 0x1B }
            payload += isEscape ? frame[index..<(index + 4)] : frame[index..<(index + 1)]
            index += isEscape ? 8 : 1
        }
        guard fill <= payload.count else { return nil }
        payload.removeLast(fill)
        var reader = SMLReader(payload, from: 0, to: payload.count)
        while true {
            reader.skipZeros()
            guard !reader.isAtEnd else { break }
            guard scanMessage(&reader) else { return nil }
        }
    }

    private mutating func scanMessage(_ reader: inout SMLReader) -> Bool {
        let start = reader.position
        guard reader.list() == 6, reader.skip(3), reader.list() == 2, case .unsigned(let tag)? = reader.next() else { return false }
        switch tag {
        case 0x0101: guard scanOpening(&reader) else { return false }
        case 0x0701: guard scanList(&reader) else { return false }
        // The closing message: empty except for an optional signature.
        case 0x0201: guard reader.list() == 1, scanSignature(&reader) else { return false }
        default: return false
        }
        let checkStart = reader.position
        guard case .unsigned(let check)? = reader.next() else { return false }
        let checked = payload[start..<checkStart]
        let isX25: Bool? =
            check == UInt64(CRC16.x25(checked).byteSwapped) ? true : check == UInt64(CRC16.kermit(checked)) ? false : nil
        messages.append(Message(start: start, check: checkStart..<reader.position, isX25: isX25))
        return reader.endOfMessage()
    }

    /// Scans an opening message: codepage, client, file, server, time, version.
    private mutating func scanOpening(_ reader: inout SMLReader) -> Bool {
        guard let parts = reader.list(), parts >= 4 else { return false }
        return reader.skip() && scanName(&reader) && reader.skip() && scanName(&reader) && reader.skip(parts - 4)
    }

    /// Scans a GetList response: client, server, the list's name, time, values, signature, time.
    private mutating func scanList(_ reader: inout SMLReader) -> Bool {
        guard let parts = reader.list(), parts >= 6, scanName(&reader), scanName(&reader), reader.skip(2), let count = reader.list() else {
            return false
        }
        for _ in 0..<count { guard scanEntry(&reader) else { return false } }
        return scanSignature(&reader) && reader.skip(parts - 6)
    }

    /// Scans an entry of a list: name, status, time, unit, scaler, value, signature.
    private mutating func scanEntry(_ reader: inout SMLReader) -> Bool {
        guard reader.list() == 7, case .octets(let name)? = reader.next(), name.count == 6, reader.skip(4) else { return false }
        let part = payload[name]
        let at = name.lowerBound
        if OBISCode(part[at], part[at + 1], part[at + 2], part[at + 3], part[at + 4], part[at + 5]).isName {
            guard scanName(&reader) else { return false }
        } else {
            let start = reader.position
            guard reader.skip() else { return false }
            var value = SMLReader(payload, from: start, to: reader.position)
            if case .octets(let range)? = value.next() { texts.append(range) }
        }
        return scanSignature(&reader)
    }

    private mutating func scanSignature(_ reader: inout SMLReader) -> Bool {
        switch reader.next() {
        case .missing: return true
        case .octets(let range):
            signatures.append(range)
            return true
        default: return false
        }
    }

    /// Scans an optional element that has to be masked.
    private mutating func scanName(_ reader: inout SMLReader) -> Bool {
        let start = reader.position
        switch reader.next() {
        case .missing: return true
        case .octets(let range):
            names.append(range)
            return true
        // A serial number that is sent as a number has a header of one byte.
        case .unsigned, .signed:
            names.append((start + 1)..<reader.position)
            return true
        default: return false
        }
    }

    func learn(_ pseudonyms: inout Pseudonyms) {
        for range in names {
            let name = payload[range]
            pseudonyms.learn(name)
            if name.count == 10, let serial = SMLServerID(Array(name)).serial { pseudonyms.keepSecret(Array(serial.utf8.suffix(8))) }
        }
    }

    func masked(by pseudonyms: Pseudonyms) -> [UInt8]? {
        var new = payload
        let named = texts.filter { range in
            let text = Array(payload[range])
            return pseudonyms.secrets.contains { !text.places(of: $0).isEmpty }
        }
        for range in names + named { new.replaceSubrange(range, with: pseudonyms.mask(octets: payload[range])) }
        for range in signatures { for index in range { new[index] = 0 } }
        var checked: [UInt8] = []
        var from = 0
        for message in messages {
            checked += new[from..<message.check.lowerBound]
            checked += check(of: message, new)
            from = message.check.upperBound
        }
        checked += new[from...]
        return framed(checked, fill: checked.count == payload.count ? fill : nil)
    }

    /// The CRC element with the new CRC, in as many bytes as the original if they are enough.
    private func check(of message: Message, _ bytes: [UInt8]) -> [UInt8] {
        guard let isX25 = message.isX25 else { return Array(bytes[message.check]) }
        let content = bytes[message.start..<message.check.lowerBound]
        let check = isX25 ? CRC16.x25(content).byteSwapped : CRC16.kermit(content)
        if message.check.count == 2, check <= 0xFF { return [0x62, UInt8(check)] }
        let zeros = [UInt8](repeating: 0, count: max(0, message.check.count - 3))
        return [0x60 | UInt8(zeros.count + 3)] + zeros + [UInt8(check >> 8), UInt8(check & 0xFF)]
    }

    private func framed(_ payload: [UInt8], fill: Int?) -> [UInt8] {
        var frame: [UInt8] = [0x1B, 0x1B, 0x1B, 0x1B, 0x01, 0x01, 0x01, 0x01]
        var run = 0
        for byte in payload {
            frame.append(byte)
            run = byte == 0x1B ? run + 1 : 0
            guard run == 4 else { continue }
            frame += [0x1B, 0x1B, 0x1B, 0x1B]
            run = 0
        }
        let fill = fill ?? (4 - frame.count % 4) % 4
        frame += [UInt8](repeating: 0, count: fill) + [0x1B, 0x1B, 0x1B, 0x1B, 0x1A, UInt8(fill)]
        let check = isX25 ? CRC16.x25(frame[...]).byteSwapped : CRC16.kermit(frame[...])
        return frame + [UInt8(check >> 8), UInt8(check & 0xFF)]
    }
}
