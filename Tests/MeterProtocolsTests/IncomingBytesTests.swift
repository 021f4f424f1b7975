import Testing

@testable import MeterProtocols

@Suite struct IncomingBytesTests {
    private func incoming(_ text: String, after sent: String = "") -> IncomingBytes {
        var incoming = IncomingBytes()
        incoming.expectAnswer(to: Array(sent.utf8))
        incoming.append(Array(text.utf8))
        return incoming
    }

    /// The result as text.
    private func taken(_ incoming: inout IncomingBytes) -> String {
        switch incoming.takeMessage() {
        case nil: "nothing"
        case .repeatRequest: "again"
        case .message(let message):
            (message.isCommand ? "command " : "") + String(decoding: message.body, as: UTF8.self) + (message.isLast ? "" : " …")
                + (message.isUndamaged ? "" : " damaged")
        }
    }

    /// `1` xor ETX is `2`, `1` xor EOT is `5`.
    private static let messages: [(bytes: String, found: String, rest: Int)] = [
        ("", "nothing", 0), ("\u{2}", "nothing", 1), ("\u{2}1", "nothing", 2), ("\u{2}1\u{3}", "nothing", 3), ("\u{2}1\u{3}2", "1", 0),
        ("\u{2}1\u{3}3", "1 damaged", 0), ("\u{2}1\u{4}5", "1 …", 0), ("\u{2}1\u{4}2", "1 … damaged", 0), ("\u{1}1\u{3}2", "command 1", 0),
        // The check character may have any value, even ETX; only one is consumed.
        ("\u{2}\u{3}\u{3}", "", 0), ("\u{2}\u{3}\u{3}\u{3}", "", 1), ("\u{2}1\u{3}2\u{2}", "1", 1), ("\u{2}11\u{3}\u{3}x", "11", 1),
        // Noise may precede a message, but not follow it.
        ("xyz\u{2}1\u{3}2", "1", 0), ("\u{3}1\u{2}1\u{3}2", "1", 0), ("\u{15}\u{2}1\u{3}2", "1", 0),
        ("\u{1}P0\u{2}()\u{3}`", "command P0\u{2}()", 0),
        // A single NAK is a request to repeat; followed by other bytes it is noise.
        ("\u{15}", "again", 0), ("xx\u{15}", "again", 0), ("\u{15}x", "nothing", 2), ("x", "nothing", 1), ("\u{2}\u{15}", "nothing", 2),
    ]

    @Test(arguments: messages) func messagesAreFound(_ bytes: String, _ found: String, _ rest: Int) {
        var whole = incoming(bytes)
        #expect(taken(&whole) == found && whole.count == rest && whole.isEmpty == (rest == 0))
        // The same byte by byte, searched after each one. A NAK that is the newest byte would be taken for a lone one.
        guard found != "again" || bytes.utf8.count == 1 else { return }
        var slow = IncomingBytes()
        var results: [String] = []
        for byte in bytes.utf8 where results.isEmpty {
            slow.append([byte])
            let result = taken(&slow)
            if result != "nothing", byte != 0x15 || found == "again" { results.append(result) }
        }
        #expect(results == (found == "nothing" ? [] : [found]))
    }

    @Test func oneAfterTheOther() {
        var both = incoming("\u{2}1\u{3}2x\u{2}4\u{3}7\u{2}")
        #expect(taken(&both) == "1" && taken(&both) == "4" && taken(&both) == "nothing" && both.count == 1)
        both.append(Array("5\u{3}6".utf8))
        #expect(taken(&both) == "5" && both.isEmpty)
    }

    /// A head that sees its own light: the echo is removed, with up to 16 characters of noise before it.
    private static let echoes: [(heard: String, count: Int, isAwaited: Bool)] = [
        ("", 0, false), ("a", 1, true), ("ab", 2, true), ("abc", 0, false), ("abcd", 1, false), ("xabc", 0, false),
        ("0123456789ABCDEFabc", 0, false), ("0123456789ABCDEFGabc", 20, true), ("abxabc1", 1, false), ("aabc", 0, false), ("abd", 3, true),
    ]

    @Test(arguments: echoes) func theEchoOfWhatWasSent(_ heard: String, _ count: Int, _ isAwaited: Bool) {
        let whole = incoming(heard, after: "abc")
        #expect(whole.count == count && whole.isAwaitingRestOfEcho == isAwaited)
        var slow = incoming("", after: "abc")
        for byte in heard.utf8 { slow.append([byte]) }
        #expect(slow.count == count && slow.isAwaitingRestOfEcho == isAwaited)
        #expect(!incoming(heard).isAwaitingRestOfEcho, "nothing was sent")
    }

    @Test func onlyOneEchoGoes() {
        var incoming = incoming("abcabc", after: "abc")
        #expect(incoming.count == 3)
        incoming.append(Array("abc".utf8))
        #expect(incoming.count == 6)
        incoming.clear()
        #expect(incoming.isEmpty && !incoming.isAwaitingRestOfEcho)
        incoming.append(Array("abc".utf8))
        #expect(incoming.count == 3)
    }

