import Glibc
import MeterDaemon
import Metering

/// What is known of the optical meters, beside the totals of the pulse meters. There is no older copy: what was lost is learned again.
extension TotalFiles: MeterMemoryStore {
    package func recall(_ meter: String) async -> MeterMemory {
        try? requireSameDirectory()
        guard case .success(let bytes) = readBounded(path(ofMemory: meter), limit: MeterMemoryRecord.limit) else { return MeterMemory() }
        return MeterMemoryRecord.parse(bytes) ?? MeterMemory()
    }

    package func remember(_ meter: String, _ memory: MeterMemory) async throws(PortError) {
        try requireSameDirectory()
        let path = path(ofMemory: meter)
        do throws(SystemError) {
            try write(Array(MeterMemoryRecord.text(of: memory).utf8), to: path + ".new")
            try rename(path + ".new", to: path)
        } catch {
            throw PortError(error.description)
        }
    }

    private func path(ofMemory meter: String) -> String { directory + "/" + meter + ".meter" }
}
