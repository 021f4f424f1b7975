import Configuration
import MeterProtocols
import Metering
import Synchronization
import Testing

@testable import MeterDaemon

/// Keeps the marks, and checks that no pulse is reported before it has been noted.
private final class WatchfulJournal: PulseJournal, PulseJournalPage {
    private let mark = Mutex<PulseMark?>(nil)
    private let reports: PulseReports
    private let early = Atomic(0)

    init(_ reports: PulseReports) { self.reports = reports }

    var heardTooEarly: Int { early.load(ordering: .relaxed) }
    var newest: PulseMark? { mark.withLock { $0 } }

    func mark(of meter: String) -> PulseMark? { newest }
    func page(of meter: String) -> any PulseJournalPage { self }
    var obstacle: PortError? { nil }
    func note(_ new: PulseMark) -> Bool {
        let known = newest?.pulses ?? 0
        if reports.take().contains(where: { $0.reading.counted > known }) { early.add(1, ordering: .relaxed) }
        mark.withLock { $0 = new }
        return true
    }
}

/// A journal whose folder in RAM is full or missing.
private final class FailingJournal: PulseJournal, PulseJournalPage {
    let isFull: Atomic<Bool>
    init(isFull: Bool) { self.isFull = Atomic(isFull) }
    func mark(of meter: String) -> PulseMark? { nil }
    func page(of meter: String) -> any PulseJournalPage { self }
    func note(_ mark: PulseMark) -> Bool { !isFull.load(ordering: .relaxed) }
    var obstacle: PortError? { isFull.load(ordering: .relaxed) ? PortError("no space") : nil }
}

private final class Lines: Log {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func write(_ level: LogLevel, _ message: String) { lines.withLock { $0.append(message) } }
}

private let start = Instant(nanoseconds: 1_000_000_000)

/// A counter of two lines, with the time and the number of each line's newest edge.
private struct Bench {
    let reports = PulseReports(lines: 2)
    let log = Lines()
    var counter: PulseCounter
    var now = start
    var numbers: [UInt64] = [0, 0]

    init(
        counted: Int64 = 0, saveEvery: Duration = .seconds(60), publishEvery: Duration = .seconds(5),
        journal: (PulseReports) -> any PulseJournal = { _ in NoPulseJournal() }
    ) {
        var configuration = Configuration()
        configuration.state.saveEvery = saveEvery
        configuration.pulses = ["heat", "solar"].map { Configuration.Pulse(name: $0, title: $0, line: .name($0)) }
        for index in configuration.pulses.indices { configuration.pulses[index].publishEvery = publishEvery }
        counter = PulseCounter(configuration, counted: ["heat": counted], reports: reports, journal: journal(reports), log: log)
    }

    mutating func open(_ lines: [Int] = [0, 1], remark: String? = nil) {
        let line = OpenLine(request: 5, beginning: .new(activeSince: nil), isDebounced: true, remark: remark)
        counter.opened(lines.map { LineOpening(line: $0, result: .success(line)) }, now)
    }

    mutating func pulse(_ line: Int = 0, length: Int = 30, rest: Int = 33) {
        for (direction, pause) in [(Edge.Direction.falling, rest), (.rising, length)] {
            now = now + .milliseconds(pause)
            numbers[line] += 1
            counter.push(Edge(direction, at: now, number: numbers[line]), of: line)
            counter.settle(now)
        }
    }
}

@Suite struct PulseCounterTests {
    /// A steady stream doesn't wake a listener for each pulse, but a request gets the latest count.
    @Test func whoAsksKnowsOfEachPulse() throws {
        var bench = Bench(counted: 40)
        bench.open()
        _ = bench.reports.take()
        for count in 41...200 as ClosedRange<Int64> {
            bench.pulse()
            let report = try #require(bench.reports.take().first)
            #expect(report.line == 0)
            #expect(report.reading.counted == count)
            #expect(report.reading.lastPulse == bench.now - .milliseconds(30))
            #expect(bench.reports.take().isEmpty)
        }
    }

    @Test func whoAsksFirstKnowsTheCountOfBefore() {
        var bench = Bench(counted: 40)
        bench.open()
        #expect(bench.reports.take().map(\.reading.counted) == [40, 0])
        bench.counter.lost([0], PortError("unplugged"), bench.now)
        #expect(bench.reports.take().map(\.reading.counted) == [40])
    }

