import Configuration
import Metering

/// The implementations of everything that the daemon uses outside of its own process.
package struct Surroundings: Sendable {
    /// Runs everything except the counting of pulses.
    package var executor: any SerialExecutor & TaskExecutor
    package var clock: any Clockwork
    package var log: any Log
    package var port: @Sendable (Configuration.Meter) -> any SerialPort
    package var lines: @Sendable ([Configuration.Pulse]) -> any PulseLines
    package var journal: any PulseJournal
    package var broker: (any MessageBroker)?
    package var store: any TotalStore
    package var memory: any MeterMemoryStore
    package var announcements: any AnnouncementStore
    /// Restarts the daemon; `nil` if that is not possible.
    package var restart: (@Sendable () -> Void)?

    package init(
        executor: any SerialExecutor & TaskExecutor, clock: any Clockwork, log: any Log,
        port: @escaping @Sendable (Configuration.Meter) -> any SerialPort,
        lines: @escaping @Sendable ([Configuration.Pulse]) -> any PulseLines, journal: any PulseJournal,
        broker: (any MessageBroker)?, store: any TotalStore, memory: any MeterMemoryStore = NoMeterMemory(),
        announcements: any AnnouncementStore = NoAnnouncementStore(), restart: (@Sendable () -> Void)? = nil
    ) {
        self.executor = executor
        self.clock = clock
        self.log = log
        self.port = port
        self.lines = lines
        self.journal = journal
        self.broker = broker
        self.store = store
        self.memory = memory
        self.announcements = announcements
        self.restart = restart
    }
}
