import Metering

/// Collects all readings: an actor around `MeterState` that passes every change to the sinks.
package actor Aggregator {
    private nonisolated let executor: any SerialExecutor
    private let clock: any Clockwork
    private let log: any Log
    private let alarm: any Alarm
    private var state: MeterState
    /// The names of the pulse inputs, by line, and the reports of their counts.
    private let pulses: [String]
    private let reports: PulseReports
    private let memory: any MeterMemoryStore
    private var listeners: [(interest: SinkInterest, snapshots: Newest<Snapshot>)] = []
    /// Whether a listener needs every change, including those caused by time alone.
    private var hasFullListener = false
    /// The snapshot that was passed on last.
    private var lastSnapshot = Snapshot(meters: [])
    private var pace = LogPace()

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package init(
        _ state: MeterState, pulses: [String], _ reports: PulseReports, memory: any MeterMemoryStore = NoMeterMemory(),
        executor: any SerialExecutor, clock: any Clockwork, log: any Log
    ) {
        self.state = state
        self.pulses = pulses
        self.reports = reports
        self.memory = memory
        self.executor = executor
        self.clock = clock
        self.log = log
        alarm = clock.makeAlarm()
    }

    /// Provides the current state and then each newer one. A slow sink skips some states but loses nothing, because totals are absolute.
    package func snapshots(_ interest: SinkInterest = .everything) -> Newest<Snapshot> {
        let snapshots = Newest(state.snapshot)
        listeners.append((interest, snapshots))
        if interest == .everything {
            hasFullListener = true
            reports.gainListener()
            setAlarm(state.deadline)
        }
        return snapshots
    }

    /// What is remembered about the optical meters, by name.
    package var memories: [String: MeterMemory] { state.memories }

    package var snapshot: Snapshot {
        let hasNews = takeReports()
        state.advance(to: clock.now, wall: clock.wall)
        if hasNews { changed() }
        return state.snapshot
    }

    package func change(_ change: @Sendable (inout MeterState, Instant, WallTime) -> Void) {
        takeReports()
        change(&state, clock.now, clock.wall)
        // Stored before it is published: after a crash, the daemon must not start with a lower total than was published.
        if let (meter, known) = state.takeMoved() { memory.note(meter, known) }
        changed()
    }

    /// Sets a total; returns why that failed, or `nil`.
    package func setTotal(_ total: Quantity, of meter: String) -> String? {
        if takeReports() { changed() }
        let refusal = state.setTotal(total, of: meter, wall: clock.wall)
        if refusal == nil {
            log.write(.notice, "\(meter): total set to \(total)")
            changed()
        }
        return refusal
    }

    /// Applies the broker's retained total of a meter whose saved one is missing.
    package func settle(_ total: RememberedTotal, of meter: String) {
        state.settle(total, of: meter, wall: clock.wall)
        if state.snapshot[meter]?.knownTotal != nil {
            switch total {
            case .found(let known): log.write(.notice, "\(meter): no saved total, continuing from the broker's: \(known)")
            default: log.write(.notice, "\(meter): no saved total, counting from 0; set it with: jouled total \(meter) VALUE")
            }
        }
        changed()
    }

    /// Handles changes that time alone causes: a silent meter becomes unavailable, and the power falls while no pulse comes.
    package func run() async {
        while await alarm.goesOff() {
            takeReports()
            state.advance(to: clock.now, wall: clock.wall)
            changed()
        }
    }

    /// Handles the reports of pulses until the stream of reports ends.
    package func listen() async {
        for await _ in reports.rings where takeReports() { changed() }
    }

    /// Applies pending pulse reports, before anything is decided or published.
    @discardableResult
    private func takeReports() -> Bool {
        let reports = reports.take()
        for report in reports { state.record(report.reading, of: pulses[report.line], now: clock.now, wall: clock.wall) }
        return !reports.isEmpty
    }

    /// To be called when no more changes will come: the sinks then publish their farewell.
    package func finish() {
        for listener in listeners { listener.snapshots.finish() }
        listeners = []
        hasFullListener = false
        for line in pace.due(clock.now, isLast: true) { log.write(line.level, line.text) }
    }

    private func changed() {
        // If there is no full listener, the falling power is only computed on request.
        let changes = state.drainChanges(ofPulses: hasFullListener)
        if pace.deadline != nil { for line in pace.due(clock.now) { log.write(line.level, line.text) } }
        // The first two words of a remark such as `grid: energy_import went from …` are its kind for `LogPace`.
        for remark in changes.remarks { say(.warning, remark, of: remark.split(separator: " ").prefix(2).joined(separator: " ")) }
        let (before, snapshot) = (lastSnapshot, changes.snapshot)
        lastSnapshot = snapshot
        logProblems(of: snapshot, before)
        setAlarm(changes.deadline)
        for listener in listeners where listener.interest.includes(snapshot, after: before) { listener.snapshots.put(snapshot) }
    }

    private func logProblems(of snapshot: Snapshot, _ before: Snapshot) {
        for (index, new) in snapshot.shared.enumerated() {
            // Usually both snapshots contain the same meters in the same order, so compare by index.
            let old = index < before.shared.count ? before.shared[index] : nil
            guard new !== old else { continue }
            let (name, problem) = (new.meter.name, new.meter.problem)
            guard problem != (old?.meter.name == name ? old?.meter.problem : before[name]?.problem) else { continue }
            say(problem == nil ? .notice : .warning, "\(name): \(problem ?? "working again")", of: "problem " + name)
        }
    }

    private func say(_ level: LogLevel, _ text: String, of kind: String) {
        if let line = pace.admit(LogPace.Line(level: level, text: text), of: kind, now: clock.now) { log.write(line.level, line.text) }
    }

    private func setAlarm(_ deadline: Instant?) {
        guard let held = pace.deadline else { return alarm.set(deadline) }
        alarm.set(min(deadline ?? held, held))
    }
}
