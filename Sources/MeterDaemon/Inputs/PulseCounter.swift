import Configuration
import MeterProtocols
import Metering

/// Counts the pulses of all lines. A value that is fed events and the time; `PulseLines` decides how and on which thread to wait for edges.
///
/// A count is written to the journal before it is reported to the aggregator, so the next process starts with at least the published count.
package struct PulseCounter: EdgeReceiver, Sendable {
    private struct Line: Sendable {
        let name: String
        let page: any PulseJournalPage
        var tally: PulseTally
        var pace: ReportPace
        /// 0 while the line is not open.
        var request: UInt64 = 0
        /// Whether the newest mark is in the journal.
        var isNoted = true

        /// Counts an edge, in the journal first and then in the reports.
        @inline(__always)
        mutating func push(_ edge: Edge, _ index: Int, _ reports: PulseReports) {
            let news = tally.push(edge)
            if case .nothing = news { return }
            let isNoted = page.note(PulseMark(pulses: tally.count.counted, request: request, position: tally.position))
            if isNoted != self.isNoted { note(isNoted, index, reports) }
            switch news {
            case .nothing, .place: return
            case .pulse: pace.count(at: edge.at, isListenedTo: reports.hasListener)
            case .more: pace.hurry()
            }
            reports.put(tally.count, of: index)
        }

        /// Reports that pulses since the last save would be lost if the process were killed, or that this is no longer so.
        @inline(never)
        mutating func note(_ isNoted: Bool, _ index: Int, _ reports: PulseReports) {
            self.isNoted = isNoted
            let obstacle = isNoted ? nil : page.obstacle
            reports.put(
                journalProblem: obstacle.map { "pulses are lost if jouled is killed before the next save: \($0)" }, of: index)
            reports.put(tally.count, of: index)
            pace.hurry()
        }
    }

    private var lines: [Line]
    private let reports: PulseReports
    private let journal: any PulseJournal
    private let log: any Log
    private var pause = Self.firstPause
    /// When to open lines; `nil` while all are open.
    package private(set) var opensAt: Instant? = .distantPast

    /// A line that was released in order to request it with other settings may still be held by systemd for a moment.
    private static let firstPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(10)
    /// The maximum age of the state that a listener sees.
    private static let longestSilence = Duration.seconds(1)

    /// `counted`: how many pulses have been counted so far, by the line's name.
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
        for index in lines.indices where lines[index].page.obstacle != nil { lines[index].note(false, index, reports) }
    }

    // MARK: Opening and losing lines

    /// Handles the results of opening lines. Lines that could not be opened are tried again at `opensAt`.
    package mutating func opened(_ openings: [LineOpening], _ now: Instant) {
        for opening in openings { begin(opening) }
        opensAt = lines.contains { $0.request == 0 } ? now + pause : nil
        pause = opensAt == nil ? Self.firstPause : min(pause * 2, Self.longestPause)
        settle(now)
    }

    private mutating func begin(_ opening: LineOpening) {
        let index = opening.line
        switch opening.result {
        case .failure(let error): tell(error.description, of: index)
        case .success(let line):
            lines[index].tally.begin(isDebounced: line.isDebounced, at: position(line, lines[index]))
            lines[index].request = line.request
            tell(nil, of: index)
            if let remark = line.remark { log.write(.warning, "\(lines[index].name): \(remark)") }
        }
    }

    /// Reports a line's problem (`nil` if it is over) together with its count: a problem alone would not be delivered.
    private mutating func tell(_ problem: String?, of index: Int) {
        reports.put(problem: problem, of: index)
        reports.put(lines[index].tally.count, of: index)
        lines[index].pace.hurry()
    }

    /// The edge up to which the line was counted; `nil` if unknown. A pulse that is already active when a new request begins is counted at
    /// its end, because the previous owner has not counted it.
    private func position(_ open: OpenLine, _ line: Line) -> LinePosition? {
        if case .new(let activeSince) = open.beginning { return LinePosition(activeSince: activeSince) }
        guard let mark = journal.mark(of: line.name), mark.request == open.request, mark.pulses == line.tally.count.counted else {
            return nil
        }
        return mark.position
    }

    package mutating func lost(_ gone: [Int], _ reason: PortError, _ now: Instant) {
        for index in gone {
            lines[index].request = 0
            tell(reason.description, of: index)
        }
        opensAt = opensAt ?? now + pause
    }

    // MARK: Counting

    /// Counts an edge. Once all edges that were read together have been pushed, `settle` must be called.
    package mutating func push(_ edge: Edge, of index: Int) { lines[index].push(edge, index, reports) }

    package mutating func overflowed(_ index: Int, _ now: Instant) {
        let bound = lines[index].tally.overflowed(now: now)
        guard bound > 0 else { return }
        reports.put(lines[index].tally.count, of: index)
        lines[index].pace.hurry()
        log.write(.warning, "\(lines[index].name): the kernel's queue was full: up to \(bound) pulses were lost")
    }

    /// Wakes the aggregator if a report is due. Returns `deadline`: when to call this again or to open lines, even if no edge comes.
    @discardableResult
    package mutating func settle(_ now: Instant) -> Instant {
        let deadline = deadline
        return deadline > now ? deadline : report(now)
    }

    @inline(never)
    private mutating func report(_ now: Instant) -> Instant {
        var isToRing = false
        for index in lines.indices where lines[index].pace.isDue(now) {
            lines[index].pace.reported(now)
            isToRing = true
        }
        if isToRing { reports.ring() }
        return deadline
    }

    /// When a report is due or lines have to be opened; `distantFuture` while only edges are awaited.
    package var deadline: Instant { lines.indices.reduce(opensAt ?? .distantFuture) { min($0, lines[$1].pace.due) } }

    /// No more edges will come.
    package mutating func finish(_ now: Instant) {
        settle(now)
        reports.ring()
        reports.finish()
    }
}
