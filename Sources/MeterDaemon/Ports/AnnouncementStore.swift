import Publishing

/// Keeps across restarts what was announced to Home Assistant, so that it can be removed there. If the list is lost, nothing else fails.
package protocol AnnouncementStore: Sendable {
    /// Returns an empty list if nothing was saved.
    func load() async throws(PortError) -> [Announcement]
    func save(_ announcements: [Announcement]) async throws(PortError)
}

/// A store that keeps nothing.
package struct NoAnnouncementStore: AnnouncementStore {
    package init() {}
    package func load() async throws(PortError) -> [Announcement] { [] }
    package func save(_ announcements: [Announcement]) async throws(PortError) {}
}
