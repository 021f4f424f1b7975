import Metering

/// Keeps the last known totals of the optical meters across restarts. If they are lost, the next reading can't be checked against them, but
/// no total is lost.
package protocol MeterMemoryStore: Sendable {
    /// Returns an empty memory if nothing was saved.
    func recall(_ meter: String) async -> MeterMemory
    func remember(_ meter: String, _ memory: MeterMemory) async throws(PortError)
    /// Stores the memory at once, in RAM that outlives the process. `recall` prefers it, if a memory was also saved with `remember`.
    func note(_ meter: String, _ memory: MeterMemory)
}

/// A store that keeps nothing.
package struct NoMeterMemory: MeterMemoryStore {
    package init() {}
    package func recall(_ meter: String) async -> MeterMemory { MeterMemory() }
    package func remember(_ meter: String, _ memory: MeterMemory) async throws(PortError) {}
    package func note(_ meter: String, _ memory: MeterMemory) {}
}
