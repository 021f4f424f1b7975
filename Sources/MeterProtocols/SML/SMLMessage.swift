import Metering

/// An SML message: `76 transaction group abort body crc 00`. Only the list of values is parsed.
struct SMLMessage {
    /// The body, if it is a GetList response.
    var list: SMLList?
    var isUndamaged: Bool

    private static let getListResponse: UInt64 = 0x0701

    /// Returns `nil` if the message is malformed.
    init?(_ reader: inout SMLReader) {
        let start = reader.position
        guard reader.list() == 6, reader.skip(3), reader.list() == 2, case .unsigned(let tag)? = reader.next() else { return nil }
        var list: SMLList?
        if tag == Self.getListResponse {
            list = SMLList(&reader)
            guard list != nil else { return nil }
        } else {
            guard reader.skip() else { return nil }
        }
        let checked = reader.bytes[start..<reader.position]
        // A leading zero byte of the CRC may be missing, so the CRCs are compared as numbers, not as two bytes.
        guard case .unsigned(let check)? = reader.next(), reader.endOfMessage() else { return nil }
        self.list = list
        isUndamaged = check == UInt64(CRC16.x25(checked).byteSwapped) || check == UInt64(CRC16.kermit(checked))
    }
}

/// A GetList response.
struct SMLList {
    var server: [UInt8]
    var entries: [Entry]

    struct Entry {
        var code: OBISCode
        var status: UInt64?
        var unit: UInt64?
        var scaler: Int
        var value: SMLReader.Value
    }

    init?(_ reader: inout SMLReader) {
        guard let parts = reader.list(), parts >= 5, reader.skip(), let id = reader.next() else { return nil }
        switch id {
        case .octets(let range): server = Array(reader.bytes[range])
        case .missing: server = []
        default: return nil
        }
        // The list's name and the time.
        guard reader.skip(2), let count = reader.list() else { return nil }
        entries = []
        entries.reserveCapacity(min(count, 64))
        for _ in 0..<count { guard readEntry(&reader) else { return nil } }
        guard reader.skip(parts - 5) else { return nil }
    }

    private mutating func readEntry(_ reader: inout SMLReader) -> Bool {
        guard let parts = reader.list() else { return false }
        guard parts == 7 else { return reader.skip(parts) }
        var name: Range<Int>?
        switch reader.next() {
        case .octets(let range): name = range
        case nil, .list: return false
        default: break
        }
        // The time may have any form: Holley sends a bare number instead of a choice.
        guard let status = reader.optionalUnsigned(), reader.skip(), let unit = reader.optionalUnsigned(),
            let scaler = reader.optionalSigned(), let value = Self.readValue(&reader), reader.skip()
        else { return false }
        guard let name, name.count == 6 else { return true }
        let part = reader.bytes[name]
        let at = name.lowerBound
        let code = OBISCode(part[at], part[at + 1], part[at + 2], part[at + 3], part[at + 4], part[at + 5])
        entries.append(Entry(code: code, status: status, unit: unit, scaler: Int(scaler ?? 0), value: value))
        return true
    }

    /// Reads a value, or the time that may be in its place: a choice and the seconds, or another choice. A local time has offsets after the
    /// seconds.
    private static func readValue(_ reader: inout SMLReader) -> SMLReader.Value? {
        var value = reader.next()
        var behind = 0
        while case .list(let count)? = value {
            guard (2...3).contains(count) else { return reader.skip(count + behind) ? .missing : nil }
            if count == 2 {
                guard reader.skip() else { return nil }
            } else {
                behind += 2
            }
            value = reader.next()
        }
        return reader.skip(behind) ? value : nil
    }
}
