import Metering

package enum SinkInterest: Sendable {
    case everything
    /// The totals of pulse meters, but not every pulse: a sink that needs the newest total asks for it.
    case pulseTotals
    /// What is remembered about optical meters.
    case meterMemory

    func includes(_ new: Snapshot, after old: Snapshot) -> Bool {
        switch self {
        case .everything: true
        case .pulseTotals: !new.hasTotals(of: old)
        case .meterMemory: new.memoryRevision != old.memoryRevision
        }
    }
}
