import Glibc
import MeterDaemon
import MeterProtocols
import Metering

/// The totals as files in the state directory, one for each meter, with the one before beside it. A thread of its own writes them: a disk
/// may take its time.
package actor TotalFiles: TotalStore {
    private nonisolated let loop: EventLoop
    let directory: String
    private let journal: any PulseJournal
    let ram: RunFolder?
    /// Of the directory that this began with. As long as it is open no other one has its number.
    private var held: Int32 = -1
    /// What was saved last, by its path: that need not be understood to be known as whole.
    private var saved: [String: [UInt8]] = [:]

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// `journal`: has counted on since the files were written, unless the power was cut; `ram`: knows what was read since.
    package init(directory: String, journal: any PulseJournal, ram: RunFolder? = nil, loop: EventLoop) {
        self.directory = directory
        self.journal = journal
        self.ram = ram
        self.loop = loop
    }

    deinit { if held >= 0 { close(held) } }

    /// The newest file that is whole. A damaged or missing file of a meter that was saved before is never taken for a new meter.
    package func load(_ meter: String) async -> StoredTotal {
        _ = isSameDirectory()
        var damage: String?
        let (newest, before) = (path(meter), path(meter) + ".before")
        for path in [newest, before] {
            switch readBounded(path, limit: TotalRecord.limit) {
            case .success(let bytes):
                guard let saved = TotalRecord.parse(bytes) else {
                    damage = damage ?? "\(path) is damaged"
                    continue
                }
                let total = counted(on: saved, meter)
                return path == newest ? .total(total) : .older(total, damage ?? gone(meter))
            case .failure(let error):
                if error.code != ENOENT { damage = damage ?? error.description }
            }
        }
        if let damage { return .damaged(damage) }
        // Of a disk that is not there, or has become read-only, nobody knows what was on it.
        guard access(directory, R_OK | W_OK | X_OK) == 0 else { return .damaged(SystemError(directory, errno).description) }
        // An empty mark stays behind when a file that was there is lost.
        if access(path(meter) + ".known", F_OK) == 0 { return .damaged(gone(meter)) }
        journal.begin(meter, counted: 0)
        return .new
    }

    private func counted(on total: PulseTotal, _ meter: String) -> PulseTotal {
        var total = total
        total.pulses = max(total.pulses, journal.mark(of: meter)?.pulses ?? 0)
        return total
    }

    package func save(_ meter: String, _ total: PulseTotal) async throws(PortError) {
        let path = path(meter)
        try requireSameDirectory()
        do throws(SystemError) {
            let text = Array(TotalRecord.text(of: total).utf8)
            try write(text, to: path + ".new")
            // The last good one stays readable whenever the power fails. What a save that was cut short left behind goes.
            if isWhole(path) {
                unlink(path + ".link")
                if link(path, path + ".link") == 0 { try rename(path + ".link", to: path + ".before") }
            }
            try rename(path + ".new", to: path)
            saved[path] = text
            if access(path + ".known", F_OK) != 0 { try write([], to: path + ".known") }
            try syncDirectory()
        } catch {
            throw PortError(error.description)
        }
    }

    /// Somebody removed it, and may have set totals in a new one.
    func requireSameDirectory() throws(PortError) {
        guard isSameDirectory() else { throw PortError("\(directory) is not the directory that jouled began with: start jouled again") }
    }

    private func isWhole(_ path: String) -> Bool {
        guard case .success(let bytes) = readBounded(path, limit: TotalRecord.limit) else { return false }
        return bytes == saved[path] || TotalRecord.parse(bytes) != nil
    }

    /// Holds the first one. True also where there is none: then a save says so itself.
    private func isSameDirectory() -> Bool {
        if held < 0 { held = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        var (first, now) = (stat(), stat())
        guard held >= 0, fstat(held, &first) == 0, stat(directory, &now) == 0 else { return true }
        return first.st_ino == now.st_ino && first.st_dev == now.st_dev
    }

    private func gone(_ meter: String) -> String { "\(path(meter)) is gone" }

    private func path(_ meter: String) -> String { directory + "/" + meter + ".total" }

    nonisolated func write(_ bytes: [UInt8], to path: String) throws(SystemError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw SystemError("open \(path)", errno) }
        defer { close(descriptor) }
        giveToOwner(of: directory, descriptor)
        let count = Glibc.write(descriptor, bytes, bytes.count)
        guard count == bytes.count else { throw SystemError("write \(path)", count < 0 ? errno : ENOSPC) }
        guard fsync(descriptor) == 0 else { throw SystemError("fsync \(path)", errno) }
    }

    nonisolated func rename(_ from: String, to: String) throws(SystemError) {
        guard Glibc.rename(from, to) == 0 else { throw SystemError("rename \(from)", errno) }
    }

    private func syncDirectory() throws(SystemError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("open \(directory)", errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SystemError("fsync \(directory)", errno) }
    }
}
