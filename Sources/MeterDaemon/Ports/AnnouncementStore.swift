import Publishing

/// Keeps what Home Assistant was told over restarts, so that it can be taken back. Without it nothing is lost but that.
package protocol AnnouncementStore: Sendable {
    /// Nothing where nothing is known.
    func load() async throws(PortError) -> [Announcement]
    func save(_ announcements: [Announcement]) async throws(PortError)
}

/// Where nothing is kept.
package struct NoAnnouncementStore: AnnouncementStore {
    package init() {}
    package func load() async throws(PortError) -> [Announcement] { [] }
    package func save(_ announcements: [Announcement]) async throws(PortError) {}
}
