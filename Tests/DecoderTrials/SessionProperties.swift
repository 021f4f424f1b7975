import MeterProtocols
import Metering
import VirtualMeters

/// The dialogue with arbitrary input, given by a script of bytes: checks the invariants at each step, and that a real meter is read afterwards.
///
/// The first byte selects the plan. Each step begins with its own byte: below 192 it gives the delay and the number of the following bytes that
/// arrive; from 192 on the number of deadlines that pass without input; from 240 on the adapter is unplugged and plugged in again.
func checkSession(of script: [UInt8]) {
    var trial = SessionTrial(plan: script.first ?? 0)
    var place = 1
    while place < script.count {
        let step = script[place]
        place += 1
        switch step {
        case 240...: trial.reopen()
        case 192...: for _ in 0...(step & 15) { trial.waitForDeadline() }
        default:
            let end = min(script.count, place + Int(step & 31) + 1)
            trial.receive(Array(script[place..<end]), after: SessionTrial.delays[Int(step >> 5)])
            place = end
        }
    }
    trial.meetMeter()
}

struct SessionTrial {
    static let delays: [Duration] = [.zero, .milliseconds(5), .milliseconds(60), .milliseconds(300), .seconds(1), .milliseconds(1900)]
    /// The longest pause of any session; after it an old session has ended.
    private static let longestWait = Duration.seconds(125)
    private static let start = Instant(nanoseconds: 1_000_000_000_000)

    private var session: any MeterSession
    private var now = Self.start
    /// A remote port with a fixed speed of 300 Bd.
    private let isFixed: Bool
    private var line: LineSettings
    private var delivered: [Readout] = []
    private var meter: VirtualME162?
    /// Sent by the meter but not received yet, in portions as adapters make them.
    private var onTheWire: [Emission] = []
    /// The events, written as the script that causes them.
    private(set) var script: [UInt8]

    init(plan: UInt8) {
        script = [plan]
        let reads: [ReadingPlan.Read] = [.auto, .registers, .readout, .auto]
        var plan = ReadingPlan(
            read: reads[Int(plan & 3)], registers: [OBISCode(1, 8, 0), OBISCode(2, 8, 0)], every: plan & 4 == 0 ? .zero : .seconds(1),
            wakesUp: plan & 8 != 0)
        isFixed = script[0] & 16 != 0
        line = isFixed ? LineSettings(.b300) : LineSettings.opening
        plan.hasFixedSpeed = isFixed
        session = script[0] & 32 == 0 ? ReadoutSession(plan: plan) : AutoSession(plan: plan)
        perform(session.opened(now))
    }

    mutating func reopen() {
        perform(session.closed())
        now = now + .seconds(1)
        onTheWire = []
        if !isFixed { line = LineSettings.opening }
        perform(session.opened(now))
    }

    mutating func waitForDeadline() {
        guard let deadline = session.deadline else { fatalError("it waits for ever") }
        require(deadline <= now + Self.longestWait, "it waits for too long")
        now = max(now, deadline)
        perform(session.timedOut(now))
        script.append(192)
    }

    mutating func receive(_ bytes: [UInt8], after delay: Duration) {
        let at = now + delay
        while let deadline = session.deadline, deadline <= at { waitForDeadline() }
        now = max(now, at)
        perform(session.received(bytes, now))
    }

    private mutating func perform(_ actions: [MeterAction]) {
        require(actions.count < 32, "it says everything at once")
        for action in actions {
            switch action {
            case .send(let bytes):
                require(bytes.count <= 128, "it says too much")
                let sent = now + line.duration(of: bytes.count)
                let emissions = meter?.received(bytes, at: sent, lineSpeed: line.speed) ?? []
                onTheWire += emissions.flatMap(portions)
            case .apply(let settings): if !isFixed { line = settings }
            case .deliver(let readout):
                require(!readout.registers.isEmpty, "a readout has registers")
                delivered.append(readout)
            case .noise, .problem: break
            }
        }
    }

    private func portions(_ emission: Emission) -> [Emission] {
        stride(from: 0, to: emission.bytes.count, by: 16).map { first in
            let bytes = Array(emission.bytes[first..<min(first + 16, emission.bytes.count)])
            return Emission(bytes, at: emission.speed, start: first == 0 ? emission.start : emission.completion(of: first - 1))
        }
    }

    // MARK: A real meter

    /// Once the script's bytes can no longer have an effect, every delivered value must be the meter's, and there must be some.
    mutating func meetMeter() {
        let silent = now + Self.longestWait + Self.longestWait
        while now < silent { waitForDeadline() }
        delivered = []
        let household = Household(seed: 1, profile: .steady(watts: 3_600), startedAt: now)
        meter = VirtualME162(household: household, seed: 1, startedAt: now, importWattHours: 1_000_000, exportWattHours: 77)
        let end = now + .seconds(900)
        while delivered.count < 3 {
            require(now < end, "a meter is read again")
            step()
        }
        for readout in delivered { check(readout) }
    }

    private mutating func step() {
        onTheWire.sort { $0.end < $1.end }
        let next = [session.deadline, meter?.nextDeadline, onTheWire.first?.end].compactMap { $0 }.min()
        guard let next else { fatalError("nobody waits") }
        if let first = onTheWire.first, first.end <= next {
            onTheWire.removeFirst()
            now = max(now, first.end)
            let bytes = heard(first.bytes, sentAt: first.speed, heardAt: line.speed)
            for start in stride(from: 0, to: bytes.count, by: 32) {
                let some = bytes[start..<min(start + 32, bytes.count)]
                script += [UInt8(some.count - 1)] + some
            }
            if !bytes.isEmpty { perform(session.received(bytes, now)) }
        } else if let deadline = session.deadline, deadline <= next {
            waitForDeadline()
        } else {
            now = max(now, next)
            onTheWire += (meter?.advance(to: now) ?? []).flatMap(portions)
        }
    }

    private func check(_ readout: Readout) {
        for register in readout.registers {
            switch (register.code, register.value) {
            case (OBISCode(1, 8, 0), .number(let number, .kilowattHours)):
                let wattHours = number.units(of: -3) ?? 0
                require((1_000_000...1_001_000).contains(wattHours), "what the meter shows: \(number)")
            case (OBISCode(2, 8, 0), .number(let number, .kilowattHours)):
                require(number.units(of: -3) == 77, "what the meter shows: \(number)")
            case (OBISCode(1, 8, 0), _), (OBISCode(2, 8, 0), _): fatalError("a total is a number: \(readout)")
            default: break
            }
        }
    }
}

/// The initial corpus of a fuzzer: a complete dialogue for each plan.
let sessionSeeds: [[UInt8]] = ([0, 1, 2, 4, 8, 16, 32, 36] as [UInt8]).map { plan in
    var trial = SessionTrial(plan: plan)
    trial.meetMeter()
    return trial.script
}
