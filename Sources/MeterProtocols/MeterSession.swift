import Metering

/// A meter at the other end of a serial port, from the host's side, as a value: it is told what happened and says what to do.
package protocol MeterSession: Sendable {
    /// When `timedOut` is due.
    var deadline: Instant? { get }
    /// How long bytes may gather before they are asked for.
    var gathering: Duration? { get }
    /// What to send when nobody will read any more.
    var farewell: [UInt8] { get }

    /// The port is open, at 9600 7E1.
    mutating func opened(_ now: Instant) -> [ReadoutSession.Action]
    mutating func received(_ bytes: [UInt8], _ now: Instant) -> [ReadoutSession.Action]
    mutating func timedOut(_ now: Instant) -> [ReadoutSession.Action]
    /// The port is gone.
    mutating func closed() -> [ReadoutSession.Action]
}

/// What reads a meter of this protocol; `nil` finds out.
package func session(for name: MeterProtocol?, plan: ReadoutSession.Plan) -> any MeterSession {
    switch name {
    case nil: AutoSession(plan: plan)
    case .iec62056: ReadoutSession(plan: plan)
    case .d0Push, .sml, .p1: PushSession(name, signsByStatus: plan.signsByStatus, hasFixedSpeed: plan.hasFixedSpeed)
    }
}
