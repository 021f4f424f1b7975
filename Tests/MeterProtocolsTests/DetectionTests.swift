import MeterProtocols
import Metering
import Testing
import VirtualMeters

/// A head with simulated input; time advances from deadline to deadline.
private struct Head {
    var detection = Detection()
    var now = Instant(nanoseconds: 1_000_000_000)
    var line = LineSettings.opening
    var listened: [BaudRate] = []
    var sent: [UInt8] = []
    var began: Instant

    init() { began = now }

    mutating func note(_ actions: [MeterAction]) {
        for action in actions {
            switch action {
            case .apply(let settings):
                line = settings
                if settings.framing == .eightNone { listened.append(settings.speed) }
            case .send(let bytes): sent += bytes
            default: break
            }
        }
    }

    mutating func open() { note(detection.opened(now)) }

    /// One step: receives what `speaks` returns for the current settings, or reaches the deadline if that is earlier.
    mutating func step(_ speaks: (LineSettings) -> [UInt8], every: Duration) {
        let bytes = speaks(line)
        if !bytes.isEmpty, detection.deadline.map({ now + every < $0 }) == true {
            now = now + every
            note(detection.received(bytes, now))
        } else if let deadline = detection.deadline {
            now = max(now, deadline)
            note(detection.timedOut(now))
        }
    }

    mutating func run(every: Duration = .seconds(1), _ speaks: (LineSettings) -> [UInt8]) {
        open()
        for _ in 0..<5000 where detection.outcome == nil { step(speaks, every: every) }
    }

    /// Connects a meter that answers requests, with the real transmission times.
    mutating func run(_ meter: inout some VirtualMeter) {
        var emissions: [Emission] = []
        open()
        var written = sent.count
        for _ in 0..<20_000 where detection.outcome == nil {
            if sent.count > written {
                emissions += meter.received(
                    Array(sent[written...]), at: now + line.duration(of: sent.count - written), lineSpeed: line.speed)
                written = sent.count
            }
            let emission = emissions.first
            let next = [detection.deadline, meter.nextDeadline, emission?.end].compactMap { $0 }.min() ?? now
            now = max(now, next)
            emissions += meter.advance(to: now)
            if let emission, emission.end <= now {
                emissions.removeFirst()
                note(detection.received(heard(emission.bytes, sentAt: emission.speed, heardAt: line.speed), now))
            } else {
                note(detection.timedOut(now))
            }
        }
    }

    var read: (Readout, BaudRate)? { if case .read(let readout, let speed)? = detection.outcome { (readout, speed) } else { nil } }
}

@Suite struct DetectionTests {
    private static let listening: [BaudRate] = [.b9600, .b115200, .b2400]

    @Test(arguments: [
        (smlTelegram(), BaudRate.b9600, 4, MeterProtocol.sml), (dsmr5, .b115200, 10, .p1), (withParity(dsmr3), .b9600, 10, .p1),
        (withParity(modeD), .b9600, 1, .d0Push), (withParity(modeD), .b2400, 5, .d0Push),
    ])
    func hearsWhatSpeaks(_ telegram: [UInt8], _ speed: BaudRate, _ seconds: Int, _ name: MeterProtocol) throws {
        var head = Head()
        head.run(every: .seconds(seconds)) { $0.speed == speed ? telegram : [] }
        let (readout, found) = try #require(head.read)
        #expect(readout.source == name && found == speed)
        #expect(head.sent.isEmpty, "it listens before it speaks")
        #expect(head.now - head.began <= Detection.limit)
    }

    @Test func asksWhatIsSilent() throws {
        var head = Head()
        let household = Household(seed: 1, profile: .steady(watts: 360), startedAt: head.now)
        var meter = VirtualME162(household: household, faults: [], seed: 1, startedAt: head.now)
        head.run(&meter)
        let (readout, speed) = try #require(head.read)
        #expect(readout.source == .iec62056 && readout.manufacturer == "ISK" && readout[OBISCode(1, 8, 0)] != nil)
        #expect(speed == .b9600)
        #expect(head.listened == Self.listening, "it asks when all was listened to")
        #expect(head.now - head.began <= .seconds(45))
        #expect(head.detection.deadline == nil && head.detection.received([0x2F], head.now).isEmpty)
    }

