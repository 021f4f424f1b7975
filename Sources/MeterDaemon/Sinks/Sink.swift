import Metering

/// Receives the state: to publish it, or to keep it across restarts.
package protocol Sink: Sendable {
    /// Which changes it receives.
    static var interest: SinkInterest { get }

    /// Processes the newest state until there is no more, then sends or saves the last one.
    func run(_ snapshots: Newest<Snapshot>) async
}
