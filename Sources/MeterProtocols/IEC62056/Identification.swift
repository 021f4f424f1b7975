/// A meter's answer to the sign-on: `/XXXZ[\W…]identification`.
package struct Identification: Hashable, Sendable {
    /// The three letters of the manufacturer, in upper case: `ISK5` and `ISk5` are the same company.
    package var manufacturer: String
    /// Z: the speed that the meter offers, which also shows the mode.
    package var speedCharacter: UInt8
    /// The W of each `\W`: `2` means that mode E is possible as well.
    package var escapes: [UInt8]
    package var model: String
    /// The minimum pause before an answer, for the meter and for us: 20 ms if the third letter of the manufacturer is in lower case.
    package var reactionTime: Duration

    /// The standard allows 16 characters after the escapes; meters in the field send more.
    package static let longestLine = 64

    /// Parses the line without its CR LF, with or without parity in bit 7. The echo of our own request (`/?!`) is not an identification.
    package init?(line: some Collection<UInt8>) {
        guard (5...Self.longestLine).contains(line.count) else { return nil }
        let characters = line.map { $0 & 0x7F }
        let letters = characters[1...3]
        let speed = characters[4]
        guard characters[0] == UInt8(ascii: "/"), letters.allSatisfy(isLetter), Self.isText(speed) else { return nil }
        var rest = characters[5...]
        var escapes: [UInt8] = []
        while rest.first == UInt8(ascii: "\\"), let escape = rest.dropFirst().first {
            escapes.append(escape)
            rest = rest.dropFirst(2)
        }
        guard escapes.allSatisfy(Self.isText), rest.allSatisfy(Self.isText) else { return nil }
        manufacturer = String(decoding: letters.map { $0 & ~0x20 }, as: UTF8.self)
        speedCharacter = speed
        self.escapes = escapes
        model = String(decoding: rest, as: UTF8.self)
        reactionTime = characters[3] & 0x20 != 0 ? .milliseconds(20) : .milliseconds(200)
    }

    /// The speed to ask for in mode C (`0`…`6`).
    package var speed: BaudRate? {
        switch speedCharacter {
        case UInt8(ascii: "0"): .b300
        case UInt8(ascii: "1"): .b600
        case UInt8(ascii: "2"): .b1200
        case UInt8(ascii: "3"): .b2400
        case UInt8(ascii: "4"): .b4800
        case UInt8(ascii: "5"): .b9600
        case UInt8(ascii: "6"): .b19200
        default: nil
        }
    }

    /// The speed to which a mode B meter (`A`…`F`) changes by itself after this line.
    package var modeBSpeed: BaudRate? {
        switch speedCharacter {
        case UInt8(ascii: "A"): .b600
        case UInt8(ascii: "B"): .b1200
        case UInt8(ascii: "C"): .b2400
        case UInt8(ascii: "D"): .b4800
        case UInt8(ascii: "E"): .b9600
        case UInt8(ascii: "F"): .b19200
        default: nil
        }
    }

    private static func isText(_ byte: UInt8) -> Bool {
        (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "/") && byte != UInt8(ascii: "!")
    }
}

private func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte & ~0x20)
}
