import CLinux
import Configuration
import Glibc
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Synchronization
import Testing

/// The real adapter on simulated lines, with the resulting counts. `Tests/Real/gpio-test` runs this in the lab.
@Suite(.serialized) struct GPIOLinesTests {
    enum Trial: CaseIterable {
        case nameOnAnyChip, chipAndOffset, bias, takenLine, missingLines, nameOnTwoChips, noPermission, wrongWayRound
        case edgesWithKernelTime, pulseAtOpening, touchedNode, removedChip, thousandPulses, manyLinesOfAChip
        case stalledReader, stalledReaderOfShortPulses, keptLines, keptByAnotherProcess
    }

    private let loop: EventLoop
    private static var isNumbered: Bool { !GPIOLines.library.hasPrefix("libgpiod 1.") }

    init() {
        loop = EventLoop()
        loop.startThread(named: "pulses")
    }

    @Test("GPIO lines, by Tests/Real/gpio-test", .enabled(if: getenv("GPIO_LAB") != nil), arguments: Trial.allCases)
    func inTheLab(trial: Trial) async throws {
        switch trial {
        case .nameOnAnyChip: try findNameOnAnyChip()
        case .chipAndOffset: try findChipAndOffset()
        case .bias: try setBias()
        case .takenLine: try await refuseTakenLine()
        case .missingLines: try refuseMissingLines()
        case .nameOnTwoChips: try refuseNameOnTwoChips()
        case .noPermission: try sayWhichGroup()
        case .wrongWayRound: try await recogniseInversion()
        case .edgesWithKernelTime: try await readEdges()
        case .pulseAtOpening: try await countPulseAtOpening()
        case .touchedNode: try await surviveTouchedNode()
        case .removedChip: try await noticeRemoval()
        case .thousandPulses: try await countThousandPulses()
        case .manyLinesOfAChip: try await takeLinesTogether()
        case .stalledReader: try await countWhatWaited()
        case .stalledReaderOfShortPulses: try await boundWhatIsLost()
        case .keptLines: try await goOnWithKeptLines()
        case .keptByAnotherProcess: try await goOnAtTheMark()
        }
    }

    private func pulse(
        _ line: Configuration.Pulse.Line = .name("GPIO17"), _ bias: Configuration.Pulse.Bias = .pullUp,
        minPulse: Duration = .milliseconds(20)
    ) -> Configuration.Pulse {
        var pulse = Configuration.Pulse(name: "\(line)", title: "Heat pump", line: line)
        pulse.bias = bias
        pulse.minPulse = minPulse
        return pulse
    }

    private func inspect(_ line: Configuration.Pulse.Line, _ bias: Configuration.Pulse.Bias = .pullUp) -> Result<String, PortError> {
        GPIOTrial(pulse(line, bias), loop: loop).inspect()
    }

    private func refusal(_ wish: Configuration.Pulse.Line) -> String? {
        if case .failure(let error) = inspect(wish) { error.description } else { nil }
    }

    /// Lines whose bell never rings.
    private func lines(_ pulses: [Configuration.Pulse], _ store: DescriptorStore = DescriptorStore()) -> GPIOLines {
        GPIOLines(pulses, store: store, bell: PulseBell())
    }

    private func sleep(_ milliseconds: Int) async { await loop.sleep(until: loop.now + .milliseconds(milliseconds)) }

    /// Sends pulses of `length`, with pauses of the same length.
    private func send(_ count: Int, _ chip: SimulatedChip, _ offset: Int = 17, length: Int = 30) async {
        for _ in 0..<count {
            for isHigh in [false, true] {
                chip.pull(offset, up: isHigh)
                await sleep(length)
            }
        }
    }

