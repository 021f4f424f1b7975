import MeterProtocols
import Metering
import Testing
import VirtualMeters

@Suite struct VirtualME162Tests {
    @Test func readoutToTheByte() throws {
        var wire = Wire(watts: 0)
        let identification = try #require(wire.ask("/?!\r\n").first)
        #expect(identification.text == "/ISK5ME162-0033\r\n")
        #expect(identification.speed == .b300)
        #expect((Duration.milliseconds(980)...(.milliseconds(1030))).contains(identification.took))

        let readout = try #require(wire.ask("\u{06}050\r\n").first)
        #expect(readout.speed == .b9600)
        #expect((Duration.milliseconds(380)...(.milliseconds(420))).contains(readout.reaction))
        #expect(
            readout.text == "\u{02}C.1.0(28342193)\r\n0.0.0(28342193)\r\n1.8.0(0033402.264*kWh)\r\n1.8.1(0000000.000*kWh)\r\n"
                + "1.8.2(0033402.264*kWh)\r\n2.8.0(0000013.465*kWh)\r\n2.8.1(0000000.000*kWh)\r\n2.8.2(0000013.465*kWh)\r\n"
                + "F.F(0000000)\r\n!\r\n\u{03}L")

        wire.speed = .b9600
        #expect(wire.ask(breakMessage).isEmpty)
        wire.speed = .b300
        #expect(wire.ask("/?!\r\n").count == 1)
    }

    @Test func programmingSession() throws {
        var wire = Wire(watts: 0)
        let operand = try #require(wire.open().first)
        #expect(operand.bytes == [0x01, 0x50, 0x30, 0x02, 0x28, 0x29, 0x03, 0x60])
        #expect((Duration.milliseconds(400)...(.milliseconds(600))).contains(operand.took))
        for _ in 0..<50 {
            let imported = try #require(wire.ask(readOneEight).first)
            #expect(imported.text == "\u{02}(0033402.264*kWh)\u{03}T")
            #expect(imported.speed == .b9600)
            #expect((Duration.milliseconds(260)...(.milliseconds(330))).contains(imported.took))
            let exported = try #require(wire.ask(readTwoEight).first)
            #expect(exported.text == "\u{02}(0000013.465*kWh)\u{03}W")
        }
    }

    @Test(arguments: [
        ("0.0.0", "28342193"), ("C.1.0", "28342193"), ("F.F", "0000000"), ("1.8.1", "0000000.000*kWh"), ("1.8.2", "0033402.264*kWh"),
        ("1.8.4", "0000000.000*kWh"), ("15.8.0", "0033415.729*kWh"), ("1.7.0", "ERROR"), ("16.7.0", "ERROR"), ("16.8.0", "ERROR"),
        ("", "ERROR"), ("0.9.1", "06:30:01"), ("0.9.2", "25.11.21"),
    ])
    func register(_ address: String, _ value: String) throws {
        var wire = Wire(watts: 0, after: .milliseconds(100))
        _ = wire.open()
        let answer = try #require(wire.ask(command("R1\u{02}\(address)()")).first)
        #expect(answer.text.dropLast(2) == "\u{02}(\(value))")
        #expect(BlockCheck.of(answer.bytes.dropFirst().dropLast()) == answer.bytes.last)
        #expect(wire.ask(command("R5\u{02}\(address)()")).first?.text.dropLast(2) == "\u{02}(ERROR)")
    }

    @Test(arguments: [
        ("/?28342193!\r\n", 1), ("/?0028342193!\r\n", 1), ("/?4711!\r\n", 0), ("\u{7F}\u{00}/?/?!\r\n", 1), ("/?!", 0), ("/!\r\n", 0),
    ])
    func signOn(_ request: String, _ answers: Int) {
        var wire = Wire()
        #expect(wire.ask(request).count == answers)
    }

    @Test func readsOutWithoutAcknowledgement() throws {
        for seed in 1...40 as ClosedRange<UInt64> {
            var wire = Wire(seed: seed)
            _ = wire.ask("/?!\r\n")
            let readout = try #require(wire.wait(.seconds(3)).first)
            #expect((Duration.milliseconds(1500)...(.milliseconds(2200))).contains(readout.reaction))
            #expect(readout.speed == .b300)
            #expect(readout.bytes.count == 198)
            #expect(wire.wait(.seconds(2)).isEmpty)
            #expect(wire.ask("/?!\r\n").count == 1)
        }
    }

    /// ACK 001 is not accepted: programming mode needs 9600 Bd. Unknown options lead to the readout at 300 Bd as well.
    @Test(arguments: ["000", "001", "040", "150", "060"]) func slowReadout(_ option: String) throws {
        var wire = Wire()
        _ = wire.ask("/?!\r\n")
        let readout = try #require(wire.ask("\u{06}\(option)\r\n").first)
        #expect(readout.speed == .b300)
        #expect(readout.text.hasPrefix("\u{02}C.1.0("))
        #expect((Duration.milliseconds(6900)...(.milliseconds(7300))).contains(readout.took))
    }

    @Test func repeatsOnNAK() throws {
        var wire = Wire()
        _ = wire.ask("/?!\r\n")
        let first = try #require(wire.ask("\u{06}050\r\n").first)
        wire.speed = .b9600
        #expect(wire.ask([0x15]).first?.bytes == first.bytes)
        #expect(wire.ask([0x15]).first?.bytes == first.bytes)
        _ = wire.ask(breakMessage)
        _ = wire.open()
        let value = try #require(wire.ask(readOneEight).first)
        #expect(wire.ask([0x15]).first?.bytes == value.bytes)
    }

    @Test func refusesADamagedCommand() {
        var wire = Wire()
        _ = wire.open()
        #expect(wire.ask("\u{01}R1\u{02}1.8.0()\u{03}X").map(\.bytes) == [[0x15]])
        #expect(wire.ask(readOneEight).count == 1)
        // An unfinished command must not spoil the next program's break.
        #expect(wire.ask("\u{01}R1\u{02}1.8").isEmpty)
        #expect(wire.ask(breakMessage).isEmpty)
        #expect(wire.meter.nextDeadline == nil)
    }

    @Test func lockedByABrokenSession() {
        var wire = Wire()
        _ = wire.open()
        _ = wire.ask(readOneEight)
        wire.speed = .b300
        for _ in 0..<11 {
            #expect(wire.ask("/?!\r\n").isEmpty)
            #expect(wire.wait(.seconds(5)).isEmpty)
        }
        _ = wire.wait(.seconds(5))
        #expect(wire.ask("/?!\r\n").count == 1)
    }

    @Test func heldOpenByReading() {
        var wire = Wire()
        _ = wire.open()
        for _ in 0..<10 {
            _ = wire.wait(.seconds(59))
            #expect(wire.ask(readOneEight).count == 1)
        }
        _ = wire.wait(.milliseconds(60_001))
        #expect(wire.ask(readOneEight).isEmpty)
    }

    @Test func aBreakAtTheWrongSpeedIsGarbage() {
        var wire = Wire()
        _ = wire.open()
        wire.speed = .b300
        #expect(wire.ask(breakMessage).isEmpty)
        #expect(wire.ask("/?!\r\n").isEmpty)
        wire.speed = .b9600
        #expect(wire.ask(breakMessage).isEmpty)
        wire.speed = .b300
        #expect(wire.ask("/?!\r\n").count == 1)
    }

    @Test func acknowledgementCutOffByAnEarlySpeedChange() throws {
        var wire = Wire()
        _ = wire.ask("/?!\r\n")
        #expect(wire.ask("\u{06}05").isEmpty)
        wire.speed = .b9600
        #expect(wire.ask("1\r\n").isEmpty)
        #expect(wire.wait(.seconds(3)).first?.speed == .b300)
    }

    /// 1 Wh steps, refreshed once a second: at 3600 W one per second, whatever the host does.
    @Test func countsWattHours() throws {
        var wire = Wire(watts: 3600)
        _ = wire.open()
        var last: Quantity?
        var steps: Set<Int64> = []
        for _ in 0..<200 {
            let text = try #require(wire.ask(readOneEight).first?.text)
            let value = try #require(Quantity(String(text.dropFirst(2).prefix(11))))
            if let last { steps.insert(value.mantissa - last.mantissa) }
            last = value
        }
        #expect(steps == [0, 1])
        let truth = wire.meter.energy(at: wire.now)
        let elapsed = (wire.now - Wire.start).nanoseconds / 1_000_000_000
        #expect(abs(truth.imported - 33_402_264 - elapsed) <= 1)
        #expect(truth.exported == 13_465)
    }

    @Test func sameSeedSameSession() {
        func transcript(_ seed: UInt64) -> [[UInt8]] {
            var wire = Wire([.bitErrors(rate: 0.002), .dropBytes(rate: 0.001), .leadingNoise], seed: seed)
            var answers = wire.open()
            for _ in 0..<100 { answers += wire.ask(readOneEight) + wire.wait(.milliseconds(700)) }
            return answers.map(\.bytes) + [Array("\(wire.now.nanoseconds)".utf8)]
        }
        #expect(transcript(7) == transcript(7))
        #expect(transcript(7) != transcript(8))
    }

    /// Arbitrary bytes from the host: no crash, and afterwards it still answers.
    @Test func survivesGarbage() {
        var generator = SeededGenerator(seed: 99)
        let significant: [UInt8] = [0x01, 0x06, 0x15, 0x2F, 0x3F, 0x21, 0x02, 0x03, 0x0D, 0x0A, 0x28, 0x29, 0x52, 0x31]
        for seed in 0..<200 as Range<UInt64> {
            var wire = Wire(seed: seed)
            if seed % 2 == 0 { _ = wire.open() }
            for _ in 0..<30 {
                let bytes = (0..<generator.number(in: 0...60)).map { _ in
                    generator.happens(0.5) ? significant[Int(generator.number(in: 0...13))] : UInt8(generator.number(in: 0...255))
                }
                _ = wire.meter.received(bytes, at: wire.now, lineSpeed: wire.speed)
                _ = wire.wait(.milliseconds(100))
            }
            _ = wire.wait(.seconds(130))
            wire.speed = .b300
            #expect(wire.ask("/?!\r\n").count == 1)
        }
    }
}
