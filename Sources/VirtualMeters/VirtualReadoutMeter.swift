import MeterProtocols
import Metering

/// A meter that uses IEC 62056-21 mode A or B: after a sign-on it sends its identification and all its data, without waiting for an
/// acknowledgement. Mode A keeps the speed of the sign-on, mode B switches to the one in the identification.
package struct VirtualReadoutMeter: VirtualMeter {
    package enum Kind: String, Sendable, CaseIterable { case modeA = "mode-a", modeB = "mode-b" }

    private static let reaction = Duration.milliseconds(270)
    /// The pause between the identification and the data, in which the speed is changed.
    private static let pause = Duration.milliseconds(400)
    private static let longestGap = Duration.milliseconds(1500)
    private static let serial = "12345678"

    private let kind: Kind
    private let faults: Set<Fault>
    private let silentFrom: Instant?
    private var registers: ME162Registers
    private var line: Disturbance
    private var incoming: [UInt8] = []
    private var lastHeard: Instant
    private var ear: Ear
    /// When the meter's last message ended.
    private var spokeUntil: Instant
    private var lastBlock: [UInt8] = []
    private var owesWrongBCC: Bool

    package init(
        _ kind: Kind, household: Household, faults: [Fault] = [], seed: UInt64, startedAt: Instant, importWattHours: Int64 = 7_654_321,
        exportWattHours: Int64 = 90
    ) {
        self.kind = kind
        self.faults = Set(faults)
        registers = ME162Registers(
            serial: Self.serial, household: household, startedAt: startedAt, refreshOffset: .zero, importWattHours: importWattHours,
            exportWattHours: exportWattHours, clock: WallTime(millisecondsSince1970: 1_763_706_600_000))
        line = Disturbance(faults, seed: seed)
        lastHeard = startedAt
        ear = Ear(faults, startedAt)
        spokeUntil = startedAt
        owesWrongBCC = faults.contains(.wrongBCCOnce)
        silentFrom = faults.lazy.compactMap { if case .silentAfter(let time) = $0 { startedAt + time } else { nil } }.first
    }

    package var nextDeadline: Instant? { nil }

    package mutating func advance(to now: Instant) -> [Emission] { [] }

    package mutating func received(_ bytes: [UInt8], at now: Instant, lineSpeed: BaudRate) -> [Emission] {
        guard !bytes.isEmpty else { return [] }
        var emissions: [Emission] = []
        if faults.contains(.echo) {
            emissions.append(Emission(bytes, at: lineSpeed, start: now - LineSettings(lineSpeed).duration(of: bytes.count)))
        }
        let bytes = ear.heard(bytes, at: lineSpeed, through: now)
        guard !bytes.isEmpty else { return emissions }
        if now - lastHeard > Self.longestGap { incoming = [] }
        lastHeard = now
        incoming += line.disturb(heard(bytes, sentAt: lineSpeed, heardAt: .b300)).map { $0 & 0x7F }
        while ear.listens(at: now), let message = HostMessage.take(from: &incoming) { emissions += answer(message, now) }
        return emissions
    }

    private mutating func answer(_ message: HostMessage, _ now: Instant) -> [Emission] {
        switch message {
        case .signOn(let address) where address.isEmpty || address == Self.serial:
            let identification = emit(
                Array((kind == .modeA ? "/VRTXmodeA-0001\r\n" : "/VRTCmodeB-0001\r\n").utf8), at: .b300, start: now + Self.reaction)
            let start = spokeUntil + Self.pause
            let content = registers.readout(at: start) + [ControlCharacter.etx]
            lastBlock = [ControlCharacter.stx] + content + [BlockCheck.of(content)]
            var block = lastBlock
            if owesWrongBCC {
                owesWrongBCC = false
                block[block.count - 1] ^= 0x01
            }
            return identification + emit(block, at: speed, start: start)
        case .repeatRequest where !lastBlock.isEmpty: return emit(lastBlock, at: speed, start: now + Self.reaction)
        default: return []
        }
    }

    private var speed: BaudRate { kind == .modeA ? .b300 : .b2400 }

    private mutating func emit(_ message: [UInt8], at speed: BaudRate, start: Instant) -> [Emission] {
        let bytes = line.dress(message)
        spokeUntil = Emission(bytes, at: speed, start: start).end
        ear.close(until: spokeUntil)
        if let silentFrom, start >= silentFrom { return [] }
        return [Emission(line.disturb(bytes), at: speed, start: start)]
    }
}
