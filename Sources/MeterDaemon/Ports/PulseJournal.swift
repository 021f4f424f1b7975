import MeterProtocols

/// Keeps the counts in RAM that outlives the process, but not a power cut. It is written at every pulse, before the count is reported.
package protocol PulseJournal: Sendable {
    func mark(of meter: String) -> PulseMark?
    /// The page that this meter's marks are written to.
    func page(of meter: String) -> any PulseJournalPage
}

/// Restricted to classes: a call need not inspect the type first, which would cost as much as the rest of the call.
package protocol PulseJournalPage: AnyObject, Sendable {
    /// False if it could not be written; then `obstacle` has the reason.
    @discardableResult
    func note(_ mark: PulseMark) -> Bool
    /// Why the last mark could not be written, or the first one will not be.
    var obstacle: PortError? { get }
}

extension PulseJournal {
    /// Starts with this count: a mark with another count belonged to another total, and is overwritten.
    package func begin(_ meter: String, counted: Int64) {
        guard let mark = mark(of: meter), mark.pulses != counted else { return }
        page(of: meter).note(PulseMark(pulses: counted, request: 0, position: LinePosition()))
    }
}

/// For systems without such RAM.
package final class NoPulseJournal: PulseJournal, PulseJournalPage {
    package init() {}
    package func mark(of meter: String) -> PulseMark? { nil }
    package func page(of meter: String) -> any PulseJournalPage { self }
    package func note(_ mark: PulseMark) -> Bool { true }
    package var obstacle: PortError? { nil }
}
