import Metering
import VirtualMeters

/// A day full of failures, in chapters: a calm minute in which the published values are compared with the energy used; then an event with
/// wrong telegrams; then some minutes without errors.
struct HostilePlan {
    enum Event: Hashable {
        case compare
        case suffer(HostileMeter.Glitch, telegrams: Int)
        /// Down for that many seconds: stopped properly, killed, or without power. After a power cut the clock is wrong for a while.
        case restart(Int64)
        case kill(Int64)
        case powerCut(Int64, clockError: Int64, setAfter: Int64)
        /// An empty state directory, as with a new SD card.
        case forget(Int64)
        case exchange
        case exchangeWhileDown(Int64)
        case headOff(Int64)
        case brokerAway(Int64, forgets: Bool)
        case homeAssistantAway(Int64)
    }

    /// The seconds without a meter during an exchange.
    static let exchangeTakes: Int64 = 120

    private(set) var events: [(at: Int64, event: Event)] = []
    private(set) var grid: [Household.Step] = []
    /// Times in which no pulses may come, because they would not be counted.
    private var quiet: [ClosedRange<Int64>] = []
    private(set) var end: Int64 = 0
    private let kind: HostileMeter.Kind
    private var generator: SeededGenerator

    init(_ kind: HostileMeter.Kind, seed: UInt64, rounds: Int) {
        self.kind = kind
        generator = SeededGenerator(seed: seed)
        add(.steady(120))
        for round in 0..<rounds {
            for event in shuffled(happenings(round: round)) { addChapter(event) }
        }
        addCalm()
        events.sort { $0.at < $1.at }
    }

    /// The events of one round, apart from wrong telegrams.
    private mutating func happenings(round: Int) -> [Event] {
        let hour = generator.number(in: 600...5400)
        var happenings: [Event] = [
            .restart(short), .kill(short), .restart(hour), .powerCut(hour, clockError: -hour, setAfter: 90),
            .powerCut(short, clockError: -1_700_000_000, setAfter: 1000), .powerCut(short, clockError: 150_000_000, setAfter: 60),
            .headOff(generator.number(in: 20...1200)), .brokerAway(generator.number(in: 5...600), forgets: false),
            .brokerAway(generator.number(in: 5...60), forgets: true), .homeAssistantAway(generator.number(in: 30...600)),
            .suffer(.oneLess, telegrams: 30),
        ]
        // Without a serial number an exchange is only noticed by the totals, and once these are low, the next exchange would not be noticed.
        if kind != .nameless || round == 0 { happenings.append(.exchange) }
        if kind != .nameless { happenings.append(.exchangeWhileDown(short)) }
        if round > 0 { happenings.append(.forget(short)) }
        return happenings
    }

    private var short: Int64 { mutating get { generator.number(in: 12...120) } }

    private mutating func shuffled(_ events: [Event]) -> [Event] {
        var events = events
        for index in events.indices.reversed() { events.swapAt(index, Int(generator.number(in: 0...Int64(index)))) }
        return events
    }

    // MARK: Load

    private enum Load { case steady(Int64), nothing(Int64), random(Int64) }

    private mutating func add(_ load: Load) {
        switch load {
        case .steady(let seconds):
            // Both directions, because either register may have been published a few Wh too high.
            add(seconds / 2, watts: 3000)
            add(seconds - seconds / 2, watts: -3000)
        case .nothing(let seconds): add(seconds, watts: 0)
        case .random(let seconds):
            var rest = seconds
            while rest > 0 {
                let part = min(rest, generator.number(in: 5...120))
                add(part, watts: generator.number(in: -6000...9000))
                rest -= part
            }
        }
    }

    private mutating func add(_ seconds: Int64, watts: Int64) {
        grid.append(Household.Step(.seconds(seconds), watts: watts))
        end += seconds
    }

    /// The part of the load after `time`.
    func grid(from time: Int64) -> [Household.Step] {
        var at: Int64 = 0
        return grid.compactMap { step in
            let end = at + step.duration.components.seconds
            defer { at = end }
            return end > time ? Household.Step(.seconds(end - max(at, time)), watts: step.watts) : nil
        }
    }

