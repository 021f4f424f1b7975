import Glibc
import MeterDaemon
import Metering

/// What is known of the optical meters, beside the totals of the pulse meters. There is no older copy: what was lost is learned again.
extension TotalFiles: MeterMemoryStore {
    package func recall(_ meter: String) async -> MeterMemory {
        try? requireSameDirectory()
        guard case .success(let bytes) = readBounded(path(ofMemory: meter), limit: MeterMemoryRecord.limit) else { return MeterMemory() }
        let saved = MeterMemoryRecord.parse(bytes)
        // Without a file what is in RAM belongs to a state that somebody removed.
        guard let path = path(ofNote: meter), case .success(let bytes) = readBounded(path, limit: MeterMemoryRecord.limit) else {
            return saved ?? MeterMemory()
        }
        return MeterMemoryRecord.parse(bytes) ?? saved ?? MeterMemory()
    }

    package func remember(_ meter: String, _ memory: MeterMemory) async throws(PortError) {
        try requireSameDirectory()
        do throws(SystemError) { try write(memory, to: path(ofMemory: meter)) } catch { throw PortError(error.description) }
    }

    package nonisolated func note(_ meter: String, _ memory: MeterMemory) {
        guard let path = path(ofNote: meter) else { return }
        // An older one must not be taken for the newest.
        do throws(SystemError) { try write(memory, to: path) } catch { unlink(path) }
    }

    private nonisolated func write(_ memory: MeterMemory, to path: String) throws(SystemError) {
        try write(Array(MeterMemoryRecord.text(of: memory).utf8), to: path + ".new")
        try rename(path + ".new", to: path)
    }

    private func path(ofMemory meter: String) -> String { directory + "/" + meter + ".meter" }

    private nonisolated func path(ofNote meter: String) -> String? { ram.map { $0.prefix + meter + ".meter" } }
}
