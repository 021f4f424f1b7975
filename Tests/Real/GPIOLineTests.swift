import Glibc
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Testing

/// The real adapter on simulated lines: `Tests/Real/gpio-test` runs this in the lab.
@Suite(.serialized) struct GPIOLineTests {
    enum Trial: CaseIterable {
        case nameOnAnyChip, chipAndOffset, edgesWithKernelTime, bias, takenLine, missingLines, nameOnTwoChips, noPermission
        case pulseAtOpening, stalledReader, touchedNode, removedChip, thousandPulses
    }

    private let loop: EventLoop

    init() {
        loop = EventLoop()
        loop.startThread(named: "pulses")
    }

    @Test("GPIO lines, by Tests/Real/gpio-test", .enabled(if: getenv("GPIO_LAB") != nil), arguments: Trial.allCases)
    func inTheLab(trial: Trial) async throws {
        switch trial {
        case .nameOnAnyChip: try findNameOnAnyChip()
        case .chipAndOffset: try findChipAndOffset()
        case .edgesWithKernelTime: try await readEdges()
        case .bias: try setBias()
        case .takenLine: try await refuseTakenLine()
        case .missingLines: try refuseMissingLines()
        case .nameOnTwoChips: try refuseNameOnTwoChips()
        case .noPermission: try sayWhichGroup()
        case .pulseAtOpening: try await countPulseAtOpening()
        case .stalledReader: try await countWhatIsLost()
        case .touchedNode: try await surviveTouchedNode()
        case .removedChip: try await noticeRemoval()
        case .thousandPulses: try await countThousandPulses()
        }
    }

    private func line(_ line: Configuration.Pulse.Line, _ bias: Configuration.Pulse.Bias = .pullUp) -> GPIOLine {
        var pulse = Configuration.Pulse(name: "heatpump", title: "Heat pump", line: line)
        pulse.bias = bias
        return GPIOLine(pulse, loop: loop)
    }

    private func refusal(_ wish: Configuration.Pulse.Line) -> String? {
        if case .failure(let error) = line(wish).inspect() { error.description } else { nil }
    }

    private func soon(_ seconds: Int = 5) -> Instant { loop.now + .seconds(seconds) }

    // MARK: Finding

    private func findNameOnAnyChip() throws {
        let first = try SimulatedChip("first", names: [17: "GPIO17"])
        let second = try SimulatedChip("second", names: [3: "METER"])
        let found = try line(.name("METER")).inspect().get()
        #expect(found == "METER (line 3 of \(second.node), second) is high, bias pull-up")
        #expect(try line(.name("GPIO17")).inspect().get().contains("line 17 of \(first.node)"))
    }

    private func findChipAndOffset() throws {
        let chip = try SimulatedChip("pinctrl", names: [:])
        for name in [chip.node, "pinctrl", String(chip.node.dropFirst(5))] {
            let found = try line(.offset(5, chip: name), .pullDown).inspect().get()
            #expect(found == "line 5 of \(chip.node) (pinctrl) is low, bias pull-down")
        }
    }

    private func refuseMissingLines() throws {
        #expect(refusal(.name("GPIO17")) == "no GPIO chip is here (/dev/gpiochip*)")
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        #expect(refusal(.name("GPIO18")) == "no line is named GPIO18: gpioinfo shows the names")
        #expect(refusal(.offset(1, chip: "rp1")) == "no chip is named rp1: gpiodetect shows the names")
        #expect(refusal(.offset(1, chip: "/dev/gpiochip99")) == "/dev/gpiochip99 is not there: gpiodetect shows the chips")
        #expect(refusal(.offset(1, chip: "/dev/null")) == "/dev/null is no GPIO chip")
        #expect(refusal(.offset(32, chip: chip.node)) == "\(chip.node) (pinctrl) has 32 lines, counted from 0: there is no line 32")
    }

    private func refuseNameOnTwoChips() throws {
        let first = try SimulatedChip("first", names: [17: "GPIO17"])
        let second = try SimulatedChip("second", names: [4: "GPIO17"])
        // A Pi 5 has one chip under two names.
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
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        let connection = try await line(.name("GPIO17")).open()
        #expect(refusal(.name("GPIO17")) == "GPIO17 (line 17 of \(chip.node), pinctrl) is in use by jouled")
        await connection.close()
        #expect(refusal(.name("GPIO17")) == nil)
    }

    // MARK: Reading

