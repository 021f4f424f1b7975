import Glibc
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Testing

@Suite(.serialized) struct PulseMarkFilesTests {
    private let mark = PulseMark(pulses: 12, request: 34, position: LinePosition(number: 56))

    /// Runs `body` with a folder in RAM, for any user; on a disk there are no marks.
    private func inMemory(_ body: (String) throws -> Void) throws {
        let folder = "/dev/shm/jouled-test-\(getpid())"
        setenv("RUNTIME_DIRECTORY", folder, 1)
        defer {
            unsetenv("RUNTIME_DIRECTORY")
            removeDirectory(folder)
        }
        try body(folder)
    }

    @Test func outliveTheirWriter() throws {
        try inMemory { _ in
            let first = PulseMarkFiles(try #require(RunFolder(state: "/var/lib/jouled", makesIt: true)))
            #expect(first.mark(of: "heat") == nil)
            let page = first.page(of: "heat")
            page.note(PulseMark(pulses: 11, request: 34, position: LinePosition()))
            page.note(mark)
            let second = PulseMarkFiles(try #require(RunFolder(state: "/var/lib/jouled", makesIt: true)))
            #expect(second.mark(of: "heat") == mark)
            #expect(second.mark(of: "solar") == nil)
            let elsewhere = PulseMarkFiles(try #require(RunFolder(state: "/home/me/jouled", makesIt: true)))
            #expect(elsewhere.mark(of: "heat") == nil)
        }
    }

    @Test func aTornOneIsNone() throws {
        try inMemory { folder in
            let files = PulseMarkFiles(try #require(RunFolder(state: "/var/lib/jouled", makesIt: true)))
            let page = files.page(of: "heat")
            page.note(mark)
            let name = try #require(names(in: folder).first)
            truncate(folder + "/" + name, 20)
            #expect(files.mark(of: "heat") == nil)
            page.note(mark)
            #expect(files.mark(of: "heat") == mark)
        }
    }

    private func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }
}
