import MeterProtocols
import Metering

/// An Iskraemeco ME162 as it behaves on its optical port: IEC 62056-21 mode C, 300 Bd to 9600 Bd, readout and programming mode.
package struct VirtualME162: VirtualMeter {
    private enum Mode {
        case waiting
        /// The identification has been sent. If no acknowledgement comes, the readout follows automatically at this time.
        case identified(readoutAt: Instant)
        /// The readout has been sent, and the host may request a repetition.
        case readOut(until: Instant)
        case programming(until: Instant)
    }

    /// The time from the end of the host's message to the start of the answer. Measured on a real meter; the standard allows 0.2 s to 1.5
    /// s.
    private enum Reaction {
        static let identification: ClosedRange<Duration> = .milliseconds(255)...(.milliseconds(285))
        static let readout: ClosedRange<Duration> = .milliseconds(380)...(.milliseconds(420))
        static let programming: ClosedRange<Duration> = .milliseconds(250)...(.milliseconds(370))
        static let command: ClosedRange<Duration> = .milliseconds(226)...(.milliseconds(280))
        static let withoutAcknowledgement: ClosedRange<Duration> = .milliseconds(1510)...(.milliseconds(2190))
    }

    private static let inactivityLimit = Duration.seconds(60)
    private static let repetitionWindow = Duration.milliseconds(1500)
    /// The longest gap allowed within a message.
    private static let longestGap = Duration.milliseconds(1500)

    private let serial: String
    private let manufacturer: String
    private let faults: Set<Fault>
    private let silentFrom: Instant?
    private var registers: ME162Registers
    private var generator: SeededGenerator
    private var line: Disturbance
    private var mode = Mode.waiting
    private var speed = BaudRate.b300
    private var incoming: [UInt8] = []
    private var lastHeard: Instant
    private var ear: Ear
    /// When the meter's last message ended.
    private var spokeUntil: Instant
    /// The last message without faults, for a repetition.
    private var lastMessage: [UInt8] = []
    private var owesNAK: Bool
    private var owesWrongBCC: Bool

    /// The registers start with the values of a real meter. `clock` is the meter's time at the start. A lower-case third letter in
    /// `manufacturer` announces a reaction time of 20 ms instead of 200 ms.
    package init(
        serial: String = "28342193", manufacturer: String = "ISK", household: Household, faults: [Fault] = [], seed: UInt64,
        startedAt: Instant, importWattHours: Int64 = 33_402_264, exportWattHours: Int64 = 13_465,
        clock: WallTime = WallTime(millisecondsSince1970: 1_763_706_600_000)
    ) {
        self.serial = serial
        self.manufacturer = manufacturer
        self.faults = Set(faults)
        generator = SeededGenerator(seed: seed)
        registers = ME162Registers(
            serial: serial, household: household, startedAt: startedAt, refreshOffset: generator.duration(in: .zero...(.milliseconds(999))),
            importWattHours: importWattHours, exportWattHours: exportWattHours, clock: clock)
        line = Disturbance(faults, seed: generator.next())
        lastHeard = startedAt
        ear = Ear(faults, startedAt)
        spokeUntil = startedAt
        owesNAK = faults.contains(.nakOnce)
        owesWrongBCC = faults.contains(.wrongBCCOnce)
        silentFrom = faults.lazy.compactMap { if case .silentAfter(let time) = $0 { startedAt + time } else { nil } }.first
        if faults.contains(.locked) {
            mode = .programming(until: startedAt - .seconds(1) + Self.inactivityLimit)
            speed = .b9600
        }
    }

    /// The current import and export in Wh.
    package mutating func energy(at now: Instant) -> (imported: Int64, exported: Int64) { registers.energy(at: now) }

    package var nextDeadline: Instant? {
        switch mode {
        case .waiting: nil
        case .identified(let deadline), .readOut(let deadline), .programming(let deadline): deadline
        }
    }

    package mutating func advance(to now: Instant) -> [Emission] {
        var emissions: [Emission] = []
        while let deadline = nextDeadline, deadline <= now {
            if case .identified = mode { emissions += sendReadout(start: deadline) } else { hangUp() }
        }
        return emissions
    }

    package mutating func received(_ bytes: [UInt8], at now: Instant, lineSpeed: BaudRate) -> [Emission] {
        var emissions = advance(to: now)
        guard !bytes.isEmpty else { return emissions }
        if faults.contains(.echo) {
            emissions.append(Emission(bytes, at: lineSpeed, start: now - LineSettings(lineSpeed).duration(of: bytes.count)))
        }
        let bytes = ear.heard(bytes, at: lineSpeed, through: now)
        guard !bytes.isEmpty else { return emissions }
        if now - lastHeard > Self.longestGap { incoming = [] }
        lastHeard = now
        incoming += line.disturb(heard(bytes, sentAt: lineSpeed, heardAt: speed)).map { $0 & 0x7F }
        while ear.listens(at: now), let message = HostMessage.take(from: &incoming) { emissions += answer(message, now) }
        return emissions
    }

    private mutating func answer(_ message: HostMessage, _ now: Instant) -> [Emission] {
        switch (mode, message) {
        case (.waiting, .signOn(let address)), (.identified, .signOn(let address)), (.readOut, .signOn(let address)):
            return identify(to: address, now)
        case (.identified, .option(let version, let speed, let mode)): return choose(version, speed, mode, now)
        case (.identified, .repeatRequest), (.readOut, .repeatRequest), (.programming, .repeatRequest):
            let emissions = send(lastMessage, start: now + generator.duration(in: Reaction.command))
            prolong()
            return emissions
        case (.identified, .command(let command)), (.readOut, .command(let command)):
            if command.starts(with: "B0".utf8) { hangUp() }
            return []
        case (.programming, .command(let command)): return perform(command, now)
        case (.programming, .damagedCommand): return refuse(now)
        default: return []
        }
    }

    private mutating func identify(to address: String, _ now: Instant) -> [Emission] {
        func significant(_ text: String) -> Substring { text.drop { $0 == "0" } }
        guard address.isEmpty || significant(address) == significant(serial) else { return [] }
        speed = .b300
        let line = "/\(manufacturer)" + (faults.contains(.slow) ? "0" : "5") + "ME162-0033\r\n"
        let emissions = send(Array(line.utf8), start: now + generator.duration(in: Reaction.identification))
        mode = .identified(readoutAt: spokeUntil + generator.duration(in: Reaction.withoutAcknowledgement))
        return emissions
    }

    /// Handles ACK V Z Y. An option that is unknown or was not offered counts as a missing acknowledgement, so the readout follows at 300
    /// Bd. The same applies to programming mode at 300 Bd, which a real meter rejects as well.
    private mutating func choose(_ version: UInt8, _ asked: UInt8, _ function: UInt8, _ now: Instant) -> [Emission] {
        let isFast = asked == UInt8(ascii: "5") && !faults.contains(.slow) && version == UInt8(ascii: "0")
        if asked != UInt8(ascii: "0") && faults.contains(.noHighSpeed) { return [] }
        guard isFast else { return sendReadout(start: now + generator.duration(in: Reaction.readout)) }
        speed = .b9600
        guard function == UInt8(ascii: "1"), !faults.contains(.noProgramming) else {
            return sendReadout(start: now + generator.duration(in: Reaction.readout))
        }
        let start = now + generator.duration(in: Reaction.programming)
        let emissions = send(framed([ControlCharacter.soh] + Array("P0".utf8) + [ControlCharacter.stx] + Array("()".utf8)), start: start)
        mode = .programming(until: spokeUntil + Self.inactivityLimit)
        return emissions
    }

    private mutating func sendReadout(start: Instant) -> [Emission] {
        let emissions = send(framed([ControlCharacter.stx] + registers.readout(at: start)), start: start)
        mode = .readOut(until: spokeUntil + Self.repetitionWindow)
        return emissions
    }

    private mutating func perform(_ command: [UInt8], _ now: Instant) -> [Emission] {
        if command.starts(with: "B0".utf8) {
            hangUp()
            return []
        }
        if owesNAK {
            owesNAK = false
            return refuse(now)
        }
        let start = now + generator.duration(in: Reaction.command)
        let value = address(readBy: command).flatMap { registers.value(of: $0, at: start) } ?? "ERROR"
        var answer: [UInt8] = [ControlCharacter.stx, UInt8(ascii: "(")]
        answer.reserveCapacity(32)
        answer += value.utf8
        answer.append(UInt8(ascii: ")"))
        let emissions = send(framed(answer), start: start)
        prolong()
        return emissions
    }

    /// Returns the address in the read command `R1 STX address()`; other commands, including R5, are not supported.
    private func address(readBy command: [UInt8]) -> String? {
        guard command.starts(with: [UInt8(ascii: "R"), UInt8(ascii: "1"), ControlCharacter.stx]), command.last == UInt8(ascii: ")"),
            let open = command.firstIndex(of: UInt8(ascii: "("))
        else { return nil }
        return String(decoding: command[3..<open], as: UTF8.self)
    }

    /// Answers with a NAK, which is not saved as the last message: a host can't request its repetition.
    private mutating func refuse(_ now: Instant) -> [Emission] {
        emit([ControlCharacter.nak], start: now + generator.duration(in: Reaction.command))
    }

    private mutating func hangUp() {
        mode = .waiting
        speed = .b300
        incoming = []
    }

    private mutating func prolong() {
        switch mode {
        case .waiting: break
        case .identified: mode = .identified(readoutAt: spokeUntil + generator.duration(in: Reaction.withoutAcknowledgement))
        case .readOut: mode = .readOut(until: spokeUntil + Self.repetitionWindow)
        case .programming: mode = .programming(until: spokeUntil + Self.inactivityLimit)
        }
    }

    private func framed(_ message: [UInt8]) -> [UInt8] {
        var framed = message
        framed.append(ControlCharacter.etx)
        framed.append(BlockCheck.of(framed.dropFirst()))
        return framed
    }

    private mutating func send(_ message: [UInt8], start: Instant) -> [Emission] {
        lastMessage = message
        var bytes = message
        let isBlock = message.dropLast().last == ControlCharacter.etx
        if isBlock, owesWrongBCC {
            owesWrongBCC = false
            bytes[bytes.count - 1] ^= 0x01
        }
        return emit(bytes, start: start)
    }

    private mutating func emit(_ message: [UInt8], start: Instant) -> [Emission] {
        let bytes = line.dress(message)
        spokeUntil = Emission(bytes, at: speed, start: start).end
        ear.close(until: spokeUntil)
        if let silentFrom, start >= silentFrom { return [] }
        return [Emission(line.disturb(bytes), at: speed, start: start)]
    }
}