    /// The counter's results for the lines while `body` runs, and afterwards.
    private func count(
        _ pulses: [Configuration.Pulse], _ store: DescriptorStore = DescriptorStore(), from counted: Int64 = 0,
        journal: any PulseJournal = NoPulseJournal(), while body: () async -> Void
    ) async -> [PulseReading] {
        let reports = PulseReports(lines: pulses.count)
        let before = Dictionary(pulses.map { ($0.name, counted) }) { $1 }
        var configuration = Configuration()
        configuration.pulses = pulses
        let counter = PulseCounter(configuration, counted: before, reports: reports, journal: journal, log: NoLog())
        let lines = gpioLines(pulses, store: store)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await lines.run(counter) }
            await sleep(50)
            await body()
            await sleep(50)
            group.cancelAll()
        }
        return reports.take().sorted { $0.line < $1.line }.map(\.reading)
    }

    // MARK: Finding

    private func findNameOnAnyChip() throws {
        let first = try SimulatedChip("first", names: [17: "GPIO17"])
        let second = try SimulatedChip("second", names: [3: "METER"])
        let found = try inspect(.name("METER")).get()
        #expect(found == "METER (line 3 of \(second.node), second) is high, bias pull-up")
        #expect(try inspect(.name("GPIO17")).get().contains("line 17 of \(first.node)"))
    }

    private func findChipAndOffset() throws {
        let chip = try SimulatedChip("pinctrl", names: [:])
        for name in [chip.node, "pinctrl", String(chip.node.dropFirst(5))] {
            let found = try inspect(.offset(5, chip: name), .pullDown).get()
            #expect(found == "line 5 of \(chip.node) (pinctrl) is low, bias pull-down")
        }
    }

    private func refuseMissingLines() throws {
        #expect(refusal(.name("GPIO17")) == "there is no GPIO chip (/dev/gpiochip*)")
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        #expect(refusal(.name("GPIO18")) == "no line named GPIO18: gpioinfo shows the names")
        #expect(refusal(.offset(1, chip: "rp1")) == "no chip named rp1: gpiodetect shows the names")
        #expect(refusal(.offset(1, chip: "/dev/gpiochip99")) == "/dev/gpiochip99 is not there: gpiodetect shows the chips")
        #expect(refusal(.offset(1, chip: "/dev/null")) == "/dev/null is not a GPIO chip")
        #expect(refusal(.offset(32, chip: chip.node)) == "\(chip.node) (pinctrl) has 32 lines, counted from 0: there is no line 32")
    }

    private func refuseNameOnTwoChips() throws {
        let first = try SimulatedChip("first", names: [17: "GPIO17"])
        let second = try SimulatedChip("second", names: [4: "GPIO17"])
        // A Pi 5 has two device names for the same chip.
        try #require(symlink(first.node, "/dev/gpiochip9") == 0)
        defer { unlink("/dev/gpiochip9") }
        let both = "\(first.node) (line 17) and \(second.node) (line 4)"
        #expect(refusal(.name("GPIO17")) == "GPIO17 is on both \(both): choose by chip and offset")
        #expect(refusal(.offset(17, chip: first.node)) == nil)
        second.unplug()
        #expect(refusal(.name("GPIO17")) == nil)
    }

    private func sayWhichGroup() throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        try #require(seteuid(65_534) == 0)
        defer { seteuid(0) }
        let words = "no permission for \(chip.node): the user must be in the group gpio"
        #expect(refusal(.name("GPIO17")) == words)
        #expect(refusal(.offset(17, chip: chip.node)) == words)
    }

    private func refuseTakenLine() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17", 27: "GPIO27"])
        var first = lines([pulse()])
        let opened = first.open(.now)
        #expect(opened.map(\.isOpen) == [true])
        let words = "GPIO17 (line 17 of \(chip.node), pinctrl) is in use by jouled"
        #expect(refusal(.name("GPIO17")) == words)
        // A line that is in use must not prevent opening the other one.
        var second = lines([pulse(), pulse(.name("GPIO27"))])
        let openings = second.open(.now)
        #expect(openings.map(\.line).sorted() == [0, 1])
        for opening in openings {
            #expect(opening.problem == (opening.line == 0 ? words : nil))
        }
        let again = second.open(.now)
        #expect(again.map(\.problem) == [words])
        first.close()
        second.close()
    }

    private func recogniseInversion() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        let place = "GPIO17 (line 17 of \(chip.node), pinctrl)"
        #expect(await GPIOTrial(pulse(), loop: loop).result() == .success("\(place) is high, bias pull-up"))
        let wrong = await GPIOTrial(pulse(.name("GPIO17"), .pullDown), loop: loop).result()
        let words = """
            \(place) is low, bias pull-down, always at the active level: swap the two wires of the meter's output, or set edge = "rising"; \
            or there is a short
            """
        #expect(wrong == .failure(PortError(words)))
        var gas = pulse(.name("GPIO17"), .pullDown)
        gas.medium = .gas
        #expect(await GPIOTrial(gas, loop: loop).result() == .success("\(place) is low, bias pull-down"))

        // Inverted pulses: high for 30 ms in 200.
        async let moving = GPIOTrial(pulse(.name("GPIO17"), .asIs), loop: loop).result()
        for _ in 0..<8 {
            chip.pull(17, up: false)
            await sleep(170)
            chip.pull(17, up: true)
            await sleep(30)
        }
        guard case .failure(let error) = await moving else {
            Issue.record("not recognised")
            return
        }
        #expect(error.description.contains("% of the time: are the wires swapped? Then set edge = \"rising\""))
    }

    // MARK: Reading

    private func setBias() throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        chip.pull(17, up: false)
        #expect(try inspect(.name("GPIO17"), .asIs).get().hasSuffix("is low, bias as-is"))
        #expect(try inspect(.name("GPIO17"), .pullUp).get().hasSuffix("is high, bias pull-up"))
        #expect(try inspect(.name("GPIO17"), .pullDown).get().hasSuffix("is low, bias pull-down"))
        #expect(try inspect(.name("GPIO17"), .disabled).get().hasSuffix("is low, bias disabled"))
    }

    private func readEdges() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        var lines = lines([pulse(minPulse: .milliseconds(5))])
        _ = lines.open(.now)
        var last = loop.now
        let nothing = lines.next(within: 50)
        #expect(nothing.edges.isEmpty)
        for isHigh in [false, true, false, true] {
            await sleep(30)
            let before = loop.now
            chip.pull(17, up: isHigh)
            let after = loop.now
            let came = lines.next(within: 5000)
            let edge = try #require(came.edges.first)
            #expect(came.edges.count == 1 && came.full.isEmpty)
            #expect(edge.direction == (isHigh ? .rising : .falling))
            #expect(edge.at >= before && edge.at <= after && edge.at > last)
            last = edge.at
        }
        lines.close()
    }

    /// A pulse in progress when the daemon starts counts, unless it ends within the shortest pulse.
    private func countPulseAtOpening() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        for minPulse in [5, 20] {
            for (duration, pulses) in [(100, 1), (2, 0)] as [(Int, Int64)] {
                chip.pull(17, up: false)
                var lines = lines([pulse(.name("GPIO17"), .asIs, minPulse: .milliseconds(minPulse))])
                let open = try #require(lines.open(.now).first).result.get()
                var tally = PulseTally(active: .falling, minPulse: .milliseconds(minPulse), counted: 0)
                guard case .new(let activeSince) = open.beginning else { return }
                tally.begin(isDebounced: open.isDebounced, at: LinePosition(activeSince: activeSince))
                await sleep(duration)
                chip.pull(17, up: true)
                lines.read(into: &tally, pause: 100)
                lines.close()
                // With the kernel's debouncing the line was active when it was requested, so the pulse or its end is certain.
                #expect(tally.reading.counted == (open.isDebounced ? 1 : pulses))
            }
        }
    }

    /// A change of the device node's permissions wakes the reader, but is not the end of the chip.
    private func surviveTouchedNode() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        let readings = await count([pulse()]) {
            chmod(chip.node, 0o660)
            await send(3, chip)
        }
        #expect(readings.map(\.counted) == [3])
        #expect(readings.map(\.problem) == [nil])
    }

    private func noticeRemoval() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        let reports = PulseReports(lines: 1)
        var configuration = Configuration()
        configuration.pulses = [pulse()]
        let counter = PulseCounter(configuration, counted: [:], reports: reports, journal: NoPulseJournal(), log: NoLog())
        let thread = gpioLines([pulse()], store: DescriptorStore())
        let counting = Task { await thread.run(counter) }
        await sleep(100)
        #expect(reports.take().map(\.reading.problem) == [nil])
        let before = loop.now
        chip.unplug()
        let reason = "GPIO17 (line 17 of \(chip.node), pinctrl) is gone: was it unplugged?"
        var problem: String?
        for await _ in reports.rings {
            problem = reports.take().first?.reading.problem
            if problem != nil { break }
        }
        #expect(problem == reason)
        #expect(loop.now - before < .seconds(1))
        await sleep(500)
        #expect(reports.take().map(\.reading.problem) == ["there is no GPIO chip (/dev/gpiochip*)"])
        counting.cancel()
        await counting.value

        let readings = await count([pulse()]) {
            try? chip.plug()
            await sleep(11_000)
            await send(5, chip)
            chip.unplug()
            await sleep(1000)
            try? chip.plug()
            await sleep(11_000)
            await send(7, chip)
        }
        #expect(readings.map(\.counted) == [12])
        #expect(readings.map(\.problem) == [nil])
    }

    /// With contacts that bounce for a millisecond.
    private func countThousandPulses() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17", 27: "GPIO27"])
        let readings = await count([pulse()]) {
            for _ in 0..<1000 {
                for isHigh in [false, true] {
                    for level in [isHigh, !isHigh, isHigh] { chip.pull(17, up: level) }
                    await sleep(30)
                }
            }
        }
        #expect(readings == [reading(1000, readings)])
    }

    private func reading(_ counted: Int64, recovered: Int64 = 0, lost: Int64 = 0, _ readings: [PulseReading]) -> PulseReading {
        var reading = PulseReading()
        reading.counted = counted
        reading.recovered = recovered
        reading.lost = lost
        (reading.lastPulse, reading.pulseBefore) = (readings.first?.lastPulse, readings.first?.pulseBefore)
        return reading
    }

    /// 26 meters at 16 pulses a second each.
    private func takeLinesTogether() async throws {
        let names = Dictionary(uniqueKeysWithValues: (0..<26).map { ($0, "GPIO\($0)") })
        let chip = try SimulatedChip("pinctrl", names: names)
        var requests = 0
        let readings = await count((0..<26).map { pulse(.name("GPIO\($0)")) }) {
            requests = openRequests()
            for _ in 0..<100 {
                for isHigh in [false, true] {
                    for offset in 0..<26 { chip.pull(offset, up: isHigh) }
                    await sleep(31)
                }
            }
        }
        #expect(requests == (Self.isNumbered ? 1 : 26))
        #expect(openRequests() == 0)
        #expect(readings.map(\.counted) == Array(repeating: 100, count: 26))
        #expect(readings.allSatisfy { $0.lost == 0 })
    }

    private func openRequests() -> Int {
        (3..<256).filter { descriptor in
            var target = [CChar](repeating: 0, count: 64)
            let count = readlink("/proc/self/fd/\(descriptor)", &target, target.count)
            let name = String(decoding: target.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            return name == "anon_inode:gpio-line" || name == "anon_inode:gpio-event"
        }.count
    }

    // MARK: Delayed reads

    /// 600 pulses while nobody reads: with libgpiod 2 all of them are counted; with libgpiod 1 it is known that some are missing.
    private func countWhatWaited() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        var lines = lines([pulse()])
        let opening = try #require(lines.open(.now).first)
        try #require(opening.isOpen, "\(opening.problem ?? "")")
        var tally = PulseTally(active: .falling, minPulse: .milliseconds(20), counted: 0)
        tally.begin(isDebounced: opening.isDebounced, at: LinePosition())
        await send(600, chip)
        lines.read(into: &tally, pause: 100)
        lines.close()
        if Self.isNumbered {
            #expect(tally.reading.counted == 600)
            #expect(tally.reading.recovered == 600 - 512)
            #expect(tally.reading.lost == 0)
        } else {
            #expect(tally.reading.counted == 8)
            #expect((592...900).contains(tally.reading.lost))
        }
    }

    /// Too short for the kernel's debouncing, so the missing edges may have been bounce.
    private func boundWhatIsLost() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        var lines = lines([pulse(minPulse: .milliseconds(1))])
        let opening = lines.open(.now)
        #expect(opening.map(\.isDebounced) == [false])
        var tally = PulseTally(active: .falling, minPulse: .milliseconds(1), counted: 0)
        tally.begin(isDebounced: false, at: LinePosition())
        await send(600, chip, length: 2)
        lines.read(into: &tally, pause: 10)
        lines.close()
        #expect(tally.reading.counted == (Self.isNumbered ? 512 : 8))
        #expect(tally.reading.recovered == 0)
        #expect(tally.reading.counted + tally.reading.lost >= 600)
        #expect(tally.reading.counted + tally.reading.lost <= 1300)
    }

    /// The daemon restarts with another configuration, while the line requests stay open.
    private func goOnWithKeptLines() async throws {
        let chip = try SimulatedChip("pinctrl", names: [5: "GPIO5", 17: "GPIO17", 27: "GPIO27"])
        let store = DescriptorStore()
        let both = [pulse(), pulse(.name("GPIO27"))]
        for round in 1...3 {
            let readings = await count(both, store) {
                await send(4, chip)
                await send(2, chip, 27)
            }
            // Three pulses came in between.
            #expect(readings.map(\.counted) == (round == 1 ? [4, 2] : [7, 2]))
            await send(3, chip)
        }
        // A different setting for one of the lines: it is requested again.
        let other = await count([pulse(.name("GPIO17"), .disabled), pulse(.name("GPIO27"))], store) { await send(1, chip) }
        #expect(other.map(\.counted) == [1, 0])
        // An additional line must not cause the others to be released.
        await send(3, chip, 27)
        let wishes = [pulse(.name("GPIO17"), .disabled), pulse(.name("GPIO5")), pulse(.name("GPIO27"))]
        let more = await count(wishes, store) { await send(2, chip, 5) }
        #expect(more.map(\.counted) == [0, 2, 3])
        store.discardRest()
        #expect(openRequests() == 0)
    }

    /// The process was killed in the middle of a pulse; its count is in the journal.
    private func goOnAtTheMark() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        let store = DescriptorStore()
        let journal = Pocket()
        let first = await count([pulse()], store, journal: journal) {
            await send(5, chip)
            chip.pull(17, up: false)
            await sleep(40)
        }
        #expect(first.map(\.counted) == [5])
        // Without edge numbers the beginning of the pulse must be in the mark; with them it is known anyway.
        #expect((journal.mark(of: "")?.position.activeSince != nil) == !Self.isNumbered)
        chip.pull(17, up: true)
        await sleep(30)
        // More than the kernel's queue holds.
        let waiting = Self.isNumbered ? 700 : 3
        await send(waiting, chip)
        let second = await count([pulse()], store, from: 5, journal: journal) { await send(2, chip) }
        #expect(second.map(\.counted) == [Int64(5 + 1 + waiting + 2)])
        #expect(second.map(\.lost) == [0])
        #expect(second.map { $0.recovered > 0 } == [Self.isNumbered])
    }
}

