import MeterProtocols
import Metering
import Testing
import VirtualMeters

@Suite struct FaultTests {
    @Test func names() {
        #expect(Fault("bit-errors=0.001") == .bitErrors(rate: 0.001))
        #expect(Fault("drop-bytes=1") == .dropBytes(rate: 1))
        #expect(Fault("silent-after=90s") == .silentAfter(.seconds(90)))
        #expect(Fault("silent-after=500ms") == .silentAfter(.milliseconds(500)))
        #expect(Fault("deaf=150ms") == .deaf(.milliseconds(150)))
        for name in Fault.names where !name.contains("=") { #expect(Fault(name) != nil) }
        let wrong = [
            "", "nonsense", "echo=1", "bit-errors", "bit-errors=2", "bit-errors=x", "silent-after=5", "silent-after=-5s", "deaf",
            "deaf=150", "=",
        ]
        for text in wrong { #expect(Fault(text) == nil) }
        // More years than a clock in nanoseconds can hold.
        for text in ["silent-after=999999999h", "silent-after=999999999m"] { #expect(Fault(text) == nil) }
        #expect(Fault("silent-after=999999999s") != nil && Household.Profile("steps=999999999h:5") == nil)
    }

    @Test func echo() {
        var wire = Wire([.echo])
        let answers = wire.ask("/?!\r\n")
        #expect(answers.map(\.text).joined() == "/?!\r\n/ISK5ME162-0033\r\n")
        #expect(answers.first?.speed == .b300)
        _ = wire.ask("\u{06}051\r\n")
        wire.speed = .b9600
        #expect(wire.ask(readOneEight).flatMap(\.bytes).starts(with: readOneEight + [0x02]))
    }

    @Test func leadingNoise() throws {
        var wire = Wire([.leadingNoise])
        let answer = try #require(wire.ask("/?!\r\n").first)
        let noise = try #require(answer.bytes.firstIndex(of: UInt8(ascii: "/")))
        #expect((1...3).contains(noise))
        #expect(answer.bytes[..<noise].allSatisfy { [0x7F, 0x00, 0xFF].contains($0) })
    }

    @Test func noHighSpeed() {
        var wire = Wire([.noHighSpeed])
        _ = wire.ask("/?!\r\n")
        #expect(wire.ask("\u{06}050\r\n").isEmpty)
        #expect(wire.wait(.seconds(3)).first?.speed == .b300)
        _ = wire.wait(.seconds(2))
        _ = wire.ask("/?!\r\n")
        #expect(wire.ask("\u{06}000\r\n").first?.text.hasPrefix("\u{02}C.1.0") == true)
    }

    @Test func noProgramming() {
        var wire = Wire([.noProgramming])
        #expect(wire.open().first?.text.hasPrefix("\u{02}C.1.0") == true)
    }

    @Test func slow() {
        var wire = Wire([.slow])
        #expect(wire.ask("/?!\r\n").first?.text == "/ISK0ME162-0033\r\n")
        let readout = wire.ask("\u{06}000\r\n").first
        #expect(readout?.speed == .b300)
        #expect(readout?.text.hasPrefix("\u{02}C.1.0") == true)
    }

    @Test func silentAfter() {
        var wire = Wire([.silentAfter(.seconds(20))])
        #expect(wire.ask("/?!\r\n").count == 1)
        _ = wire.wait(.seconds(30))
        for _ in 0..<10 {
            #expect(wire.ask("/?!\r\n").isEmpty)
            #expect(wire.wait(.seconds(20)).isEmpty)
        }
    }

    @Test func locked() {
        var patient = Wire([.locked])
        #expect(patient.ask("/?!\r\n").isEmpty)
        _ = patient.wait(.seconds(56))
        #expect(patient.ask("/?!\r\n").isEmpty)
        _ = patient.wait(.seconds(1))
        #expect(patient.ask("/?!\r\n").count == 1)

        var clever = Wire([.locked])
        clever.speed = .b9600
        _ = clever.ask(breakMessage)
        clever.speed = .b300
        #expect(clever.ask("/?!\r\n").count == 1)
    }

    /// A character that had already begun is lost; if it is the first one, so is the message.
    @Test func deaf() {
        var wire = Wire([.deaf(.milliseconds(150))])
        func answers(to message: [UInt8], after pause: Duration) -> Int {
            wire.now = wire.now + pause
            return wire.ask(message).count
        }
        #expect(answers(to: Array("/?!\r\n".utf8), after: .zero) == 1, "nothing was said before")
        #expect(answers(to: Array("\u{06}051\r\n".utf8), after: .milliseconds(149)) == 0)
        #expect(answers(to: Array("\u{06}051\r\n".utf8), after: .zero) == 1)
        wire.speed = .b9600
        for _ in 0..<3 {
            #expect(answers(to: readOneEight, after: .milliseconds(149)) == 0)
            #expect(answers(to: readOneEight, after: .milliseconds(1)) == 1)
        }
    }

    @Test func nakOnce() {
        var wire = Wire([.nakOnce])
        _ = wire.open()
        #expect(wire.ask(readOneEight).map(\.bytes) == [[0x15]])
        #expect(wire.ask(readOneEight).first?.bytes.first == 0x02)
    }

    @Test func wrongBCCOnce() throws {
        var wire = Wire([.wrongBCCOnce])
        let bad = try #require(wire.open().first?.bytes)
        #expect(BlockCheck.of(bad.dropFirst().dropLast()) != bad.last)
        let good = try #require(wire.ask([0x15]).first?.bytes)
        #expect(BlockCheck.of(good.dropFirst().dropLast()) == good.last)
        #expect(good.dropLast() == bad.dropLast())
    }

    @Test func eightBit() throws {
        var wire = Wire([.eightBit])
        let answer = try #require(wire.ask("/?!\r\n").first?.bytes)
        #expect(answer.allSatisfy { $0.nonzeroBitCount % 2 == 0 })
        #expect(answer.prefix(2) == [0xAF, UInt8(ascii: "I") | 0x80])
        #expect(String(decoding: answer.map { $0 & 0x7F }, as: UTF8.self) == "/ISK5ME162-0033\r\n")
    }

    @Test func damageIsAsOftenAsSaid() {
        var errors = Wire([.bitErrors(rate: 0.01)], seed: 3)
        var drops = Wire([.dropBytes(rate: 0.01)], seed: 3)
        let whole = "/ISK5ME162-0033\r\n".utf8
        var (turned, intactRequests, lost, intactDrops) = (0, 0, 0, 0)
        for _ in 0..<2000 {
            for answer in errors.ask("/?!\r\n") {
                turned += zip(answer.bytes, whole).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
                intactRequests += 1
            }
            for answer in drops.ask("/?!\r\n") {
                lost += 17 - answer.bytes.count
                intactDrops += 1
            }
            _ = (errors.wait(.seconds(30)), drops.wait(.seconds(30)))
        }
        // A request of 5 characters arrives intact with probability 0.99^35 (bits) or 0.99^5 (bytes).
        #expect((1300...1500).contains(intactRequests))
        #expect((1860...1940).contains(intactDrops))
        // 119 bits, or 17 bytes, each corrupted with probability 0.01.
        #expect((1500...1830).contains(turned))
        #expect((270...380).contains(lost))
    }
}

@Suite struct HeardTests {
    @Test func sameSpeed() { #expect(heard([0x2F, 0xFF], sentAt: .b300, heardAt: .b300) == [0x2F, 0xFF]) }

    @Test func slowToFastIsNULs() {
        let garbage = heard(Array("/?!\r\n".utf8), sentAt: .b300, heardAt: .b9600)
        #expect(garbage.count >= 5)
        #expect(garbage.allSatisfy { $0 == 0 })
    }

    @Test func fastToSlowIsShort() {
        let text = Array("/ISK5ME162-0033\r\n".utf8)
        #expect(heard(text, sentAt: .b9600, heardAt: .b300).count <= 1)
        #expect(heard(text, sentAt: .b9600, heardAt: .b4800).count < text.count)
    }

    @Test func everyPairOfSpeedsEnds() {
        let text = (0...127).map { UInt8($0) }
        for sent in BaudRate.allCases {
            for received in BaudRate.allCases where sent != received {
                let garbage = heard(text, sentAt: sent, heardAt: received)
                #expect(garbage != text)
                #expect(garbage.count <= text.count * 5)
            }
        }
    }
}
