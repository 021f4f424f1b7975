import Metering

/// Keeps the totals of the pulse meters across restarts and power cuts.
package protocol TotalStore: Sendable {
    func load(_ meter: String) async -> StoredTotal
    func save(_ meter: String, _ total: PulseTotal) async throws(PortError)
}
