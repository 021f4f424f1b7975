import Glibc
import LinuxIO
import MeterDaemon
import Metering
import Testing

private func total(_ pulses: Int64) -> PulseTotal { PulseTotal(pulses: pulses, base: Quantity(8000), pulsesPerUnit: Quantity(1000)) }

private func write(_ bytes: [UInt8], to path: String) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    _ = Glibc.write(descriptor, bytes, bytes.count)
    close(descriptor)
}

@Suite struct TotalFilesTests {
    private let directory: String
    private let loop = EventLoop()
    private let files: TotalFiles

    init() throws {
        directory = try makeTemporaryDirectory("jouled-test")
        loop.startThread(named: "storage")
        files = TotalFiles(directory: directory, journal: NoPulseJournal(), loop: loop)
    }

    @Test func keepsATotal() async throws {
        #expect(await files.load("heat") == .new)
        try await files.save("heat", total(5))
        #expect(await files.load("heat") == .total(total(5)))
        try await files.save("heat", total(6))
        #expect(await files.load("heat") == .total(total(6)))
        #expect(await files.load("washer") == .new)
        removeDirectory(directory)
    }

    @Test func fallsBackToTheOneBefore() async throws {
        try await files.save("heat", total(5))
        try await files.save("heat", total(6))
        for damage in [[], [UInt8](repeating: 0, count: 90), Array("jouled total 1\npulses 6".utf8)] {
            write(damage, to: directory + "/heat.total")
            #expect(await files.load("heat") == .total(total(5)))
        }
        unlink(directory + "/heat.total")
        #expect(await files.load("heat") == .total(total(5)))
        removeDirectory(directory)
    }

    @Test func whatWasLostIsNeverNew() async throws {
        try await files.save("heat", total(5))
        try await files.save("heat", total(6))
        write([], to: directory + "/heat.total")
        write([1, 2, 3], to: directory + "/heat.total.before")
        guard case .damaged = await files.load("heat") else { return #expect(Bool(false), "a damaged total is damaged") }
        unlink(directory + "/heat.total")
        unlink(directory + "/heat.total.before")
        guard case .damaged(let why) = await files.load("heat") else { return #expect(Bool(false), "a lost total is not a new one") }
        #expect(why.contains("is gone"))
        removeDirectory(directory)
    }

    /// The power may fail between any two steps of a save.
    @Test func halfASaveSpoilsNoLaterOne() async throws {
        try await files.save("heat", total(5))
        for leftover in [".link", ".before"] {
            #expect(link(directory + "/heat.total", directory + "/heat.total" + leftover) == 0)
        }
        try await files.save("heat", total(6))
        try await files.save("heat", total(7))
        write([], to: directory + "/heat.total")
        #expect(await files.load("heat") == .total(total(6)))
        removeDirectory(directory)
    }

    /// Where nothing can be kept, what is not there may have been lost with it: a disk that was not mounted, or is read-only.
    @Test func aDirectoryThatCanNotBeUsedMakesNoNewTotal() async throws {
        guard case .damaged = await TotalFiles(directory: directory + "/missing", journal: NoPulseJournal(), loop: loop).load("heat") else {
            return #expect(Bool(false), "taken for new")
        }
        removeDirectory(directory)
    }

    /// `sudo jouled total` while no daemon runs.
    @Test func whatRootWritesBelongsToTheDaemon() async throws {
        if geteuid() == 0 { chown(directory, 1, 1) }
        try await files.save("heat", total(5))
        let held = try StateDirectory(directory)
        #expect(held != nil)
        var owner = stat()
        stat(directory, &owner)
        for name in ["heat.total", "heat.total.known", "lock"] {
            var status = stat()
            #expect(stat(directory + "/" + name, &status) == 0 && status.st_uid == owner.st_uid && status.st_gid == owner.st_gid, "\(name)")
        }
        removeDirectory(directory)
    }

    @Test func saysWhyItCanNotSave() async throws {
        let missing = TotalFiles(directory: directory + "/missing", journal: NoPulseJournal(), loop: loop)
        await #expect(throws: PortError.self) { try await missing.save("heat", total(5)) }
        removeDirectory(directory)
    }
}