    private func watched() throws -> (Bench, WatchfulJournal) {
        var made: WatchfulJournal?
        let bench = Bench { reports in
            let journal = WatchfulJournal(reports)
            made = journal
            return journal
        }
        return (bench, try #require(made))
    }

    @Test func aJournalThatCanNotBeWrittenIsSaid() {
        let journal = FailingJournal(isFull: false)
        var bench = Bench { _ in journal }
        let problem = "pulses are lost if jouled is killed before the next save: no space"
        func problems() -> [String?] { bench.reports.take().map(\.reading.journalProblem) }
        bench.open()
        bench.pulse()
        #expect(problems() == [nil, nil])
        journal.isFull.store(true, ordering: .relaxed)
        bench.pulse()
        #expect(problems() == [problem])
        bench.pulse()
        #expect(problems() == [problem], "which is still so")
        journal.isFull.store(false, ordering: .relaxed)
        bench.pulse()
        #expect(problems() == [nil])
        bench.pulse(1)
        #expect(bench.reports.take().map(\.reading.counted) == [1], "and counting went on")
    }

    /// Reported before the first pulse.
    @Test func aJournalThatIsNotThereIsSaid() {
        var bench = Bench { _ in FailingJournal(isFull: true) }
        bench.open()
        #expect(bench.reports.take().allSatisfy { $0.reading.journalProblem?.hasSuffix("no space") == true })
        bench.pulse()
        #expect(bench.reports.take().map(\.reading.counted) == [1])
    }

    @Test func nobodyHearsOfWhatIsNotNoted() throws {
        let (begun, journal) = try watched()
        var bench = begun
        bench.open([0])
        for length in 0..<100 { bench.pulse(length: 25 + length % 7) }
        #expect(journal.heardTooEarly == 0)
        #expect(journal.newest == PulseMark(pulses: 100, request: 5, position: LinePosition(number: 200)))
    }

    /// The edges of hum are noted by number, so that the next process doesn't count them.
    @Test func whatWasDroppedIsNotedToo() throws {
        let (begun, journal) = try watched()
        var bench = begun
        bench.open([0])
        bench.pulse()
        for _ in 0..<10 { bench.pulse(length: 10, rest: 10) }
        #expect(journal.newest == PulseMark(pulses: 1, request: 5, position: LinePosition(number: 22)))
    }

    /// One ring covers all pulses so far, and the last pulses are reported before the end.
    @Test func theLastPulseIsHeard() async {
        var bench = Bench()
        bench.open()
        for _ in 0..<7 { bench.pulse() }
        bench.counter.finish(bench.now)
        var rings = 0
        for await _ in bench.reports.rings { rings += 1 }
        #expect(rings == 1)
        #expect(bench.reports.take().map(\.reading.counted) == [7, 0])
    }

    @Test func whatCannotBeHadIsAskedForAgain() {
        var bench = Bench()
        bench.counter.opened(
            [
                LineOpening(line: 0, result: .failure(PortError("in use"))),
                LineOpening(line: 1, result: .success(OpenLine(request: 5, beginning: .new(activeSince: nil), isDebounced: true))),
            ], bench.now)
        #expect(bench.reports.take().map(\.reading.problem) == ["in use", nil])
        var pauses: [Duration] = []
        for _ in 0..<9 {
            guard let due = bench.counter.opensAt else { break }
            pauses.append(due - bench.now)
            bench.now = due
            bench.counter.opened([LineOpening(line: 0, result: .failure(PortError("in use")))], bench.now)
        }
        #expect(pauses == [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000].map { .milliseconds($0) })
        bench.pulse(1)
        bench.open([0])
        #expect(bench.counter.opensAt == nil)
        #expect(bench.reports.take().map(\.reading.counted) == [0, 1])
    }

    @Test func aLineThatIsLostIsAProblemAndComesBack() {
        var bench = Bench()
        bench.open()
        bench.pulse()
        bench.counter.lost([0, 1], PortError("unplugged"), bench.now)
        bench.counter.settle(bench.now)
        #expect(bench.reports.take().map(\.reading.problem) == ["unplugged", "unplugged"])
        #expect(bench.counter.deadline == bench.now + .milliseconds(100))
        bench.open()
        bench.numbers = [0, 0]
        bench.pulse()
        let readings = bench.reports.take().map(\.reading)
        #expect(readings.map(\.problem) == [nil, nil])
        #expect(readings.map(\.counted) == [2, 0])
    }

    @Test func whatIsNotAsWishedIsSaid() {
        var bench = Bench()
        bench.open([1], remark: "the chip can't set pull-up")
        #expect(bench.log.all == ["solar: the chip can't set pull-up"])
    }

    /// A counter that was not settled in time is due immediately, and then not until the next pulse.
    @Test func itSaysWhenItIsDue() {
        var bench = Bench()
        bench.open()
        #expect(bench.counter.deadline == .distantFuture)
        for _ in 0..<40 { bench.pulse() }
        bench.now = bench.now + .milliseconds(10)
        let due = bench.counter.deadline
        #expect(due > bench.now && due < bench.now + .milliseconds(100))
        bench.counter.settle(due)
        #expect(bench.counter.deadline == .distantFuture)
    }

    /// For edges without numbers, a full queue may have lost as many pulses as fit into the time, with two edges of 20 ms each.
    @Test func aFullQueueIsSaid() {
        var bench = Bench()
        let line = OpenLine(request: 5, beginning: .new(activeSince: nil), isDebounced: false)
        bench.counter.opened([0, 1].map { LineOpening(line: $0, result: .success(line)) }, bench.now)
        bench.counter.overflowed(0, bench.now + .seconds(10))
        #expect(bench.log.all == [], "nobody knows since when")
        _ = bench.reports.take()
        bench.pulse()
        bench.counter.settle(bench.now)
        _ = bench.reports.take()
        bench.counter.overflowed(0, bench.now + .milliseconds(39))
        #expect(bench.log.all == [] && bench.reports.take().isEmpty, "too short for one")
        #expect(bench.counter.deadline > bench.now)
        bench.counter.overflowed(0, bench.now + .milliseconds(400))
        #expect(bench.log.all == ["heat: the kernel's queue was full: up to 10 pulses were lost"])
        #expect(bench.reports.take().map(\.reading.lost) == [10] && bench.counter.deadline <= bench.now, "to be heard at once")
    }

    /// Once all lines are open the retry pause is short again; lines that fail meanwhile don't lengthen it.
    @Test func thePauseBeginsAnew() {
        var bench = Bench()
        for _ in 0..<5 { bench.counter.opened([LineOpening(line: 0, result: .failure(PortError("in use")))], bench.now) }
        bench.open()
        #expect(bench.counter.opensAt == nil)
        bench.counter.lost([0], PortError("unplugged"), bench.now)
        #expect(bench.counter.opensAt == bench.now + .milliseconds(100))
        bench.counter.lost([1], PortError("unplugged"), bench.now + .milliseconds(50))
        #expect(bench.counter.opensAt == bench.now + .milliseconds(100))
        // One of the two lines is open again.
        bench.open([1])
        #expect(bench.counter.opensAt == bench.now + .milliseconds(100))
        bench.open([0])
        #expect(bench.counter.opensAt == nil)
    }

    private func rings(of bench: inout Bench, seconds: Int) -> [Duration] {
        let start = bench.now
        var rings: [Duration] = []
        for _ in 0..<(10 * seconds) {
            bench.pulse(length: 50, rest: 50)
            if bench.counter.deadline == .distantFuture { rings.append(bench.now - start) }
        }
        return rings
    }

    private static let paces: [(Duration, Duration)] = [
        (.seconds(5), .seconds(1)), (.seconds(1), .seconds(1)), (.milliseconds(500), .milliseconds(500)),
    ]

    /// In a steady stream a listener gets reports at the publishing interval, but at least every second.
    @Test(arguments: paces) func whoListensHearsEverySecondAtLeast(_ publishEvery: Duration, _ expected: Duration) {
        var bench = Bench(publishEvery: publishEvery)
        bench.reports.gainListener()
        bench.open()
        _ = rings(of: &bench, seconds: 5)
        let rings = rings(of: &bench, seconds: 10)
        #expect(zip(rings, rings.dropFirst()).allSatisfy { $1 - $0 == expected } && rings.count >= 9, "\(rings)")
    }

    /// Without a listener, reports at the saving interval are enough.
    @Test func whoOnlyKeepsHearsWhenItIsSaved() {
        var bench = Bench(saveEvery: .seconds(7), publishEvery: .seconds(1))
        bench.open()
        _ = rings(of: &bench, seconds: 20)
        let rings = rings(of: &bench, seconds: 30)
        #expect(zip(rings, rings.dropFirst()).allSatisfy { $1 - $0 == .seconds(7) } && rings.count >= 4, "\(rings)")
    }
}

/// A process that takes over a line continues at its predecessor's position if that is known.
@Suite struct TakenOverLineTests {
    /// The marks of a previous process.
    private final class OldJournal: PulseJournal, PulseJournalPage {
        private let old: PulseMark
        init(_ old: PulseMark) { self.old = old }
        func mark(of meter: String) -> PulseMark? { meter == "heat" ? old : nil }
        func page(of meter: String) -> any PulseJournalPage { self }
        func note(_ mark: PulseMark) -> Bool { true }
        var obstacle: PortError? { nil }
    }

    /// The next edge arrives ten edges after the last one counted: five pulses, if it is certain that the mark belongs to this count.
    @Test(arguments: [(40, 5, 46), (41, 5, 41), (40, 6, 41)] as [(Int64, UInt64, Int64)])
    func edgesMeanwhile(_ pulses: Int64, _ request: UInt64, _ expected: Int64) {
        let mark = PulseMark(pulses: pulses, request: request, position: LinePosition(number: 80))
        var bench = Bench(counted: 40) { _ in OldJournal(mark) }
        let line = OpenLine(request: 5, beginning: .kept, isDebounced: true)
        bench.counter.opened([LineOpening(line: 0, result: .success(line))], bench.now)
        bench.numbers[0] = 90
        bench.pulse()
        let counted = bench.reports.take().first { $0.line == 0 }?.reading.counted
        #expect(counted == expected)
    }
}
