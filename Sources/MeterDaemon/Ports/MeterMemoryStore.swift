import Metering

/// Keeps what was known of the optical meters' totals over restarts. To lose it costs no total, only what they are checked against.
package protocol MeterMemoryStore: Sendable {
    /// An empty one where nothing is known.
    func recall(_ meter: String) async -> MeterMemory
    func remember(_ meter: String, _ memory: MeterMemory) async throws(PortError)
    /// At once, in RAM that outlives the process: `recall` gives the newest, if there is one that was remembered for longer, too.
    func note(_ meter: String, _ memory: MeterMemory)
}

/// For what never ends, or never began.
package struct NoMeterMemory: MeterMemoryStore {
    package init() {}
    package func recall(_ meter: String) async -> MeterMemory { MeterMemory() }
    package func remember(_ meter: String, _ memory: MeterMemory) async throws(PortError) {}
    package func note(_ meter: String, _ memory: MeterMemory) {}
}
