import MeterDaemon
import Metering

/// Stores what is remembered about the optical meters, next to the totals of the pulse meters. There is no backup copy, because the next
/// readings replace whatever is lost.
extension TotalFiles: MeterMemoryStore {
    package func recall(_ meter: String) async -> MeterMemory {
        try? requireSameDirectory()
        guard case .success(let bytes) = folder.read(Self.name(meter), limit: MeterMemoryRecord.limit) else { return MeterMemory() }
        var memory = newest(MeterMemoryRecord.parse(bytes), meter)
        memory.language = language(of: meter)
        return memory
    }

    private func newest(_ saved: MeterMemory?, _ meter: String) -> MeterMemory {
        // This is checked after the file: if there is no file, the note in RAM belongs to a state directory that was removed.
        guard let ram, case .success(let bytes) = ram.folder.read(ram.prefix + Self.name(meter), limit: MeterMemoryRecord.limit) else {
            return saved ?? MeterMemory()
        }
        return MeterMemoryRecord.parse(bytes) ?? saved ?? MeterMemory()
    }

    private func language(of meter: String) -> KnownLanguage? {
        guard case .success(let bytes) = folder.read(Self.languageName(meter), limit: KnownLanguageRecord.limit) else { return nil }
        return KnownLanguageRecord.parse(bytes)
    }

    package func remember(_ meter: String, _ memory: MeterMemory) async throws(PortError) {
        try requireSameDirectory()
        do throws(SystemError) {
            try folder.replace(Self.name(meter), with: Self.bytes(memory))
            // It hardly ever changes, so the file is usually left as it is.
            if let language = memory.language, language != self.language(of: meter), let text = KnownLanguageRecord.text(of: language) {
                try folder.replace(Self.languageName(meter), with: Array(text.utf8))
            }
        } catch {
            throw PortError(error.description)
        }
    }

    package nonisolated func note(_ meter: String, _ memory: MeterMemory) {
        guard let ram else { return }
        let name = ram.prefix + Self.name(meter)
        // If writing fails, remove the older note: it must not be taken for the newest.
        do throws(SystemError) { try ram.folder.replace(name, with: Self.bytes(memory)) } catch { ram.folder.remove(name) }
    }

    private static func bytes(_ memory: MeterMemory) -> [UInt8] { Array(MeterMemoryRecord.text(of: memory).utf8) }

    private static func name(_ meter: String) -> String { meter + ".meter" }

    private static func languageName(_ meter: String) -> String { meter + ".language" }
}
