import Glibc
import LinuxIO
import Metering

/// A program that a test runs; it ends with the test.
final class ChildProcess {
    let id: pid_t
    /// The program's stdout.
    let output: Int32
    private var lines: [String] = []
    private var rest: [UInt8] = []
    private var isReaped = false

    init?(_ path: String, _ arguments: [String]) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        // The threads of the tests block most signals, and the child would inherit that.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var texts = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for text in texts { free(text) } }
        var id = pid_t()
        let failed = posix_spawn(&id, path, &actions, &attributes, &texts, environ)
        close(ends[1])
        guard failed == 0 else {
            close(ends[0])
            return nil
        }
        self.id = id
        output = ends[0]
        _ = fcntl(output, F_SETFL, O_NONBLOCK)
    }

    deinit {
        end(SIGKILL)
        close(output)
    }

    /// Ends the program and waits for it.
    @discardableResult
    func end(_ signal: Int32 = SIGTERM) -> Int32 {
        guard !isReaped else { return 0 }
        kill(id, signal)
        return wait()
    }

    /// Waits until the program ends by itself.
    @discardableResult
    func wait() -> Int32 {
        var status: Int32 = 0
        guard !isReaped else { return 0 }
        while waitpid(id, &status, 0) < 0 && errno == EINTR {}
        isReaped = true
        return status
    }

    /// All lines so far, as soon as `isDone` accepts them, or after `seconds`.
    func lines(by loop: EventLoop, within seconds: Int = 120, until isDone: ([String]) -> Bool) async -> [String] {
        let deadline = loop.now + .seconds(seconds)
        while !isDone(lines), await loop.wait(readable: output, until: deadline) == .ready {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = read(output, &buffer, buffer.count)
            guard count > 0 else { break }
            rest += buffer[..<count]
            while let end = rest.firstIndex(of: 10) {
                lines.append(String(decoding: rest[..<end], as: UTF8.self))
                rest.removeSubrange(...end)
            }
        }
        return lines
    }

    static func run(_ path: String, _ arguments: [String]) -> Bool { ChildProcess(path, arguments)?.wait() == 0 }
}

/// A directory that is removed with the test.
final class ScratchDirectory {
    let path: String

    init?() {
        var template = Array("/tmp/jouled-test-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { return nil }
        path = String(cString: made)
    }

    deinit { _ = ChildProcess.run("/bin/rm", ["-rf", path]) }

    func write(_ text: String, to name: String) {
        guard let file = fopen("\(path)/\(name)", "w") else { return }
        fputs(text, file)
        fclose(file)
    }
}
