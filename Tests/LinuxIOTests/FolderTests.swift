import Glibc
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Testing

private func put(_ text: String, into path: String) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    _ = write(descriptor, text, text.utf8.count)
    close(descriptor)
}

private func text(of path: String) -> String? {
    (try? readBounded(path, limit: 4096).get()).map { String(decoding: $0, as: UTF8.self) }
}

/// What the owner of the state directory may put into it while root accesses it.
@Suite(.timeLimit(.minutes(1))) struct FolderTests {
    private static let total = PulseTotal(pulses: 5, base: Quantity(8000), pulsesPerUnit: Quantity(1000))

    /// A state directory, and a file next to it that must not be touched.
    private func withDirectory(_ body: (_ directory: String, _ victim: String) async throws -> Void) async throws {
        let above = try makeTemporaryDirectory("jouled-folder")
        let (directory, victim) = (above + "/state", above + "/victim")
        mkdir(directory, 0o750)
        put("untouched", into: victim)
        var (before, after) = (stat(), stat())
        stat(victim, &before)
        try await body(directory, victim)
        stat(victim, &after)
        #expect(text(of: victim) == "untouched")
        #expect(after.st_uid == before.st_uid && after.st_mode == before.st_mode)
        removeDirectory(directory)
        removeDirectory(above)
    }

    private func files(_ directory: String) -> TotalFiles {
        let loop = EventLoop()
        loop.startThread(named: "storage")
        return TotalFiles(directory: Folder(directory), journal: NoPulseJournal(), loop: loop)
    }

    @Test func aLinkedLockIsNotOpened() async throws {
        try await withDirectory { directory, victim in
            symlink(victim, directory + "/lock")
            #expect { try StateDirectory(Folder(directory)) } throws: { "\($0)" == "\(directory)/lock: is a symbolic link: remove it" }
            #expect(throws: SystemError.self) { try StateDirectory.condition(of: Folder(directory)) }
        }
    }

    @Test func aSaveWritesIntoNoOtherFile() async throws {
        try await withDirectory { directory, victim in
            let files = files(directory)
            for name in ["heat.total.new", "heat.total.link", "heat.total.before", "heat.total", "grid.meter.new", "grid.meter"] {
                symlink(victim, directory + "/" + name)
            }
            #expect(await files.load("heat") == .damaged("\(directory)/heat.total: is a symbolic link: remove it"))
            try await files.save("heat", Self.total)
            #expect(await files.load("heat") == .total(Self.total))
            try await files.remember("grid", MeterMemory(serial: "28342193"))
            #expect(await files.recall("grid") == MeterMemory(serial: "28342193"))
        }
    }

    /// A hard link instead of a symbolic one, on kernels that let everybody create them (`fs.protected_hardlinks`).
    @Test func aSaveWritesIntoNoFileWithAnotherName() async throws {
        try await withDirectory { directory, victim in
            #expect(link(victim, directory + "/heat.total.new") == 0)
            try await files(directory).save("heat", Self.total)
        }
    }

    @Test func theJournalWritesIntoNoOtherFile() async throws {
        try await withDirectory { directory, victim in
            let ram = RunFolder(Folder(directory), state: "/var/lib/jouled")
            var page = PulseMarkFiles(ram).page(of: "heat")
            let name = try #require(namesInDirectory(directory).first)
            let mark = PulseMark(pulses: 1, request: 2, position: LinePosition())
            #expect(page.obstacle == nil && page.note(mark))
            unlink(directory + "/" + name)
            #expect(link(victim, directory + "/" + name) == 0)
            page = PulseMarkFiles(ram).page(of: "heat")
            #expect(page.obstacle == PortError("\(directory)/\(name): is a file with other hard links: remove it"))
            #expect(!page.note(mark))
            unlink(directory + "/" + name)
            symlink(victim, directory + "/" + name)
            page = PulseMarkFiles(ram).page(of: "heat")
            #expect(page.obstacle == PortError("\(directory)/\(name): is a symbolic link: remove it"))
            #expect(!page.note(mark))
            // The first mark detects that the file can be written again, the next one is written.
            unlink(directory + "/" + name)
            page.note(mark)
            #expect(page.note(mark) && page.obstacle == nil)
            #expect(PulseMarkFiles(ram).mark(of: "heat") == mark)
        }
    }

    @Test func aFIFOKeepsNobodyWaiting() async throws {
        try await withDirectory { directory, _ in
            mkfifo(directory + "/lock", 0o660)
            #expect { try StateDirectory(Folder(directory)) } throws: { "\($0)" == "\(directory)/lock: is not a regular file: remove it" }
            mkfifo(directory + "/heat.total", 0o660)
            #expect(await files(directory).load("heat") == .damaged("\(directory)/heat.total: is not a regular file: remove it"))
            try await files(directory).save("heat", Self.total)
            mkfifo(directory + "/announced", 0o660)
            let announcements = AnnouncementFile(directory: Folder(directory), loop: EventLoop.running())
            await #expect(throws: PortError("\(directory)/announced: is not a regular file: remove it")) { try await announcements.load() }
        }
    }

    @Test func whatIsNoSocketIsNotAsked() async throws {
        try await withDirectory { directory, victim in
            symlink(victim, directory + "/control")
            #expect(ControlSocket.ask("total heat", directory: Folder(directory)) == nil)
            #expect(throws: SystemError.self) { try ControlSocket(directory: Folder(directory), loop: EventLoop()) }
            #expect(namesInDirectory(directory) == ["control"])
        }
    }

    @Test(.enabled(if: geteuid() == 0, "it needs two users: root and another"))
    func rootFollowsNobodysLinkToADirectory() async throws {
        try await withDirectory { directory, _ in
            let above = directory.dropping(suffix: "/state")
            symlink("state", above + "/linked")
            try await files(above + "/linked").save("heat", Self.total)
            lchown(above + "/linked", 1, 1)
            await #expect(throws: PortError.self) { try await files(above + "/linked").save("heat", Self.total) }
            unlink(above + "/linked")
            #expect(namesInDirectory(directory) == ["heat.total", "heat.total.known"])
        }
    }

    @Test func aLookChangesNothing() async throws {
        try await withDirectory { directory, _ in
            #expect(try StateDirectory.condition(of: Folder(directory + "/missing")) == .missing)
            #expect(throws: SystemError.self) { try StateDirectory.condition(of: Folder(directory + "/missing/missing")) }
            #expect(try StateDirectory.condition(of: Folder(directory)) == .free)
            #expect(namesInDirectory(directory) == [])
            var held = try StateDirectory(Folder(directory))
            #expect(held != nil)
            #expect(try StateDirectory.condition(of: Folder(directory)) == .held)
            held = nil
            #expect(try StateDirectory.condition(of: Folder(directory)) == .free)
        }
    }
}

extension EventLoop {
    fileprivate static func running() -> EventLoop {
        let loop = EventLoop()
        loop.startThread(named: "storage")
        return loop
    }
}

extension String {
    fileprivate func dropping(suffix: String) -> String { String(dropLast(suffix.count)) }
}
