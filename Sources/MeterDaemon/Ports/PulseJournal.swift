import MeterProtocols

/// Keeps the counts in RAM that outlives the process but not a power cut. It is written at every pulse, before the count is reported.
package protocol PulseJournal: Sendable {
    func mark(of meter: String) -> PulseMark?
    /// The page that this meter's marks are written to.
    func page(of meter: String) -> any PulseJournalPage
}

/// Restricted to classes, so that a call need not inspect the type first, which would cost as much as the rest of the call.
package protocol PulseJournalPage: AnyObject, Sendable {
    /// Writes the mark. Returns false if that failed; `obstacle` is then the reason.
    @discardableResult
    func note(_ mark: PulseMark) -> Bool
    /// Why the last mark could not be written or, before the first one, why marks can't be written.
    var obstacle: PortError? { get }
}

extension PulseJournal {
    /// Starts counting at `counted`. A mark with a different count belongs to another total, and is overwritten.
    package func begin(_ meter: String, counted: Int64) {
        guard let mark = mark(of: meter), mark.pulses != counted else { return }
        page(of: meter).note(PulseMark(pulses: counted, request: 0, position: LinePosition()))
    }
}

/// The journal for systems without RAM that outlives the process.
package final class NoPulseJournal: PulseJournal, PulseJournalPage {
    package init() {}
    package func mark(of meter: String) -> PulseMark? { nil }
    package func page(of meter: String) -> any PulseJournalPage { self }
    package func note(_ mark: PulseMark) -> Bool { true }
    package var obstacle: PortError? { nil }
}
