import Metering

/// Receives the state: to publish it, or to keep it across restarts.
package protocol Sink: Sendable {
    /// Which changes it receives.
    static var interest: SinkInterest { get }

    /// Processes the newest state until there is no more, then sends or saves the last one.
    func run(_ snapshots: Newest<Snapshot>) async
}

package enum SinkInterest: Sendable {
    case everything
    /// The totals of pulse meters, but not every pulse: a sink that needs the newest total asks for it.
    case pulseTotals
    /// What is remembered of optical meters.
    case meterMemory

    func includes(_ new: Snapshot, after old: Snapshot) -> Bool {
        switch self {
        case .everything: true
        case .pulseTotals: !new.hasTotals(of: old)
        case .meterMemory: new.memoryRevision != old.memoryRevision
        }
    }
}
