import MeterDaemon
import Metering

struct NoTotalStore: TotalStore {
    func load(_ meter: String) async -> StoredTotal { .new }
    func save(_ meter: String, _ total: PulseTotal) async throws(PortError) {}
}

struct SilentLog: Log {
    func write(_ level: LogLevel, _ message: String) {}
}
