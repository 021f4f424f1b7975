import MeterProtocols
import Metering

/// Counts the pulses of all lines. A value that is told what came and what time it is; who waits for edges, on which thread, is the affair of
/// `PulseLines`.
///
/// What is counted goes into the journal, and only then to the aggregator: what is published was never more than the next process will know.
package struct PulseCounter: EdgeReceiver, Sendable {
    private struct Line: Sendable {
        let name: String
        let page: any PulseJournalPage
        var tally: PulseTally
        var pace: ReportPace
        /// 0 while it is not open.
        var request: UInt64 = 0
        /// To note; to report.
        var hasMoved = false
        var hasNews = false

        mutating func push(_ edge: Edge, isListenedTo: Bool) {
            switch tally.push(edge) {
            case .pulse:
                pace.count(at: edge.at, isListenedTo: isListenedTo)
                hasNews = true
                hasMoved = true
            case .more:
                pace.hurry()
                hasNews = true
                hasMoved = true
            case .hum: hasMoved = true
            case .nothing:
                if tally.isPositionOfEachEdge { hasMoved = true }
            }
        }

        /// Says whether somebody should be woken for it.
        mutating func settle(_ now: Instant, _ index: Int, _ reports: PulseReports) -> Bool {
            if hasMoved {
                hasMoved = false
                page.note(PulseMark(pulses: tally.reading.counted, request: request, position: tally.position))
            }
            if hasNews {
                hasNews = false
                reports.put(tally.reading, of: index)
            }
            guard pace.isDue(now) else { return false }
            pace.reported(now)
            return true
        }
    }

    private var lines: [Line]
    private let reports: PulseReports
    private let journal: any PulseJournal
    private let log: any Log
    private var pause = Self.firstPause
    /// When lines are to be opened; `nil` while all are open.
    package private(set) var opensAt: Instant? = .distantPast

    /// A line that was let go for another wish may be held by systemd for a moment.
    private static let firstPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(10)
    /// Who listens sees nothing that is older.
    private static let longestSilence = Duration.seconds(1)

    /// `counted`: every pulse of each line before, by its name.
    package init(
        _ configuration: Configuration, counted: [String: Int64], reports: PulseReports, journal: any PulseJournal, log: any Log
    ) {
        lines = configuration.pulses.map { pulse in
            let counted = counted[pulse.name] ?? 0
            journal.begin(pulse.name, counted: counted)
            return Line(
                name: pulse.name, page: journal.page(of: pulse.name),
                tally: PulseTally(active: pulse.activeEdge, minPulse: pulse.minPulse, counted: counted),
                pace: ReportPace(
                    listenedEvery: min(pulse.publishEvery, Self.longestSilence), keptEvery: configuration.state.saveEvery))
        }
        self.reports = reports
        self.journal = journal
        self.log = log
    }

    // MARK: Lines come and go

    /// What can't be had is asked for again at `opensAt`.
    package mutating func opened(_ openings: [LineOpening], _ now: Instant) {
        for opening in openings { begin(opening) }
        opensAt = lines.contains { $0.request == 0 } ? now + pause : nil
        pause = opensAt == nil ? Self.firstPause : min(pause * 2, Self.longestPause)
        settle(now)
    }

    private mutating func begin(_ opening: LineOpening) {
        let index = opening.line
        switch opening.result {
        case .failure(let error): lines[index].tally.reading.problem = error.description
        case .success(let line):
            lines[index].tally.begin(isDebounced: line.isDebounced, at: position(line, lines[index]))
            lines[index].request = line.request
            lines[index].tally.reading.problem = nil
            if let remark = line.remark { log.write(.warning, "\(lines[index].name): \(remark)") }
        }
        tellAtOnce(index)
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

    package mutating func lost(_ gone: [Int], _ reason: PortError, _ now: Instant) {
        for index in gone {
            lines[index].request = 0
            lines[index].tally.reading.problem = reason.description
            tellAtOnce(index)
        }
        opensAt = opensAt ?? now + pause
    }

    private mutating func tellAtOnce(_ index: Int) {
        lines[index].hasNews = true
        lines[index].pace.hurry()
    }

    // MARK: Counting

    /// When all that came at once is pushed, it is settled.
    package mutating func push(_ edge: Edge, of index: Int) { lines[index].push(edge, isListenedTo: reports.hasListener) }

    package mutating func overflowed(_ index: Int, _ now: Instant) {
        let bound = lines[index].tally.overflowed(now: now)
        guard bound > 0 else { return }
        tellAtOnce(index)
        log.write(.warning, "\(lines[index].name): the kernel's queue was full: up to \(bound) pulses are lost")
    }

    /// The journal first. Says when it wants to be settled again, or have lines opened, though nothing came: `deadline`.
    @discardableResult
    package mutating func settle(_ now: Instant) -> Instant {
        var isToRing = false
        var earliest = opensAt ?? .distantFuture
        for index in lines.indices {
            if lines[index].settle(now, index, reports) { isToRing = true }
            earliest = min(earliest, lines[index].pace.due)
        }
        if isToRing { reports.ring() }
        return earliest
    }

    /// In the distant future when it waits for nothing but edges.
    package var deadline: Instant { lines.indices.reduce(opensAt ?? .distantFuture) { min($0, lines[$1].pace.due) } }

    /// Nothing more will come.
    package mutating func finish(_ now: Instant) {
        settle(now)
        reports.ring()
        reports.finish()
    }
}