    /// The pulse meter's load: zero whenever its pulses would not be counted.
    var heat: [Household.Step] {
        var steps: [Household.Step] = []
        var at: Int64 = 0
        for pause in quiet where pause.upperBound > at {
            if pause.lowerBound > at { steps.append(Household.Step(.seconds(pause.lowerBound - at), watts: 1700)) }
            steps.append(Household.Step(.seconds(pause.upperBound - max(pause.lowerBound, at)), watts: 0))
            at = pause.upperBound
        }
        return steps
    }

    // MARK: Chapters

    private mutating func addCalm() {
        quiet.append(end...(end + 60))
        add(.nothing(60))
        events.append((end - 2, .compare))
    }

    private mutating func addChapter(_ event: Event) {
        addCalm()
        let down = event.secondsDown
        var length: Int64 = 300 + (down ?? 0)
        if event.isExchange {
            // The power is switched off for the exchange.
            events.append((end, event))
            quiet.append(end...(end + 30 + (down ?? 0)))
            add(.nothing(Self.exchangeTakes + 15))
        } else {
            events.append((end + 100, event))
            // A power cut loses the pulses that were not saved yet.
            if let down { quiet.append((end + 20)...(end + 130 + down)) }
            length += 100 + event.secondsAway
        }
        // For a meter that was never read, the first complete telegram is accepted.
        addGlitches(
            after: event, from: end + (event.isExchange ? 120 + (down ?? 0) : 0), until: end + length,
            at: end + (event.isExchange ? 0 : 100) + (down ?? 0))
        add(.random(length))
        if event.needsPatience(kind) { add(.random(1100)) }
        add(.steady(360))
    }

    private mutating func addGlitches(after event: Event, from begin: Int64, until end: Int64, at moment: Int64) {
        for _ in 0..<6 {
            let (at, telegrams, glitch) = (generator.number(in: begin...(end - 30)), Int(generator.number(in: 1...20)), glitch())
            guard !event.forbidsGlitches else { continue }
            // The line flips a digit once; other wrong values may be repeated for a while.
            var isOnce = false
            if case .flipped = glitch { isOnce = true }
            events.append((at, .suffer(glitch, telegrams: isOnce ? 1 : telegrams)))
        }
        // The first telegrams after the event.
        guard !event.forbidsGlitches, !event.isExchange else { return }
        events.append((moment + 1, .suffer(startingGlitch(), telegrams: Int(generator.number(in: 1...30)))))
    }

    private mutating func glitch() -> HostileMeter.Glitch {
        switch generator.number(in: 0...11) {
        case 0: .zero
        case 1: .tenfold
        case 2: .thousandfold
        case 3: .oneLess
        case 4: .leftOut
        case 5: .stranger
        case 6: .locked
        case 7, 8: .garbled
        default: .flipped(Int(generator.number(in: 0...(kind == .modeD || kind == .nameless ? 11 : 8))))
        }
    }

    private mutating func startingGlitch() -> HostileMeter.Glitch {
        switch generator.number(in: 0...5) {
        case 0: .zero
        case 1: .tenfold
        case 2: .thousandth
        case 3: .huge
        case 4: .stranger
        default: .garbled
        }
    }
}

extension HostilePlan.Event {
    fileprivate var secondsDown: Int64? {
        switch self {
        case .restart(let down), .kill(let down), .powerCut(let down, _, _), .forget(let down), .exchangeWhileDown(let down): down + 10
        default: nil
        }
    }

    fileprivate var secondsAway: Int64 {
        switch self {
        case .headOff(let away), .brokerAway(let away, _), .homeAssistantAway(let away): away
        default: 0
        }
    }

    fileprivate var isExchange: Bool {
        switch self {
        case .exchange, .exchangeWhileDown: true
        default: false
        }
    }

    /// Without saved state the first complete telegram is accepted.
    fileprivate var forbidsGlitches: Bool {
        if case .forget = self { true } else { false }
    }

    /// An exchange that only shows in the totals is accepted after a quarter of an hour.
    fileprivate func needsPatience(_ kind: HostileMeter.Kind) -> Bool {
        switch self {
        case .exchange: kind == .nameless
        case .powerCut(_, let error, let set): error < 0 && set > 100
        default: false
        }
    }
}
