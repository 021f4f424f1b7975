import Metering

/// Queries the broker for the totals of pulse meters whose saved total has been lost, by subscribing to their retained topics. Nothing is
/// published for these meters until the broker has answered, so the answer can't come from this daemon.
///
/// That no message arrives proves that the broker has no total only if the broker lets us read the topic: many brokers accept a
/// subscription and then send nothing. So the meter's availability, which is published after the query, must come back first.
package struct TotalInquiry: Sendable {
    package struct Answer: Sendable, Hashable {
        package var meter: String
        package var total: RememberedTotal
        /// Topics that can be unsubscribed from now.
        package var topics: [String] = []
    }

    private struct Question: Sendable {
        let meter: String
        let topic: String
        let proof: String
        var state = State.open
        /// The broker has not answered in time or is not connected, and this has been reported.
        var isUnanswered = false
    }

    private enum State: Sendable, Equatable {
        case open, asked(Instant), readable(Instant), answered
    }

    private static let readableWithin = Duration.seconds(10)
    /// How long to wait for a retained message: some brokers look them up asynchronously.
    private static let answeredWithin = Duration.seconds(2)

    private let topics: Topics
    private var questions: [Question] = []
    private var isConnected = false

    package init(_ topics: Topics) { self.topics = topics }

    /// When `tick` is due.
    package var nextDeadline: Instant? { questions.isEmpty ? nil : questions.compactMap(deadline).min() }

    private func deadline(_ question: Question) -> Instant? {
        switch question.state {
        case .asked(let at): question.isUnanswered ? nil : at + Self.readableWithin
        case .readable(let at): at + Self.answeredWithin
        case .open, .answered: nil
        }
    }

    /// Returns the topics to subscribe to, before anything is published.
    package mutating func update(_ snapshot: Snapshot, now: Instant) -> [String] {
        // Usually no meter lacks its total.
        guard !questions.isEmpty || snapshot.shared.contains(where: { $0.meter.lacksTotal }) else { return [] }
        questions.removeAll { question in !(snapshot[question.meter]?.lacksTotal ?? false) }
        for meter in snapshot.meters where meter.lacksTotal && !questions.contains(where: { $0.meter == meter.name }) {
            let total = meter.volumeUnit == nil ? Measurand.energy : .volume
            let topic = topics.value(meter.name, total.rawValue)
            questions.append(Question(meter: meter.name, topic: topic, proof: topics.availability(meter.name)))
        }
        return ask(now)
    }

    package mutating func connected(now: Instant) -> [String] {
        isConnected = true
        return ask(now)
    }

    private mutating func ask(_ now: Instant) -> [String] {
        guard isConnected else { return [] }
        var asked: [String] = []
        for index in questions.indices where questions[index].state == .open {
            questions[index].state = .asked(now)
            asked += [questions[index].topic, questions[index].proof]
        }
        return asked
    }

    package mutating func disconnected() -> [Answer] {
        isConnected = false
        for index in questions.indices { questions[index].state = .open }
        return unanswered { _ in true }
    }

    /// Returns `nil` if the message does not belong to a query.
    package mutating func received(_ topic: String, _ payload: [UInt8], isRetained: Bool, now: Instant) -> [Answer]? {
        var answers: [Answer]?
        for index in questions.indices where questions[index].topic == topic || questions[index].proof == topic {
            answers = answers ?? []
            guard topic == questions[index].topic else {
                if case .asked = questions[index].state { questions[index].state = .readable(now) }
                continue
            }
            // A message that is not retained was published after this client connected: by another daemon with the same name, or by
            // somebody experimenting.
            if isRetained, questions[index].state != .answered { answers?.append(answer(index, RememberedTotal(payload))) }
        }
        return answers
    }

    package mutating func tick(now: Instant) -> [Answer] {
        var answers = unanswered { question in
            if case .asked(let at) = question.state { at + Self.readableWithin <= now } else { false }
        }
        for index in questions.indices {
            if case .readable(let at) = questions[index].state, at + Self.answeredWithin <= now { answers.append(answer(index, .nothing)) }
        }
        return answers
    }

    private mutating func answer(_ index: Int, _ total: RememberedTotal) -> Answer {
        questions[index].state = .answered
        let question = questions[index]
        return Answer(meter: question.meter, total: total, topics: [question.topic, question.proof])
    }

    /// Returns an answer without a total for each of these queries, once per query.
    private mutating func unanswered(_ isMeant: (Question) -> Bool) -> [Answer] {
        var answers: [Answer] = []
        for index in questions.indices where !questions[index].isUnanswered && isMeant(questions[index]) {
            questions[index].isUnanswered = true
            answers.append(Answer(meter: questions[index].meter, total: .unanswered))
        }
        return answers
    }
}
