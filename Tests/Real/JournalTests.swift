import Glibc
import LinuxIO
import MeterDaemon
import Metering
import Testing

/// A log on a pipe or socket whose reader may be slow.
@Suite(.timeLimit(.minutes(2))) struct JournalTests {
    private let reader: Int32
    private let writer: Int32
    private let journal: Journal

    init() {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        (reader, writer) = (ends[0], ends[1])
        journal = Journal(lines: LogLines(writer))
    }

    /// Returns all lines up to the last one, waiting for it.
    private func lines(until isLast: (Substring) -> Bool) -> [Substring] {
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(reader, &buffer, buffer.count)
            guard count > 0 else { return [] }
            text += buffer[..<count]
            let lines = String(decoding: text, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            if let last = lines.last, isLast(last) { return Array(lines) }
        }
    }

    private func close() {
        Glibc.close(reader)
        Glibc.close(writer)
    }

    /// A pipe holds 64 kB, and the process buffers as much again.
    @Test func nobodyReadsAndNobodyWaits() async {
        for number in 1...10_000 { journal.write(.info, "line \(number)") }
        // The reader resumes: buffered lines come first, in order, and then the number of missing lines.
        let loop = EventLoop()
        loop.startThread(named: "journal test")
        let rest = Task { [journal] in await journal.writeRest(loop) }
        let early = lines { $0.hasSuffix("nobody reads the log") }
        journal.write(.info, "line 10001")
        let late = lines { _ in true }
        let kept = early.count - 1
        #expect(early.dropLast().elementsEqual((1...kept).map { "jouled: line \($0)" }))
        #expect(early.last == "jouled: \(10_000 - kept) log lines were dropped: nobody reads the log")
        #expect(kept < 9000)
        #expect(late == ["jouled: line 10001"])
        rest.cancel()
        await rest.value
        loop.stop()
        close()
    }

    /// Other processes write to the same descriptor and rely on it being a blocking one.
    @Test func theDescriptorStaysABlockingOne() {
        journal.write(.info, "line")
        #expect(fcntl(writer, F_GETFL) & O_NONBLOCK == 0)
        close()
    }

    @Test func aSocketIsNotWaitedForEither() {
        var ends: [Int32] = [0, 0]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
        let journal = Journal(lines: LogLines(ends[0]))
        for number in 1...10_000 { journal.write(.info, "line \(number)") }
        // The reader closes the pipe, which must not end the process.
        Glibc.close(ends[1])
        journal.write(.info, "line")
        Glibc.close(ends[0])
        close()
    }

    @Test func whatCameFromOutsideStaysInItsLine() {
        journal.write(.warning, "serial 1\r\n<3>jouled: forged\u{1B}[2J\u{9B}2J\u{7F}")
        #expect(lines { _ in true } == ["jouled: serial 1??<3>jouled: forged?[2J?2J?"])
        journal.write(.warning, String(repeating: "é", count: 100_000))
        let cut = "jouled: " + String(repeating: "é", count: 1000) + "…"
        #expect(lines { _ in true }.map { Array($0.utf8) } == [Array(cut.utf8)])
        close()
    }
}
