import Glibc
import MeterDaemon
import Metering
import Synchronization

/// A log whose writers never block, even if nobody is reading it. Lines that can't be written yet are queued here, in order; lines that do
/// not fit in the queue are dropped and counted.
///
/// The descriptor stays blocking, because other processes may share it. A pipe or terminal is opened a second time for non-blocking
/// writes. If that is not permitted, it is polled before each line, because a pipe that is writable accepts `PIPE_BUF` bytes. Only a
/// file on a disk that hangs can block the writer.
package final class LogLines: Sendable {
    package static let standardError = LogLines(STDERR_FILENO)

    private static let mostWaiting = 65_536

    private struct State {
        var waiting: [[UInt8]] = []
        /// The number of bytes in `waiting`.
        var size = 0
        var dropped = 0
    }

    private let descriptor: Int32
    private let isOwn: Bool
    private let isSocket: Bool
    private let isJournald = getenv("JOURNAL_STREAM") != nil
    private let state = Mutex(State())
    /// Yields when lines have been queued; several yields are merged into one.
    private let rings: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation

    package init(_ descriptor: Int32) {
        var status = stat()
        let kind = fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : 0
        isSocket = kind == S_IFSOCK
        var own: Int32 = -1
        if kind == S_IFIFO || kind == S_IFCHR {
            own = open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        }
        isOwn = own >= 0
        self.descriptor = isOwn ? own : descriptor
        (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    deinit { if isOwn { close(descriptor) } }

    func write(_ level: LogLevel, _ message: String) {
        let isLeft = state.withLock { state in
            writeWaiting(&state)
            if state.dropped == 0, state.size < Self.mostWaiting {
                append(level, message, &state)
                writeWaiting(&state)
            } else {
                state.dropped += 1
            }
            return !state.waiting.isEmpty
        }
        if isLeft { bell.yield() }
    }

    func writeRest(_ loop: EventLoop) async {
        for await _ in rings {
            while hasRest {
                guard await loop.wait(writable: descriptor, until: nil) != .cancelled else { return }
                let isProgress = state.withLock { writeWaiting(&$0) }
                // Another process has filled the pipe again. Wait a while instead of competing for the space.
                if !isProgress { await loop.sleep(until: loop.now + .seconds(1)) }
            }
        }
    }

    /// Blocks until the queue is written, but at most for `limit`.
    func writeRest(within limit: Duration) {
        let deadline = Instant.now + limit
        while hasRest, .now < deadline {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            poll(&waiting, 1, Instant.now.milliseconds(to: deadline))
            let isProgress = state.withLock { writeWaiting(&$0) }
            if !isProgress { usleep(10_000) }
        }
    }

    private var hasRest: Bool { state.withLock { !$0.waiting.isEmpty } }

    private func append(_ level: LogLevel, _ message: String, _ state: inout State) {
        let line = Array(((isJournald ? "<\(level.rawValue)>" : "jouled: ") + message + "\n").utf8)
        state.waiting.append(line)
        state.size += line.count
    }

    /// Writes as much as the reader accepts. Returns whether anything was written.
    @discardableResult
    private func writeWaiting(_ state: inout State) -> Bool {
        var isProgress = false
        while true {
            var done = 0
            while done < state.waiting.count, let written = write(state.waiting[done]), written > 0 {
                isProgress = true
                state.size -= written
                guard written == state.waiting[done].count else {
                    state.waiting[done].removeFirst(written)
                    break
                }
                done += 1
            }
            state.waiting.removeFirst(done)
            // Report dropped lines as soon as there is space in the queue, after the lines that were queued before them.
            guard state.dropped > 0, state.size <= Self.mostWaiting / 2 else { return isProgress }
            let count = state.dropped
            state.dropped = 0
            append(.warning, "\(count) log line\(count == 1 ? " was" : "s were") dropped: nobody reads the log", &state)
        }
    }

    /// Returns how many bytes were written, or `nil` if there is no space. If the reader is gone for good, all bytes count as written.
    private func write(_ line: [UInt8]) -> Int? {
        while true {
            let written: Int
            if isSocket {
                written = send(descriptor, line, line.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            } else {
                var room = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                guard poll(&room, 1, 0) > 0 else { return nil }
                written = Glibc.write(descriptor, line, line.count)
            }
            if written >= 0 { return written }
            if errno == EAGAIN { return nil }
            if errno != EINTR { return line.count }
        }
    }
}
