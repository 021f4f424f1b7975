import Glibc
import MeterDaemon
import Publishing

/// Stores the announcements as a file in the state directory.
package actor AnnouncementFile: AnnouncementStore {
    private static let name = "announced"

    private nonisolated let loop: EventLoop
    private let folder: Folder

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    package init(directory folder: Folder, loop: EventLoop) {
        self.folder = folder
        self.loop = loop
    }

    package func load() async throws(PortError) -> [Announcement] {
        switch folder.read(Self.name, limit: AnnouncementRecord.limit) {
        case .success(let bytes):
            guard let announcements = AnnouncementRecord.parse(bytes) else { throw PortError("\(folder.path)/\(Self.name) is damaged") }
            return announcements
        case .failure(let error):
            guard error.code == ENOENT else { throw PortError(error.description) }
            return []
        }
    }

    package func save(_ announcements: [Announcement]) async throws(PortError) {
        do throws(SystemError) {
            try folder.replace(Self.name, with: Array(AnnouncementRecord.text(of: announcements).utf8))
        } catch {
            throw PortError(error.description)
        }
    }
}
