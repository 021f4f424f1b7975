import MeterProtocols

/// A message from a host to a meter that uses IEC 62056-21.
enum HostMessage: Equatable {
    case signOn(address: String)
    /// An acknowledgement, ACK V Z Y: protocol, speed and mode.
    case option(protocol: UInt8, speed: UInt8, mode: UInt8)
    /// A command: the bytes between SOH and ETX.
    case command([UInt8])
    /// A command with a wrong block check.
    case damagedCommand
    case repeatRequest

    private static let longestLine = 40
    private static let longestCommand = 200

    /// Removes the next complete message from the front, and any garbage before it.
    static func take(from bytes: inout [UInt8]) -> HostMessage? {
        while let start = bytes.firstIndex(where: isStart) {
            bytes.removeFirst(start)
            switch parse(bytes) {
            case .incomplete: return nil
            case .garbage: bytes.removeFirst()
            case .message(let message, let length):
                bytes.removeFirst(length)
                return message
            }
        }
        bytes = []
        return nil
    }

    private static func isStart(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "/") || byte == ControlCharacter.ack || byte == ControlCharacter.soh || byte == ControlCharacter.nak
    }

    private enum Parsed {
        case incomplete, garbage
        case message(HostMessage, length: Int)
    }

    private static func parse(_ bytes: [UInt8]) -> Parsed {
        switch bytes[0] {
        case ControlCharacter.nak: .message(.repeatRequest, length: 1)
        case ControlCharacter.soh: parseCommand(bytes)
        default: parseLine(bytes)
        }
    }

    private static func parseLine(_ bytes: [UInt8]) -> Parsed {
        guard let end = bytes.firstIndex(of: ControlCharacter.lf) else {
            let isBroken = bytes.count > longestLine || bytes.dropFirst().contains(where: isStart)
            return isBroken ? .garbage : .incomplete
        }
        let line = bytes[..<end]
        guard line.last == ControlCharacter.cr, line.count <= longestLine, !line.dropFirst().contains(where: isStart) else {
            return .garbage
        }
        if bytes[0] == ControlCharacter.ack {
            guard line.count == 5 else { return .garbage }
            return .message(.option(protocol: bytes[1], speed: bytes[2], mode: bytes[3]), length: end + 1)
        }
        guard line.count >= 4, bytes[1] == UInt8(ascii: "?"), line[end - 2] == UInt8(ascii: "!") else { return .garbage }
        return .message(.signOn(address: String(decoding: line[2..<(end - 2)], as: UTF8.self)), length: end + 1)
    }

    private static func parseCommand(_ bytes: [UInt8]) -> Parsed {
        let etx = bytes.firstIndex(of: ControlCharacter.etx)
        // There is a new SOH before the ETX, so the message before it was cut off.
        if bytes[1..<(etx ?? bytes.count)].contains(ControlCharacter.soh) { return .garbage }
        guard let etx else { return bytes.count > longestCommand ? .garbage : .incomplete }
        guard etx + 1 < bytes.count else { return .incomplete }
        let isIntact = BlockCheck.of(bytes[1...etx]) == bytes[etx + 1]
        return .message(isIntact ? .command(Array(bytes[1..<etx])) : .damagedCommand, length: etx + 2)
    }
}