    /// Bytes that were searched before the echo was complete are searched again.
    @Test func theEchoOfARequestIsNoMessage() {
        var incoming = incoming("\u{1}R1\u{2}()\u{3}", after: "\u{1}R1\u{2}()\u{3}T")
        #expect(taken(&incoming) == "nothing")
        incoming.append(Array("T\u{2}1\u{3}2".utf8))
        #expect(taken(&incoming) == "1" && incoming.isEmpty)
    }

    @Test(
        arguments: [([0, 0, 0], false), ([0, 0, 0, 0], true), ([0x80, 0, 0, 0], true), ([0, 0, 0, 0, 1], false), ([], false)]
            as [([UInt8], Bool)])
    func breaks(_ bytes: [UInt8], _ holdsOnlyBreaks: Bool) {
        var incoming = IncomingBytes()
        incoming.append(bytes)
        #expect(incoming.holdsOnlyBreaks == holdsOnlyBreaks)
    }

    @Test func noMoreThan16KiB() {
        var incoming = IncomingBytes()
        incoming.append([UInt8](repeating: 0x31, count: 16_384))
        #expect(!incoming.isOverfull)
        incoming.append([0x31])
        #expect(incoming.isOverfull)
    }

    @Test func parityGoes() {
        var incoming = IncomingBytes()
        incoming.append([0x82, 0xB1, 0x03, 0xB2])
        #expect(taken(&incoming) == "1")
    }

    // MARK: Identifications

    /// The model that is found, and how many characters remain.
    private static let identifications: [(bytes: String, model: String?, rest: Int)] = [
        ("/ISK5A\r\n", "A", 0), ("/ISK5A\n", "A", 0), ("/ISK5A\r\n\u{2}1", "A", 2), ("xy/ISK5A\r\n", "A", 0), ("/ISK5A\r", nil, 7),
        ("/ISK5A", nil, 6), ("", nil, 0), ("xy\r\n", nil, 4), ("/?!\r\n/ISK5A\r\n", "A", 0), ("/?!\r\n", nil, 0),
        ("/?!\r\n/IS", nil, 3), ("/?!\r\n/?!\r\n/ISK5A\r\n/", "A", 1), ("/ISK5A\r\r\n", nil, 0), ("/ISK5A\r\n/ISK5B\r\n", "A", 8),
    ]

    @Test(arguments: identifications) func identificationsAreFound(_ bytes: String, _ model: String?, _ rest: Int) {
        var whole = incoming(bytes)
        #expect(whole.takeIdentification()?.model == model && whole.count == rest)
        var slow = IncomingBytes()
        var found: [String] = []
        for byte in bytes.utf8 where found.isEmpty {
            slow.append([byte])
            if let identification = slow.takeIdentification() { found.append(identification.model) }
        }
        #expect(found == (model.map { [$0] } ?? []))
    }

    @Test func theMessageBehindAnIdentification() {
        var incoming = incoming("/ISK5A\r\n\u{2}1")
        #expect(incoming.takeIdentification()?.model == "A")
        #expect(taken(&incoming) == "nothing")
        incoming.append(Array("\u{3}2".utf8))
        #expect(taken(&incoming) == "1")
    }

    /// The CR may be the last byte that arrives.
    private static let unfinished: [(bytes: String, isUnfinished: Bool, model: String?)] = [
        ("/ISK5A\r", true, "A"), ("xx/ISK5A\r", true, "A"), ("/ISK5A", false, nil), ("ISK5A\r", false, nil), ("", false, nil),
        ("/ISK5A\r\n", false, nil), ("/ISK5A\rx", false, nil), ("/?!\r", true, nil), ("\r", false, nil),
    ]

    @Test(arguments: unfinished) func identificationsWithoutLineFeed(_ bytes: String, _ isUnfinished: Bool, _ model: String?) {
        var untouched = incoming(bytes)
        #expect(untouched.hasUnfinishedIdentification == isUnfinished)
        #expect(untouched.takeUnfinishedIdentification()?.model == model)
        // The same after a search.
        var searched = incoming(bytes)
        if searched.takeIdentification() == nil {
            #expect(searched.hasUnfinishedIdentification == isUnfinished)
            #expect(searched.takeUnfinishedIdentification()?.model == model)
        }
        // A head that doesn't see its own light sends no echo.
        #expect(incoming(bytes, after: "/?0123456789!\r\n").hasUnfinishedIdentification == isUnfinished)
    }

    /// The echo of our own request may still be arriving, and a meter may answer an incomplete request.
    @Test(arguments: [("/?!\r", false), ("x/?!\r", false), ("/?!", false), ("/?\r", true), ("/?!\r/ISK5A\r", true), ("/ISK5A\r", true)])
    func theEchoIsNotUnfinished(_ bytes: String, _ isUnfinished: Bool) {
        #expect(incoming(bytes, after: "/?!\r\n").hasUnfinishedIdentification == isUnfinished)
    }

    @Test func theMessageBehindAnUnfinishedIdentification() {
        var incoming = incoming("\u{2}/ISK5A\r")
        #expect(incoming.takeIdentification() == nil && incoming.takeUnfinishedIdentification()?.model == "A")
        incoming.append(Array("\u{3}\u{3}".utf8))
        #expect(taken(&incoming) == "/ISK5A\r damaged", "what was searched for a `/` is searched for a message")
    }
}
