import Metering

/// The commands that set totals. Each that is obeyed is a write to the disk, so a meter's total is set at once, but only once a second and
/// not before the last one is on disk: of more commands the newest counts, and the others are told so.
struct TotalCommands: Sendable {
    struct Order: Sendable, Equatable {
        var meter: String
        var total: Quantity
    }

    struct Due: Sendable {
        var orders: [Order] = []
        var answers: [(meter: String, words: String)] = []
    }

    private static let interval = Duration.seconds(1)
    /// In that time; what is said of the others is how many they were.
    private static let mostAnswers = 20

    private struct Meter: Sendable {
        var waiting: Quantity?
        var isBusy = false
        /// When the last one was begun to be set.
        var begunAt: Instant?
        var answers = 0
        var answersSince: Instant
        var unanswered = 0
    }

    /// By names that the configuration knows.
    private var meters: [String: Meter] = [:]

    /// When `due` has something to say or to begin.
    var nextDeadline: Instant? {
        var earliest: Instant?
        for meter in meters.values {
            if meter.unanswered > 0 { earliest = min(earliest ?? .distantFuture, meter.answersSince + Self.interval) }
            if meter.waiting != nil, !meter.isBusy {
                earliest = min(earliest ?? .distantFuture, meter.begunAt.map { $0 + Self.interval } ?? meter.answersSince)
            }
        }
        return earliest
    }

    /// What there is to answer already: why it is refused, or to the one before, whose place it takes.
    mutating func take(_ command: Result<Quantity, TypedTotal.Refusal>, of name: String, now: Instant) -> String? {
        var meter = meters[name] ?? Meter(answersSince: now)
        defer { meters[name] = meter }
        let answer: String
        switch command {
        case .failure(let refusal): answer = refusal.description
        case .success(let total):
            let isFirst = meter.waiting == nil
            meter.waiting = total
            if isFirst { return nil }
            answer = "replaced by \(total)"
        }
        if meter.unanswered == 0, meter.answersSince + Self.interval <= now { (meter.answers, meter.answersSince) = (0, now) }
        guard meter.answers < Self.mostAnswers else {
            meter.unanswered += 1
            return nil
        }
        meter.answers += 1
        return answer
    }

    /// What is to be set now; `finish` follows.
    mutating func due(now: Instant) -> Due {
        guard !meters.isEmpty else { return Due() }
        var due = Due()
        for (name, var meter) in meters.sorted(by: { $0.key < $1.key }) {
            if meter.unanswered > 0, meter.answersSince + Self.interval <= now {
                due.answers.append((name, "\(meter.unanswered) more were refused, or replaced by newer ones"))
                (meter.answers, meter.unanswered, meter.answersSince) = (0, 0, now)
            }
            if let total = meter.waiting, !meter.isBusy, meter.begunAt.map({ $0 + Self.interval <= now }) ?? true {
                (meter.waiting, meter.isBusy, meter.begunAt) = (nil, true, now)
                due.orders.append(Order(meter: name, total: total))
            }
            meters[name] = meter
        }
        return due
    }

    /// It is set, or was refused.
    mutating func finish(_ name: String) { meters[name]?.isBusy = false }

    /// The meters whose last command will not be carried out any more.
    mutating func abandon() -> [String] {
        defer { meters = [:] }
        return meters.filter { $0.value.waiting != nil }.keys.sorted()
    }
}
