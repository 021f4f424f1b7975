import Glibc
import MeterDaemon
import Publishing

/// What was announced, as a file in the state directory.
package actor AnnouncementFile: AnnouncementStore {
    private nonisolated let loop: EventLoop
    private let directory: String
    private var path: String { directory + "/announced" }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    package init(directory: String, loop: EventLoop) {
        self.directory = directory
        self.loop = loop
    }

    package func load() async throws(PortError) -> [Announcement] {
        switch readBounded(path, limit: AnnouncementRecord.limit) {
        case .success(let bytes):
            guard let announcements = AnnouncementRecord.parse(bytes) else { throw PortError("\(path) is damaged") }
            return announcements
        case .failure(let error):
            guard error.code == ENOENT else { throw PortError(error.description) }
            return []
        }
    }

    package func save(_ announcements: [Announcement]) async throws(PortError) {
        do throws(SystemError) {
            try replaceFile(path, with: Array(AnnouncementRecord.text(of: announcements).utf8))
        } catch {
            throw PortError(error.description)
        }
    }

    /// Whole, whenever the power fails: the old one, or the new one.
    private func replaceFile(_ path: String, with bytes: [UInt8]) throws(SystemError) {
        let new = path + ".new"
        let descriptor = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw SystemError("open \(new)", errno) }
        defer { close(descriptor) }
        giveToOwner(of: directory, descriptor)
        let count = write(descriptor, bytes, bytes.count)
        guard count == bytes.count else { throw SystemError("write \(new)", count < 0 ? errno : ENOSPC) }
        guard fsync(descriptor) == 0 else { throw SystemError("fsync \(new)", errno) }
        guard rename(new, path) == 0 else { throw SystemError("rename \(new)", errno) }
    }
}
