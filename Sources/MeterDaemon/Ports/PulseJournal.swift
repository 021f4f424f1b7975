import MeterProtocols

/// Keeps what was counted in RAM that outlives the process, though no power cut. It is written at every pulse, before anybody hears of it.
package protocol PulseJournal: Sendable {
    func mark(of meter: String) -> PulseMark?
    /// Where the marks of this meter are written.
    func page(of meter: String) -> any PulseJournalPage
}

/// One object, which is called without a look at what it is: that would cost as much as the rest of the call.
package protocol PulseJournalPage: AnyObject, Sendable {
    /// False when it could not be written, and `obstacle` says why.
    @discardableResult
    func note(_ mark: PulseMark) -> Bool
    /// Why the last mark, or the first one to come, can't be written.
    var obstacle: PortError? { get }
}

extension PulseJournal {
    /// From now on this is the count: of another one, which belonged to another total, nothing is left.
    package func begin(_ meter: String, counted: Int64) {
        guard let mark = mark(of: meter), mark.pulses != counted else { return }
        page(of: meter).note(PulseMark(pulses: counted, request: 0, position: LinePosition()))
    }
}

/// Where there is no such RAM.
package final class NoPulseJournal: PulseJournal, PulseJournalPage {
    package init() {}
    package func mark(of meter: String) -> PulseMark? { nil }
    package func page(of meter: String) -> any PulseJournalPage { self }
    package func note(_ mark: PulseMark) -> Bool { true }
    package var obstacle: PortError? { nil }
}
