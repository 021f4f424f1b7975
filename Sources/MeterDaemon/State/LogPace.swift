import Metering

/// Log lines of one kind, at most one in ten seconds: a meter that says something else in every telegram must not fill the disk. Of those
/// that have to wait the newest is written in the end, so that the log never stops at what is not true any more.
struct LogPace {
    struct Line: Equatable {
        var level: LogLevel
        var text: String
    }

    private struct Kind {
        var writtenAt: Instant
        var held: Line?
        /// Those that were replaced by the one that is held.
        var more = 0
    }

    static let pause = Duration.seconds(10)

    private var kinds: [String: Kind] = [:]

    /// When `due` has something to say.
    private(set) var deadline: Instant?

    /// The line, if it may be written now.
    mutating func admit(_ line: Line, of kind: String, now: Instant) -> Line? {
        kinds = kinds.filter { $0.value.held != nil || now - $0.value.writtenAt < Self.pause }
        guard var earlier = kinds[kind] else {
            kinds[kind] = Kind(writtenAt: now)
            return line
        }
        if earlier.held != nil { earlier.more += 1 }
        earlier.held = line
        kinds[kind] = earlier
        deadline = min(deadline ?? .distantFuture, earlier.writtenAt + Self.pause)
        return nil
    }

    /// What has waited for long enough, and what has waited at all if nothing more will come.
    mutating func due(_ now: Instant, isLast: Bool = false) -> [Line] {
        guard let deadline, isLast || deadline <= now else { return [] }
        var lines: [Line] = []
        var next: Instant?
        for (name, kind) in kinds.sorted(by: { ($0.value.writtenAt, $0.key) < ($1.value.writtenAt, $1.key) }) {
            guard var line = kind.held else { continue }
            guard isLast || kind.writtenAt + Self.pause <= now else {
                next = min(next ?? .distantFuture, kind.writtenAt + Self.pause)
                continue
            }
            if kind.more > 0 { line.text += " (\(kind.more) more like this in \(Self.pause.components.seconds) s)" }
            lines.append(line)
            kinds[name] = Kind(writtenAt: now)
        }
        self.deadline = next
        return lines
    }
}
