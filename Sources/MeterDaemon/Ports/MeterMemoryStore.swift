import Metering

/// Keeps the last known totals of the optical meters across restarts. If they are lost, no total is, only the check of the next reading.
package protocol MeterMemoryStore: Sendable {
    /// Empty if nothing was saved.
    func recall(_ meter: String) async -> MeterMemory
    func remember(_ meter: String, _ memory: MeterMemory) async throws(PortError)
    /// Stores it at once, in RAM that outlives the process. `recall` prefers it, but only if a memory was also saved with `remember`.
    func note(_ meter: String, _ memory: MeterMemory)
}

/// Keeps nothing.
package struct NoMeterMemory: MeterMemoryStore {
    package init() {}
    package func recall(_ meter: String) async -> MeterMemory { MeterMemory() }
    package func remember(_ meter: String, _ memory: MeterMemory) async throws(PortError) {}
    package func note(_ meter: String, _ memory: MeterMemory) {}
}