private struct NoLog: Log {
    func write(_ level: LogLevel, _ message: String) {}
}

/// Keeps a single mark for any meter.
private final class Pocket: PulseJournal, PulseJournalPage {
    private let kept = Mutex<PulseMark?>(nil)
    func mark(of meter: String) -> PulseMark? { kept.withLock { $0 } }
    func page(of meter: String) -> any PulseJournalPage { self }
    func note(_ mark: PulseMark) -> Bool {
        kept.withLock { $0 = mark }
        return true
    }
    var obstacle: PortError? { nil }
}

/// Records all edges it receives.
private struct Notes: EdgeReceiver {
    var edges: [Edge] = []
    var full: [Int] = []
    mutating func push(_ edge: Edge, of line: Int) { edges.append(edge) }
    mutating func overflowed(_ line: Int, _ now: Instant) { full.append(line) }
    mutating func lost(_ lines: [Int], _ reason: PortError, _ now: Instant) { Issue.record("\(reason)") }
}

extension GPIOLines {
    fileprivate mutating func next(within milliseconds: Int32) -> Notes {
        var notes = Notes()
        _ = wait(milliseconds: milliseconds, &notes)
        return notes
    }

    /// Reads until nothing arrives for `pause` milliseconds.
    fileprivate mutating func read(into tally: inout PulseTally, pause: Int32) {
        var began = Instant.now
        // A wait may also end early because of the chip's device node.
        while case let came = next(within: pause), !came.edges.isEmpty || Instant.now - began < .milliseconds(Int64(pause)) {
            for edge in came.edges { tally.push(edge) }
            if !came.full.isEmpty { _ = tally.overflowed(now: .now) }
            began = .now
        }
    }
}

