import Metering

/// Limits log lines of one kind to one in ten seconds: a meter that reports something else in every telegram must not fill the disk. The
/// newest of the lines held back is written later, so that the log does not end with something that is no longer true.
struct LogPace {
    struct Line: Equatable {
        var level: LogLevel
        var text: String
    }

    private struct Kind {
        var writtenAt: Instant
        var held: Line?
        /// How many lines were replaced by `held`.
        var more = 0
    }

    static let pause = Duration.seconds(10)

    private var kinds: [String: Kind] = [:]

    /// When `due` has lines to write.
    private(set) var deadline: Instant?

    /// Returns the line if it may be written now; otherwise holds it back.
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

    /// The lines that were held back for long enough; with `isLast` all of them.
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
