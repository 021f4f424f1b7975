import Metering

/// Receives the state: to publish it, or to keep it over a restart.
package protocol Sink: Sendable {
    /// Which changes it is told of.
    static var interest: SinkInterest { get }

    /// Takes the newest state until there is no more, then says its last words.
    func run(_ snapshots: Newest<Snapshot>) async
}

package enum SinkInterest: Sendable {
    case everything
    /// The totals of pulse meters, and not each pulse: whoever needs the newest asks for it.
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