extension LineOpening {
    fileprivate var isOpen: Bool { problem == nil }
    fileprivate var isDebounced: Bool { if case .success(let line) = result { line.isDebounced } else { false } }
    fileprivate var problem: String? { if case .failure(let error) = result { error.description } else { nil } }
}

/// A chip of 32 lines, simulated by the kernel's gpio-sim.
private final class SimulatedChip {
    private let folder: String
    private let names: [Int: String]
    private(set) var node = ""
    private var lines = ""

    init(_ label: String, names: [Int: String]) throws {
        folder = "/sys/kernel/config/gpio-sim/\(label)"
        self.names = names
        try #require(mkdir(folder, 0o755) == 0)
        try #require(mkdir("\(folder)/bank", 0o755) == 0)
        write(label, to: "\(folder)/bank/label")
        write("32", to: "\(folder)/bank/num_lines")
        for (offset, name) in names {
            try #require(mkdir("\(folder)/bank/line\(offset)", 0o755) == 0)
            write(name, to: "\(folder)/bank/line\(offset)/name")
        }
        try plug()
    }

    deinit {
        unplug()
        for offset in names.keys { rmdir("\(folder)/bank/line\(offset)") }
        rmdir("\(folder)/bank")
        rmdir(folder)
    }

    func plug() throws {
        write("1", to: "\(folder)/live")
        let chip = try #require(word("\(folder)/bank/chip_name"))
        let device = try #require(word("\(folder)/dev_name"))
        node = "/dev/\(chip)"
        lines = "/sys/devices/platform/\(device)/\(chip)"
        try #require(access(node, F_OK) == 0)
    }

    func unplug() { write("0", to: "\(folder)/live") }

    func pull(_ offset: Int, up: Bool) { write(up ? "pull-up" : "pull-down", to: "\(lines)/sim_gpio\(offset)/pull") }

    private func write(_ text: String, to path: String) {
        let descriptor = open(path, O_WRONLY)
        defer { close(descriptor) }
        // Writing to an unplugged chip fails, which is ignored.
        _ = Glibc.write(descriptor, text, text.utf8.count)
    }

    private func word(_ path: String) -> String? {
        guard case .success(let bytes) = readBounded(path, limit: 4096) else { return nil }
        return String(decoding: bytes.prefix { $0 > 0x20 }, as: UTF8.self)
    }
}
