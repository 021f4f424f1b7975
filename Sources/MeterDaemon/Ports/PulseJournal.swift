import MeterProtocols

/// Keeps what was counted in RAM that outlives the process, though no power cut. It is written at every pulse, before anybody hears of it.
package protocol PulseJournal: Sendable {
    func mark(of meter: String) -> PulseMark?
    func note(_ mark: PulseMark, of meter: String)
}

/// Where there is no such RAM.
package struct NoPulseJournal: PulseJournal {
    package init() {}
    package func mark(of meter: String) -> PulseMark? { nil }
    package func note(_ mark: PulseMark, of meter: String) {}
}
