import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering

/// Performs the actions of `session` on the port at `path`. Each action is first passed to `goesOn`; the dialogue ends when `goesOn`
/// returns false or `end` is reached.
func converse<Session: MeterSession>(
    _ session: inout Session, at path: String, _ loop: EventLoop, until end: Instant? = nil,
    _ goesOn: (Session, [MeterAction]) -> Bool
) async throws(PortError) {
    let connection = try await serialPort(path, loop: loop).open(LineSettings.opening)
    do throws(PortError) {
        var actions = session.opened(loop.now)
        while goesOn(session, actions), end.map({ loop.now < $0 }) ?? true {
            try await connection.perform(actions)
            if let gathering = session.gathering { await loop.sleep(until: loop.now + gathering) }
            switch await connection.next(until: [session.deadline, end].compactMap { $0 }.min()) {
            case .received(let bytes, let at): actions = session.received(bytes, at)
            case .timedOut: actions = session.timedOut(loop.now)
            case .closed(let error): throw error
            }
        }
    } catch {
        // A meter whose session is left open rejects the next sign-on for up to a minute.
        if error == .cancelled { try? await connection.send(session.farewell) }
        await connection.close()
        throw error
    }
    try? await connection.send(session.farewell)
    await connection.close()
}
