import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import VirtualMeters

/// The S0 outputs of virtual meters, in real time.
actor VirtualPulseLines: PulseLines {
    private var meters: [VirtualS0]
    /// The next edge of each; `nil` when nothing is used for ever.
    private var upcoming: [Edge?]
    private var isOpen = false
    private nonisolated let loop: EventLoop

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(_ meters: [VirtualS0], loop: EventLoop) {
        var meters = meters
        upcoming = meters.indices.map { meters[$0].nextEdge() }
        self.meters = meters
        self.loop = loop
    }

    func open() -> [LineOpening] {
        guard !isOpen else { return [] }
        isOpen = true
        return meters.indices.map { index in
            LineOpening(
                line: index, result: .success(OpenLine(request: 1, beginning: .new(activeSince: nil), isDebounced: false)))
        }
    }

    func next(until deadline: Instant?) async -> PulseEvent {
        let first = upcoming.indices.filter { upcoming[$0] != nil }.min { due($0) < due($1) }
        let wake = min(first.map(due) ?? .distantFuture, deadline ?? .distantFuture)
        await loop.sleep(until: wake)
        guard !Task.isCancelled else { return .cancelled }
        guard let first, let edge = upcoming[first], edge.at <= loop.now else { return .timedOut }
        upcoming[first] = meters[first].nextEdge()
        return .edges([LineEdge(line: first, edge)])
    }

    private func due(_ index: Int) -> Instant { upcoming[index]?.at ?? .distantFuture }

    func close() {}
}
