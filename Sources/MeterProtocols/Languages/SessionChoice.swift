import Metering

/// The session for a meter of this protocol; with `nil`, one that detects it.
package func session(for name: MeterProtocol?, plan: ReadingPlan) -> any MeterSession {
    switch name {
    case nil: AutoSession(plan: plan)
    case .iec62056: ReadoutSession(plan: plan)
    case .d0Push, .sml, .p1: PushSession(name, signsByStatus: plan.signsByStatus, hasFixedSpeed: plan.hasFixedSpeed)
    }
}
