import Metering

/// The commands that set totals. Each of them writes to the disk, so a meter's total is set at most once a second, and not before the last
/// one is on disk. Of several commands in the meantime the newest is executed, and the others are answered as replaced.
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
    /// The maximum number of answers per interval. Further commands are only counted, and answered with their number.
    private static let mostAnswers = 20

    private struct Meter: Sendable {
        var waiting: Quantity?
        var isBusy = false
        /// When the execution of the last order was started.
        var begunAt: Instant?
        var answers = 0
        var answersSince: Instant
        var unanswered = 0
    }

    /// The state for each meter by its name, which has been checked against the configuration.
    private var meters: [String: Meter] = [:]

    /// When `due` will next have orders or answers.
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

    /// Takes a command. Returns the answer if it is already known: why the command is refused, or that it replaces the pending one.
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

    /// The orders to execute now, each followed by a call of `finish`.
    mutating func due(now: Instant) -> Due {
        guard !meters.isEmpty else { return Due() }
        var due = Due()
        for (name, var meter) in meters.sorted(by: { $0.key < $1.key }) {
            if meter.unanswered > 0, meter.answersSince + Self.interval <= now {
                due.answers.append((name, "\(meter.unanswered) more were rejected or replaced by newer ones"))
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

    /// The order was executed or refused.
    mutating func finish(_ name: String) { meters[name]?.isBusy = false }

    /// Drops all pending commands, and returns their meters.
    mutating func abandon() -> [String] {
        defer { meters = [:] }
        return meters.filter { $0.value.waiting != nil }.keys.sorted()
    }
}
