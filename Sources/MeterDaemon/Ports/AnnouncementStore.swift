import Publishing

/// Keeps what was announced to Home Assistant across restarts, so that it can be removed there. If it is lost, only that fails.
package protocol AnnouncementStore: Sendable {
    /// Empty if nothing was saved.
    func load() async throws(PortError) -> [Announcement]
    func save(_ announcements: [Announcement]) async throws(PortError)
}

/// Keeps nothing.
package struct NoAnnouncementStore: AnnouncementStore {
    package init() {}
    package func load() async throws(PortError) -> [Announcement] { [] }
    package func save(_ announcements: [Announcement]) async throws(PortError) {}
}
