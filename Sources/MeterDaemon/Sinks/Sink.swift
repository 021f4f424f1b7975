import Metering

/// Receives the state in order to publish it or to keep it across restarts.
package protocol Sink: Sendable {
    /// Which changes it receives.
    static var interest: SinkInterest { get }

    /// Processes the newest state each time it changes. When no more changes come, sends or saves the last state.
    func run(_ snapshots: Newest<Snapshot>) async
}
