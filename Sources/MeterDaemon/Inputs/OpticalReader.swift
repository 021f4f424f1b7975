import MeterProtocols
import Metering

/// Executes the actions of a `MeterSession` on a port that may be unplugged and come back. The session conducts the dialogue itself.
package actor OpticalReader {
    private nonisolated let executor: any SerialExecutor
    private let name: String
    private let session: any MeterSession
    private let port: any SerialPort
    private let clock: any Clockwork
    private let aggregator: Aggregator
    private var line = LineSettings.opening
    /// Goes off when everything has to be read again.
    private let rereadAlarm: any Alarm

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Short enough to open an adapter within two seconds after it is plugged in again.
    private static let reopenPause = Duration.seconds(1)

    package init(
        name: String, session: any MeterSession, port: any SerialPort, executor: any SerialExecutor, clock: any Clockwork,
        aggregator: Aggregator
    ) {
        self.name = name
        self.session = session
        self.port = port
        self.executor = executor
        self.clock = clock
        self.aggregator = aggregator
        rereadAlarm = clock.makeAlarm()
    }

    /// Reads until the task is cancelled.
    package func run() async {
        // The session is kept across connections: what it learned about speeds is still true when the adapter is plugged in again.
        var session = session
        while !Task.isCancelled {
            let reason: PortError?
            do throws(PortError) {
                let connection = try await port.open(LineSettings.opening)
                (session, reason) = await converse(session, connection)
                await connection.close()
            } catch {
                reason = error
            }
            for action in session.closed() { await aggregator.note(action, at: line, of: name) }
            guard !Task.isCancelled else { return }
            // After `readAgain`, the pause lets the meter finish its answer: while sending, it would miss the break.
            if let reason { await aggregator.note(.problem(reason.description), at: line, of: name) }
            await clock.sleep(until: clock.now + Self.reopenPause)
        }
    }

    /// Reads everything again, as after a start, including the registers that are otherwise read rarely.
    package nonisolated func readAgain() { rereadAlarm.set(clock.now) }

    /// Talks to the meter until the connection ends. Returns the reason, or `nil` if everything has to be read again.
    private func converse(
        _ session: any MeterSession, _ connection: any SerialConnection
    ) async -> (session: any MeterSession, reason: PortError?) {
        await withTaskGroup(of: (any MeterSession, PortError)?.self) { group in
            group.addTask { await self.follow(session, connection) }
            group.addTask {
                _ = await self.rereadAlarm.goesOff()
                return nil
            }
            var mustReread = false
            var ended = (session, PortError.cancelled)
            for await result in group {
                // The task that ends first cancels the other one.
                group.cancelAll()
                if let result { ended = result } else { mustReread = true }
                if let result, !mustReread { return (result.0, result.1) }
            }
            return (ended.0, Task.isCancelled ? ended.1 : nil)
        }
    }

    private func follow(_ session: any MeterSession, _ connection: any SerialConnection) async -> (any MeterSession, PortError) {
        var session = session
        var actions = session.opened(clock.now)
        line = LineSettings.opening
        while true {
            for case .apply(let settings) in actions { line = settings }
            do throws(PortError) {
                // Most bytes cause no action, and even an empty call switches executors twice.
                if !actions.isEmpty { try await connection.perform(actions) { await aggregator.note($0, at: line, of: name) } }
            } catch {
                return (session, error)
            }
            if let gathering = session.gathering { await clock.sleep(until: clock.now + gathering) }
            switch await connection.next(until: session.deadline) {
            case .received(let bytes, let at): actions = session.received(bytes, at)
            case .timedOut: actions = session.timedOut(clock.now)
            case .closed(let reason):
                // A meter that is left in an open session refuses the next sign-on for up to a minute.
                if Task.isCancelled { try? await connection.send(session.farewell) }
                return (session, reason)
            }
        }
    }
}

extension Aggregator {
    /// Applies an action of a meter's session to its state. `line`: the settings of the port at that time.
    fileprivate func note(_ action: MeterAction, at line: LineSettings, of meter: String) {
        switch action {
        case .send, .apply: break
        case .deliver(let readout):
            change { state, _, wall in
                state.note(language: KnownLanguage(of: readout, at: line.speed), of: meter)
                state.record(readout, of: meter, wall: wall)
            }
        case .noise: change { state, _, wall in state.countError(of: meter, wall: wall) }
        case .problem(let problem): change { state, _, _ in state.note(problem: problem, of: meter) }
        }
    }
}
