import MeterProtocols
import Metering

/// Counts the pulses of one line. It has a thread of its own, and waits for nothing but edges: its reports are cumulative, so that one
/// that is overtaken by the next loses nothing.
package actor PulseCounter {
    private nonisolated let executor: any SerialExecutor
    private let line: any PulseLine
    private let clock: any Clockwork
    private let reports: AsyncStream<PulseReading>.Continuation
    private let pulse: Configuration.Pulse
    private var reading = PulseReading()

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private static let firstPause = Duration.seconds(1)
    private static let longestPause = Duration.seconds(10)

    /// What it reports goes to `reports`, which it finishes.
    package init(
        _ pulse: Configuration.Pulse, line: any PulseLine, executor: any SerialExecutor, clock: any Clockwork,
        reports: AsyncStream<PulseReading>.Continuation
    ) {
        self.line = line
        self.executor = executor
        self.clock = clock
        self.reports = reports
        self.pulse = pulse
    }

    /// Counts until the task is cancelled.
    package func run() async {
        var pause = Self.firstPause
        while !Task.isCancelled {
            do throws(PortError) {
                let connection = try await line.open()
                pause = Self.firstPause
                report(problem: nil)
                let reason = await count(connection)
                await connection.close()
                if !Task.isCancelled { report(problem: reason.description) }
            } catch {
                report(problem: error.description)
            }
            guard !Task.isCancelled else { break }
            await clock.sleep(until: clock.now + pause)
            pause = min(pause * 2, Self.longestPause)
        }
        reports.finish()
    }

    private func count(_ connection: any PulseConnection) async -> PortError {
        // Anew with each connection: what the line did in between nobody saw.
        var filter = PulseFilter(active: pulse.activeEdge, minPulse: pulse.minPulse)
        while true {
            switch await connection.next(until: nil) {
            case .edges(let edges, let lost):
                let before = reading
                let missed = filter.missed
                for edge in edges {
                    guard let pulse = filter.push(edge) else { continue }
                    reading.counted += 1
                    reading.lastPulse = pulse.at
                }
                reading.lost += Int64(lost) + filter.missed - missed
                if reading != before { reports.yield(reading) }
            case .timedOut: break
            case .closed(let reason): return reason
            }
        }
    }

    private func report(problem: String?) {
        reading.problem = problem
        reports.yield(reading)
    }
}
