import Glibc
import MeterDaemon
import MeterProtocols
import Metering

/// Stores the totals as files in the state directory, one for each meter, with the previous version next to it. They are written on a
/// thread of their own, because a disk may be slow.
package actor TotalFiles: TotalStore {
    private nonisolated let loop: EventLoop
    let folder: Folder
    private let journal: any PulseJournal
    let ram: RunFolder?
    /// The last saved content of each file: a file that is equal to it is intact and need not be parsed.
    private var saved: [String: [UInt8]] = [:]

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// `journal`: has newer counts than the files, unless there was a power cut. `ram`: has newer readings of the optical meters.
    package init(directory folder: Folder, journal: any PulseJournal, ram: RunFolder? = nil, loop: EventLoop) {
        self.folder = folder
        self.journal = journal
        self.ram = ram
        self.loop = loop
    }

    /// Loads the newest intact file. A corrupted or missing file of a meter that was saved before is never taken for a new meter.
    package func load(_ meter: String) async -> StoredTotal {
        var damage: String?
        let (newest, before) = (Self.name(meter), Self.name(meter) + ".before")
        for name in [newest, before] {
            switch folder.read(name, limit: TotalRecord.limit) {
            case .success(let bytes):
                guard let saved = TotalRecord.parse(bytes) else {
                    damage = damage ?? "\(folder.path)/\(name) is damaged"
                    continue
                }
                let total = counted(on: saved, meter)
                return name == newest ? .total(total) : .older(total, damage ?? gone(meter))
            case .failure(let error):
                if error.code != ENOENT { damage = damage ?? error.description }
            }
        }
        if let damage { return .damaged(damage) }
        // Neither file exists. If the disk is missing or has become read-only, that does not mean that the meter is new.
        do throws(SystemError) { try folder.requireAccess() } catch { return .damaged(error.description) }
        // The empty `.known` file is still there when a total's files are lost.
        if folder.isThere(newest + ".known") { return .damaged(gone(meter)) }
        journal.begin(meter, counted: 0)
        return .new
    }

    private func counted(on total: PulseTotal, _ meter: String) -> PulseTotal {
        var total = total
        total.pulses = max(total.pulses, journal.mark(of: meter)?.pulses ?? 0)
        return total
    }

    package func save(_ meter: String, _ total: PulseTotal) async throws(PortError) {
        let name = Self.name(meter)
        try requireSameDirectory()
        do throws(SystemError) {
            let text = Array(TotalRecord.text(of: total).utf8)
            try folder.write(text, as: name + ".new")
            // Keep the last good version as `.before`, so that one is readable whenever the power fails. An existing `.link` file is left
            // over from an interrupted save.
            if isWhole(name) {
                folder.remove(name + ".link")
                if folder.link(name, as: name + ".link") { try folder.rename(name + ".link", to: name + ".before") }
            }
            try folder.rename(name + ".new", to: name)
            saved[name] = text
            if !folder.isThere(name + ".known") { try folder.write([], as: name + ".known") }
            try folder.sync()
        } catch {
            throw PortError(error.description)
        }
    }

    /// Throws if somebody has replaced the directory: totals may have been set in the new directory.
    func requireSameDirectory() throws(PortError) {
        guard !folder.isReplaced else { throw PortError("\(folder.path) was replaced after jouled started: restart jouled") }
    }

    private func isWhole(_ name: String) -> Bool {
        guard case .success(let bytes) = folder.read(name, limit: TotalRecord.limit) else { return false }
        return bytes == saved[name] || TotalRecord.parse(bytes) != nil
    }

    private func gone(_ meter: String) -> String { "\(folder.path)/\(Self.name(meter)) is gone" }

    private static func name(_ meter: String) -> String { meter + ".total" }
}
