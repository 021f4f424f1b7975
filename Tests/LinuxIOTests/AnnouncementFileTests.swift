import Glibc
import LinuxIO
import MeterDaemon
import Publishing
import Testing

@Suite struct AnnouncementFileTests {
    private static let announcements = [
        Announcement(
            meter: "grid", form: .device, topics: Topics(base: "jouled", prefix: "homeassistant"), identifier: "jouled_4711",
            parts: [Announcement.Part(platform: "sensor", key: "power")])
    ]
    private let loop = EventLoop()

    private func inDirectory(_ body: (String, AnnouncementFile) async throws -> Void) async throws {
        loop.startThread(named: "test")
        let directory = try makeTemporaryDirectory("jouled-announced")
        try await body(directory, AnnouncementFile(directory: Folder(directory), loop: loop))
        removeDirectory(directory)
        loop.stop()
    }

    @Test func comesBackAsItWas() async throws {
        try await inDirectory { directory, file in
            #expect(try await file.load() == [])
            try await file.save(Self.announcements)
            #expect(try await AnnouncementFile(directory: Folder(directory), loop: loop).load() == Self.announcements)
            try await file.save([])
            #expect(try await file.load() == [])
            #expect(namesInDirectory(directory) == ["announced"])
        }
    }

    @Test func saysWhatIsWrong() async throws {
        try await inDirectory { directory, file in
            try await file.save(Self.announcements)
            truncate(directory + "/announced", 50)
            await #expect(throws: PortError("\(directory)/announced is damaged")) { try await file.load() }
            // The next save repairs the file.
            try await file.save(Self.announcements)
            #expect(try await file.load() == Self.announcements)
            let missing = AnnouncementFile(directory: Folder(directory + "/missing"), loop: loop)
            #expect(try await missing.load() == [])
            await #expect(throws: PortError.self) { try await missing.save([]) }
        }
    }
}