    private func setBias() throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        chip.pull(17, up: false)
        #expect(try line(.name("GPIO17"), .asIs).inspect().get().hasSuffix("is low, bias as-is"))
        #expect(try line(.name("GPIO17"), .pullUp).inspect().get().hasSuffix("is high, bias pull-up"))
        #expect(try line(.name("GPIO17"), .pullDown).inspect().get().hasSuffix("is low, bias pull-down"))
        #expect(try line(.name("GPIO17"), .disabled).inspect().get().hasSuffix("is low, bias disabled"))
    }

    private func readEdges() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        let connection = try await line(.name("GPIO17")).open()
        var last = loop.now
        #expect(await connection.next(until: last + .milliseconds(50)) == .timedOut)
        for isHigh in [false, true, false, true] {
            await loop.sleep(until: loop.now + .milliseconds(30))
            let before = loop.now
            chip.pull(17, up: isHigh)
            let after = loop.now
            guard case .edges(let edges, lost: 0) = await connection.next(until: soon()), let edge = edges.first else {
                Issue.record("no edge")
                return
            }
            #expect(edges.count == 1)
            #expect(edge.direction == (isHigh ? .rising : .falling))
            #expect(edge.at >= before && edge.at <= after && edge.at > last)
            last = edge.at
        }
        await connection.close()
    }

    /// The one that was on while the daemon was started again; what is over within the shortest pulse is none.
    private func countPulseAtOpening() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        for (duration, pulses) in [(50, 1), (5, 0)] {
            chip.pull(17, up: false)
            let connection = try await line(.name("GPIO17"), .asIs).open()
            async let counted = count(connection)
            await loop.sleep(until: loop.now + .milliseconds(duration))
            chip.pull(17, up: true)
            #expect(await counted == pulses)
            await connection.close()
        }
    }

    /// 600 pulses while nobody reads: libgpiod 2 says exactly how many edges it lost, libgpiod 1 that it did.
    private func countWhatIsLost() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        let connection = try await line(.name("GPIO17")).open()
        for _ in 0..<600 {
            for isHigh in [false, true] {
                chip.pull(17, up: isHigh)
                await loop.sleep(until: loop.now + .milliseconds(1))
            }
        }
        let stalled = await read(connection)
        if GPIOLine.library.hasPrefix("libgpiod 1.") {
            #expect(stalled.edges == 16)
            #expect(stalled.lost == 1)
        } else {
            #expect(stalled.edges == 1024)
            #expect(stalled.lost == 1200 - 1024)
        }
        chip.pull(17, up: false)
        let next = await read(connection)
        #expect(next.edges == 1)
        #expect(next.lost == 0)
        await connection.close()
    }

    private func read(_ connection: any PulseConnection) async -> (edges: Int, lost: Int) {
        var sum = (edges: 0, lost: 0)
        while case .edges(let edges, let lost) = await connection.next(until: loop.now + .milliseconds(100)) {
            #expect(edges.count <= 1024)
            sum.edges += edges.count
            sum.lost += lost
        }
        return sum
    }

    /// Changed rights of the device node wake the reader, and are no end.
    private func surviveTouchedNode() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        let connection = try await line(.name("GPIO17")).open()
        try #require(chmod(chip.node, 0o660) == 0)
        #expect(await connection.next(until: loop.now + .milliseconds(50)) == .timedOut)
        chip.pull(17, up: false)
        #expect(await read(connection).edges == 1)
        await connection.close()
    }

    private func noticeRemoval() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17"])
        let line = line(.name("GPIO17"))
        let place = "GPIO17 (line 17 of \(chip.node), pinctrl)"
        let connection = try await line.open()
        async let end = connection.next(until: soon(60))
        await loop.sleep(until: loop.now + .milliseconds(100))
        let before = loop.now
        chip.unplug()
        let gone = PulseEvent.closed(PortError("\(place) is gone: was it unplugged?"))
        #expect(await end == gone)
        #expect(loop.now - before < .seconds(1))
        #expect(await connection.next(until: soon()) == gone)
        await connection.close()
        #expect(refusal(.name("GPIO17")) == "no GPIO chip is here (/dev/gpiochip*)")

        try chip.plug()
        let again = try await line.open()
        chip.pull(17, up: false)
        #expect(await read(again).edges == 1)
        await again.close()
    }

    private func countThousandPulses() async throws {
        let chip = try SimulatedChip("pinctrl", names: [17: "GPIO17", 27: "GPIO27"])
        let connection = try await line(.name("GPIO17")).open()
        async let pulses = count(connection)
        let pace = EventLoop()
        pace.startThread(named: "pace")
        var due = pace.now
        for _ in 0..<1000 {
            for isHigh in [false, true] {
                due = due + .milliseconds(30)
                await pace.sleep(until: due)
                chip.pull(17, up: isHigh)
            }
        }
        #expect(await pulses == 1000)
        pace.stop()
        await connection.close()
    }

    private func count(_ connection: any PulseConnection) async -> Int {
        var filter = PulseFilter(active: .falling, minPulse: .milliseconds(20))
        var pulses = 0
        while case .edges(let edges, let lost) = await connection.next(until: soon(2)) {
            #expect(lost == 0)
            for edge in edges where filter.push(edge) != nil { pulses += 1 }
        }
        #expect(filter.missed == 0)
        return pulses
    }
}

/// A chip of 32 lines that the kernel's gpio-sim plays.
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
        // What is written to an unplugged chip fails.
        _ = Glibc.write(descriptor, text, text.utf8.count)
    }

    private func word(_ path: String) -> String? {
        guard case .success(let bytes) = readBounded(path, limit: 4096) else { return nil }
        return String(decoding: bytes.prefix { $0 > 0x20 }, as: UTF8.self)
    }
}
