import MeterProtocols
import Metering

/// Counts the pulses of all lines. It has a thread of its own, and waits for nothing but edges: its reports are cumulative, so that one
/// that is overtaken by the next loses nothing.
package actor PulseCounter {
    /// One line of those that it counts.
    package struct Input: Sendable {
        package var pulse: Configuration.Pulse
        /// Every pulse counted on it before.
        package var counted: Int64
        /// What is reported of it; finished when all is counted.
        package var reports: AsyncStream<PulseReading>.Continuation

        package init(_ pulse: Configuration.Pulse, counted: Int64, reports: AsyncStream<PulseReading>.Continuation) {
            self.pulse = pulse
            self.counted = counted
            self.reports = reports
        }
    }

    private struct Line {
        var name: String
        var reports: AsyncStream<PulseReading>.Continuation
        var tally: PulseTally
        /// 0 while it is not open.
        var request: UInt64 = 0
        /// To report; to note.
        var hasNews = false
        var hasMoved = false
    }

    private nonisolated let executor: any SerialExecutor
    private let lines: any PulseLines
    private let journal: any PulseJournal
    private let clock: any Clockwork
    private let log: any Log
    private var inputs: [Line]

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// A line that was let go for another wish may be held by systemd for a moment.
    private static let firstPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(10)

    package init(
        _ inputs: [Input], lines: any PulseLines, journal: any PulseJournal, executor: any SerialExecutor, clock: any Clockwork,
        log: any Log
    ) {
        self.inputs = inputs.map { input in
            Line(
                name: input.pulse.name, reports: input.reports,
                tally: PulseTally(active: input.pulse.activeEdge, minPulse: input.pulse.minPulse, counted: input.counted))
        }
        self.lines = lines
        self.journal = journal
        self.executor = executor
        self.clock = clock
        self.log = log
    }

    /// Counts until the task is cancelled.
    package func run() async {
        for line in inputs { journal.begin(line.name, counted: line.tally.reading.counted) }
        var pause = Self.firstPause
        var opensAt: Instant? = clock.now
        while true {
            if let due = opensAt, due <= clock.now, !Task.isCancelled {
                for opening in await lines.open() { begin(opening) }
                opensAt = inputs.contains { $0.request == 0 } ? clock.now + pause : nil
                pause = opensAt == nil ? Self.firstPause : min(pause * 2, Self.longestPause)
            }
            switch await lines.next(until: opensAt) {
            case .edges(let edges, let full): count(edges, full)
            case .timedOut: break
            case .closed(let gone, let reason):
                for index in gone { lose(index, reason) }
                opensAt = opensAt ?? clock.now + pause
            case .cancelled:
                await lines.close()
                for line in inputs { line.reports.finish() }
                return
            }
        }
    }

    private func begin(_ opening: LineOpening) {
        let index = opening.line
        switch opening.result {
        case .failure(let error): inputs[index].tally.reading.problem = error.description
        case .success(let line):
            inputs[index].tally.begin(isDebounced: line.isDebounced, at: position(line, inputs[index]))
            inputs[index].request = line.request
            inputs[index].tally.reading.problem = nil
            if let remark = line.remark { log.write(.warning, "\(inputs[index].name): \(remark)") }
        }
        inputs[index].reports.yield(inputs[index].tally.reading)
    }

    /// Where the count stands in the edges of a request. A pulse that was on when the line was taken counts when it ends: whoever had the
    /// line before has not counted it.
    private func position(_ open: OpenLine, _ line: Line) -> LinePosition? {
        if case .new(let activeSince) = open.beginning { return LinePosition(activeSince: activeSince) }
        guard let mark = journal.mark(of: line.name), mark.request == open.request, mark.pulses == line.tally.reading.counted else {
            return nil
        }
        return mark.position
    }

    private func count(_ edges: [LineEdge], _ full: [Int]) {
        for edge in edges {
            let line = inputs[edge.line].tally.reading
            inputs[edge.line].tally.push(edge.edge)
            if inputs[edge.line].tally.isPositionOfEachEdge { inputs[edge.line].hasMoved = true }
            if inputs[edge.line].tally.reading != line { inputs[edge.line].hasNews = true }
        }
        for index in full {
            let bound = inputs[index].tally.overflowed(now: clock.now)
            guard bound > 0 else { continue }
            inputs[index].hasNews = true
            log.write(.warning, "\(inputs[index].name): the kernel's queue was full: up to \(bound) pulses are lost")
        }
        for index in inputs.indices where inputs[index].hasNews || inputs[index].hasMoved { tell(index) }
    }

    /// The journal first: what is published was never more than the next process will know.
    private func tell(_ index: Int) {
        let line = inputs[index]
        journal.note(PulseMark(pulses: line.tally.reading.counted, request: line.request, position: line.tally.position), of: line.name)
        if line.hasNews { line.reports.yield(line.tally.reading) }
        inputs[index].hasNews = false
        inputs[index].hasMoved = false
    }

    private func lose(_ index: Int, _ reason: PortError) {
        inputs[index].request = 0
        inputs[index].tally.reading.problem = reason.description
        inputs[index].reports.yield(inputs[index].tally.reading)
    }
}
