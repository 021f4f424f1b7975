import Glibc
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Synchronization
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
        files = TotalFiles(directory: Folder(directory), journal: NoPulseJournal(), loop: loop)
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
        for damage in [[], [UInt8](repeating: 0, count: 90), Array("jouled total 2\npulses 6".utf8)] {
            write(damage, to: directory + "/heat.total")
            #expect(await files.load("heat") == .older(total(5), "\(directory)/heat.total is damaged"))
        }
        unlink(directory + "/heat.total")
        #expect(await files.load("heat") == .older(total(5), "\(directory)/heat.total is gone"))
        removeDirectory(directory)
    }

    /// Truncated anywhere, zeroed from anywhere, any bit flipped: the older copy is used if it is intact, otherwise none.
    @Test func noDamageIsATotal() async throws {
        try await files.save("heat", total(5))
        try await files.save("heat", total(6))
        let (newest, before) = (directory + "/heat.total", directory + "/heat.total.before")
        let whole = try readBounded(newest, limit: 2048).get()
        var damages: [[UInt8]] = []
        for index in whole.indices {
            damages.append(Array(whole[..<index]))
            damages.append(whole[..<index] + [UInt8](repeating: 0, count: whole.count - index))
            for bit in 0..<8 {
                damages.append(whole)
                damages[damages.count - 1][index] ^= 1 << bit
            }
        }
        let older = StoredTotal.older(total(5), "\(newest) is damaged")
        for damage in damages {
            write(damage, to: newest)
            #expect(await files.load("heat") == older)
        }
        // A save must not replace the last good copy with the corrupted file.
        #expect(link(newest, newest + ".link") == 0)
        try await files.save("heat", total(7))
        let kept = try readBounded(before, limit: 2048).get()
        #expect(TotalRecord.parse(kept) == total(5))
        damages = stride(from: 0, to: damages.count, by: 7).map { damages[$0] }
        for damage in damages {
            write(damage, to: before)
            #expect(await files.load("heat") == .total(total(7)))
        }
        for damage in damages {
            write(damage, to: newest)
            #expect(await files.load("heat") == .damaged("\(newest) is damaged"))
        }
        unlink(newest)
        unlink(newest + ".known")
        #expect(await files.load("heat") == .damaged("\(before) is damaged"))
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
        #expect(await files.load("heat") == .older(total(6), "\(directory)/heat.total is damaged"))
        removeDirectory(directory)
    }

    /// If nothing can be saved, a missing total may have been lost with the rest: the disk is not mounted, or read-only.
    @Test func aDirectoryThatCanNotBeUsedMakesNoNewTotal() async throws {
        guard
            case .damaged = await TotalFiles(directory: Folder(directory + "/missing"), journal: NoPulseJournal(), loop: loop).load("heat")
        else {
            return #expect(Bool(false), "taken for new")
        }
        removeDirectory(directory)
    }

    /// The directory was removed while the daemon was running, and a total was set in a new one.
    @Test func aTotalInAnotherDirectoryIsNotOverwritten() async throws {
        try await files.save("heat", total(5))
        removeDirectory(directory)
        await #expect(throws: PortError.self) { try await files.save("heat", total(6)) }
        #expect(mkdir(directory, 0o700) == 0)
        try await TotalFiles(directory: Folder(directory), journal: NoPulseJournal(), loop: loop).save("heat", total(900))
        await #expect(throws: PortError.self) { try await files.save("heat", total(7)) }
        #expect(await TotalFiles(directory: Folder(directory), journal: NoPulseJournal(), loop: loop).load("heat") == .total(total(900)))
        removeDirectory(directory)
    }

    /// A killed process had counted further since its last save.
    @Test func theJournalIsAheadOfTheFiles() async throws {
        let journal = PocketJournal()
        let files = TotalFiles(directory: Folder(directory), journal: journal, loop: loop)
        try await files.save("heat", total(900))
        journal.note(PulseMark(pulses: 917, request: 1, position: LinePosition()))
        #expect(await files.load("heat") == .total(total(917)))
        // The pulses after a restored older backup still count; a mark below the saved count is ignored.
        try await files.save("heat", total(930))
        #expect(await files.load("heat") == .total(total(930)))
    }

    /// The state was removed without a reboot: the mark in RAM no longer belongs to any total.
    @Test func theJournalOfAnotherTotalIsForgotten() async throws {
        let journal = PocketJournal()
        let files = TotalFiles(directory: Folder(directory), journal: journal, loop: loop)
        journal.note(PulseMark(pulses: 917, request: 1, position: LinePosition(number: 4)))
        #expect(await files.load("heat") == .new)
        try await files.save("heat", total(0))
        #expect(await files.load("heat") == .total(total(0)))
    }

    /// `sudo jouled run` in another user's directory.
    @Test func whatRootWritesBelongsToTheDaemon() async throws {
        if geteuid() == 0 { chown(directory, 1, 1) }
        try await files.save("heat", total(5))
        let held = try StateDirectory(Folder(directory))
        #expect(held != nil)
        var owner = stat()
        stat(directory, &owner)
        for name in ["heat.total", "heat.total.known", "lock"] {
            var status = stat()
            #expect(stat(directory + "/" + name, &status) == 0 && status.st_uid == owner.st_uid && status.st_gid == owner.st_gid, "\(name)")
        }
        removeDirectory(directory)
    }

    @Test func remembersAnOpticalMeter() async throws {
        let wall = WallTime(millisecondsSince1970: 1_700_000_000_000)
        let memory = MeterMemory(serial: "28342193", totals: [.energyImport: MeterMemory.Total(Quantity(5), at: wall)])
        #expect(await files.recall("grid") == MeterMemory())
        try await files.remember("grid", memory)
        #expect(await files.recall("grid") == memory)
        #expect(await files.load("grid") == .new, "which is no pulse meter")
        write(Array("jouled meter 1\nserial 5\n".utf8), to: directory + "/grid.meter")
        #expect(await files.recall("grid") == MeterMemory())
        removeDirectory(directory)
    }

    /// The language has a file of its own: the meter's file stays as an older jouled reads it.
    @Test func remembersTheLanguageOfAMeter() async throws {
        let wall = WallTime(millisecondsSince1970: 1_700_000_000_000)
        var memory = MeterMemory(serial: "28342193", totals: [.energyImport: MeterMemory.Total(Quantity(5), at: wall)])
        try await files.remember("grid", memory)
        let before = try readBounded(directory + "/grid.meter", limit: 2048).get()
        #expect(await files.recall("grid") == memory)
        for language in [KnownLanguage(.sml, speed: 9600), KnownLanguage(.iec62056)] {
            memory.language = language
            try await files.remember("grid", memory)
            #expect(await files.recall("grid") == memory)
            #expect(try readBounded(directory + "/grid.meter", limit: 2048).get() == before)
        }
        // An older jouled, which knows no language, has saved the memory.
        memory.language = nil
        try await files.remember("grid", memory)
        #expect(await files.recall("grid").language == KnownLanguage(.iec62056))
        for damage in [[], Array("jouled language 1\nlanguage sml\n".utf8), [UInt8](repeating: 0x41, count: 100_000)] {
            write(damage, to: directory + "/grid.language")
            #expect(await files.recall("grid") == memory)
        }
        memory.language = KnownLanguage(.p1, speed: 115_200)
        try await files.remember("grid", memory)
        #expect(await files.recall("grid") == memory, "the damaged file is replaced")
        removeDirectory(directory)
    }

    /// RAM holds what was read since the last save, unless the saved file was removed.
    @Test func remembersInRAMWhatItHasNotSavedYet() async throws {
        let ram = directory + "/ram"
        mkdir(ram, 0o750)
        let folder = RunFolder(Folder(ram), state: directory)
        func memory(_ total: Int64) -> MeterMemory {
            let wall = WallTime(millisecondsSince1970: 1_700_000_000_000 + total)
            return MeterMemory(serial: "28342193", totals: [.energyImport: MeterMemory.Total(Quantity(total), at: wall)])
        }
        let first = TotalFiles(directory: Folder(directory), journal: NoPulseJournal(), ram: folder, loop: loop)
        first.note("grid", memory(4))
        #expect(await first.recall("grid") == MeterMemory())
        try await first.remember("grid", memory(5))
        first.note("grid", memory(7))
        let second = TotalFiles(directory: Folder(directory), journal: NoPulseJournal(), ram: folder, loop: loop)
        #expect(await second.recall("grid") == memory(7))
        #expect(await files.recall("grid") == memory(5), "whose folder is elsewhere")
        removeDirectory(ram)
        second.note("grid", memory(8))
        #expect(await second.recall("grid") == memory(5))
        removeDirectory(directory)
    }

    @Test func saysWhyItCanNotSave() async throws {
        let missing = TotalFiles(directory: Folder(directory + "/missing"), journal: NoPulseJournal(), loop: loop)
        await #expect(throws: PortError.self) { try await missing.save("heat", total(5)) }
        await #expect(throws: PortError.self) { try await missing.remember("grid", MeterMemory()) }
        removeDirectory(directory)
    }
}

/// Keeps a single mark for any meter.
private final class PocketJournal: PulseJournal, PulseJournalPage {
    private let kept = Mutex<PulseMark?>(nil)
    func mark(of meter: String) -> PulseMark? { kept.withLock { $0 } }
    func page(of meter: String) -> any PulseJournalPage { self }
    @discardableResult
    func note(_ mark: PulseMark) -> Bool {
        kept.withLock { $0 = mark }
        return true
    }
    var obstacle: PortError? { nil }
}