    @Test func saysThatNothingAnswers() {
        var head = Head()
        head.run { _ in [] }
        #expect(head.detection.outcome == .silent)
        #expect(head.now - head.began == Detection.limit)
        #expect(head.listened == Self.listening)
        #expect(head.detection.whatWasHeard == "no data at 9600 Bd 8N1; no data at 115200 Bd 8N1; no data at 2400 Bd 8N1")
        #expect(String(decoding: head.sent, as: UTF8.self).contains("/?!\r\n"))
    }

    @Test func findsAVirtualMeterThatSpeaksSlowly() throws {
        var head = Head()
        let household = Household(seed: 1, profile: .steady(watts: 360), startedAt: head.now)
        var meter = VirtualPushMeter(.modeD, speed: .b2400, household: household, faults: [.eightBit], seed: 1, startedAt: head.now)
        head.run(&meter)
        let (readout, speed) = try #require(head.read)
        #expect(readout.source == .d0Push && speed == .b2400 && head.sent.isEmpty)
        #expect(head.now - head.began <= .seconds(29))
    }

    @Test func saysWhatWasHeardAtWhichSpeed() {
        var head = Head()
        head.run(every: .seconds(1)) { $0 == LineSettings(.b2400, .eightNone) ? [0x55, 0x2A] : [] }
        #expect(head.detection.outcome == .heard)
        let heard = head.detection.whatWasHeard
        #expect(heard == "no data at 9600 Bd 8N1; no data at 115200 Bd 8N1; 22 bytes at 2400 Bd 8N1, but no telegram")
    }

    /// If bytes are always pending, `timedOut` is never called.
    @Test func endsInTimeWhereBytesAlwaysWait() {
        var head = Head()
        head.open()
        for _ in 0..<5000 where head.detection.outcome == nil {
            head.now = head.now + .milliseconds(50)
            head.note(head.detection.received([0x55], head.now))
        }
        #expect(head.detection.outcome == .heard && head.now - head.began == Detection.limit)
    }

    @Test(arguments: [Duration.milliseconds(50), .seconds(3)]) func endsInTimeWhereSomethingIsAlwaysHeard(_ every: Duration) {
        var head = Head()
        head.run(every: every) { _ in [0x00, 0xFF, 0x55] }
        #expect(head.detection.outcome == .heard)
        #expect(head.now - head.began <= Detection.limit + every)
    }

    /// The head's own echo must not be taken for a meter.
    @Test func anEchoIsNoMeter() {
        var head = Head()
        head.open()
        var echoed = 0
        for _ in 0..<5000 where head.detection.outcome == nil {
            if head.sent.count > echoed {
                let echo = Array(head.sent[echoed...])
                echoed = head.sent.count
                head.now = head.now + head.line.duration(of: echo.count)
                head.note(head.detection.received(echo, head.now))
            }
            head.step({ _ in [] }, every: .seconds(1))
        }
        #expect(echoed > 0 && head.detection.outcome == .silent)
    }

    /// At 300 Bd a readout takes minutes, but the identification comes first.
    @Test func namesAMeterWhoseReadoutDoesNotEnd() {
        var head = Head()
        let identification = Array("/XYZMODEA\r\n".utf8)
        head.run(every: .milliseconds(500)) { line in
            guard line.speed == .b300 else { return [] }
            return identification + [ControlCharacter.stx] + Array("1.8.0(0033402.264*kWh)\r\n".utf8)
        }
        guard case .identified(let found)? = head.detection.outcome else {
            Issue.record("\(String(describing: head.detection.outcome))")
            return
        }
        #expect(found.manufacturer == "XYZ")
        #expect(head.now - head.began <= Detection.limit + .seconds(1))
    }
}
