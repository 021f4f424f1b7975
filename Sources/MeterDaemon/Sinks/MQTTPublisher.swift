import Configuration
import Metering
import Publishing

/// Sends what `MQTTPublication` decides to the broker, and passes commands from the broker to the meters.
package actor MQTTPublisher: Sink {
    package static let interest = SinkInterest.everything

    /// Sets the total of a meter; returns why it failed, or `nil`.
    package typealias SetTotal = @Sendable (_ meter: String, _ total: Quantity) async -> String?

    /// Takes over a total that the broker retains; returns when it is on disk.
    package typealias Settle = @Sendable (TotalInquiry.Answer) async -> Void

    /// What to do for each command besides publishing everything again.
    package typealias Commands = [BridgeCommand: @Sendable () -> Void]

    /// Called with the reason why nothing is delivered, or with `nil` when messages are delivered again.
    package typealias Report = @Sendable (String?) async -> Void

    /// Work that has to wait for a disk, which may never answer.
    private enum Job: Sendable {
        case set(TotalCommands.Order)
        case settle(TotalInquiry.Answer)
    }

    private static let largestTotal = Quantity(9_999_999)
    private static let lastWordsWithin = 2
    /// The minimum times between two executions of these commands: a restart also drops the connection, and reading publishes everything.
    private static let restartEvery = Duration.seconds(10)
    private static let readEvery = Duration.seconds(5)
    /// How many messages are held back while a disk is slow. Newer retained messages replace older ones.
    private static let mostHeldBack = 1024

    private nonisolated let executor: any SerialExecutor
    private let broker: any MessageBroker
    private let clock: any Clockwork
    private let log: any Log
    private let alarm: any Alarm
    private let setTotal: SetTotal
    private let store: any AnnouncementStore
    private let settle: Settle
    private var inquiry: TotalInquiry
    private let commands: Commands
    private let report: Report
    private var publication: MQTTPublication
    private var outputs: [any MQTTOutput]
    /// Messages to the broker, in order. While one task is passing messages on, the others only append theirs.
    private var outbox: [MQTTMessage] = []
    private var isSending = false
    private let announcements: AsyncStream<[Announcement]>
    private let remembering: AsyncStream<[Announcement]>.Continuation
    private var remembered: [Announcement] = []
    private let jobs: AsyncStream<Job>
    private let working: AsyncStream<Job>.Continuation
    private var totalCommands = TotalCommands()
    private var paces: [(command: BridgeCommand, pace: CommandPace)] = []
    private var logPace = LogPace()
    private var isConnected = false
    private var hasSaidGoodbye = false
    /// The meters whose totals are being saved, with the number of unfinished saves, and the messages that have to wait for these saves.
    private var unsaved: [String: Int] = [:]
    private var heldBack: [MQTTMessage] = []

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package init(
        _ publication: MQTTPublication, outputs: [any MQTTOutput] = [], broker: any MessageBroker, executor: any SerialExecutor,
        clock: any Clockwork, log: any Log, announcements store: any AnnouncementStore = NoAnnouncementStore(), commands: Commands = [:],
        setTotal: @escaping SetTotal, settle: @escaping Settle = { _ in }, report: @escaping Report = { _ in }
    ) {
        self.publication = publication
        self.publication.commands = BridgeCommand.allCases.filter { commands[$0] != nil }
        self.commands = commands
        self.outputs = outputs
        self.broker = broker
        self.executor = executor
        self.clock = clock
        self.log = log
        self.store = store
        self.setTotal = setTotal
        // Only the newest list matters.
        (announcements, remembering) = AsyncStream.makeStream(of: [Announcement].self, bufferingPolicy: .bufferingNewest(1))
        // Unbounded, but short: there is at most one order per meter at a time and few inquiries, and each job is started when it arrives.
        (jobs, working) = AsyncStream.makeStream(of: Job.self, bufferingPolicy: .unbounded)
        self.settle = settle
        self.report = report
        inquiry = TotalInquiry(publication.topics)
        alarm = clock.makeAlarm()
    }

    /// Returns `nil` if no broker is configured.
    init?(_ configuration: Configuration, _ surroundings: Surroundings, _ controls: MeterControls) {
        guard let broker = surroundings.broker, let publication = configuration.publication else { return nil }
        var commands: Commands = [.read: { controls.readAgain() }]
        commands[.restart] = controls.restart
        self.init(
            publication, outputs: configuration.mqttOutputs, broker: broker, executor: surroundings.executor, clock: surroundings.clock,
            log: surroundings.log, announcements: surroundings.announcements, commands: commands,
            setTotal: { meter, total in await controls.setTotal(meter, total) }, settle: { await controls.settle($0) },
            report: { await controls.report(problem: $0, of: "mqtt") })
    }

    /// Publishes until there are no more snapshots, then sends the farewell.
    package func run(_ snapshots: Newest<Snapshot>) async {
        // A restart command may have ended the previous process, so the next restart command is not executed right away.
        paces = [
            (.read, CommandPace(Self.readEvery)), (.restart, CommandPace(Self.restartEvery, notBefore: clock.now + Self.restartEvery)),
        ]
        await recall()
        async let remembered: Void = remember()
        async let worked: Void = work()
        await report("not connected yet")
        let events = await broker.connect()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.react(to: events) }
            group.addTask { await self.publishOnTime() }
            for await snapshot in snapshots {
                let now = clock.now
                for topic in inquiry.update(snapshot, now: now) { await broker.subscribe(topic) }
                let messages = publication.update(snapshot, now: now, wall: clock.wall)
                for remark in publication.takeRemarks() { log.write(.warning, remark) }
                await send(messages + fromOutputs { $0.update(snapshot, now: now) })
            }
            group.cancelAll()
        }
        await sayGoodbye()
        // A disk that is still busy does not delay the farewell.
        remembering.finish()
        working.finish()
        await remembered
        await worked
    }

    private func sayGoodbye() async {
        // An answer may still be in transit: the farewell comes after it.
        while isSending { await Task.yield() }
        let now = clock.now
        for line in logPace.due(now, isLast: true) { log.write(line.level, line.text) }
        let unset = totalCommands.abandon().map { result($0, "not set: jouled is stopping") }
        await send(unset + fromOutputs { $0.farewell(now: now) } + publication.farewell(now: now))
        hasSaidGoodbye = true
        await broker.disconnect(within: Self.lastWordsWithin)
    }

    // MARK: Announcements to Home Assistant

    private func recall() async {
        do throws(PortError) {
            remembered = try await store.load()
            publication.remember(remembered)
        } catch {
            log.write(
                .warning, "mqtt: the previous announcements can't be read, so entities that are gone stay in Home Assistant: \(error)")
        }
    }

    /// Saves the announcements in parallel to publishing, because a disk may be slow.
    private func remember() async {
        var failure: PortError?
        for await announcements in announcements {
            do throws(PortError) {
                try await store.save(announcements)
                failure = nil
            } catch {
                if error != failure { log.write(.warning, "mqtt: the announcements can't be saved: \(error)") }
                failure = error
            }
        }
    }

    private func noteAnnouncements() {
        guard let announcements = publication.takeAnnouncements(), announcements != remembered else { return }
        remembered = announcements
        remembering.yield(announcements)
    }

    // MARK: Publishing

    private func publishOnTime() async {
        while await alarm.goesOff() {
            let now = clock.now
            for line in logPace.due(now) { log.write(line.level, line.text) }
            await take(inquiry.tick(now: now))
            let answers = setDueTotals(now)
            let repetition = obeyDue(now)
            guard isConnected else {
                alarm.set(nextDeadline)
                continue
            }
            await send(answers + repetition + publication.tick(now: now) + fromOutputs { $0.tick(now: now) })
        }
    }

    private func fromOutputs(_ step: (inout any MQTTOutput) -> [MQTTMessage]) -> [MQTTMessage] {
        var messages: [MQTTMessage] = []
        for index in outputs.indices {
            messages += step(&outputs[index])
            for remark in outputs[index].takeRemarks() { log.write(.notice, remark) }
        }
        return messages
    }

    private var nextDeadline: Instant? {
        var earliest = min(totalCommands.nextDeadline ?? .distantFuture, logPace.deadline ?? .distantFuture)
        for (_, pace) in paces { earliest = min(earliest, pace.nextDeadline ?? .distantFuture) }
        if isConnected {
            earliest = min(earliest, publication.nextDeadline ?? .distantFuture, inquiry.nextDeadline ?? .distantFuture)
            for output in outputs { earliest = min(earliest, output.nextDeadline ?? .distantFuture) }
        }
        return earliest == .distantFuture ? nil : earliest
    }

    /// Takes over retained totals. Everything about these meters is held back until the totals are saved: the broker must not retain a
    /// total that is not on disk.
    private func take(_ answers: [TotalInquiry.Answer]) async {
        for answer in answers {
            unsaved[answer.meter, default: 0] += 1
            working.yield(.settle(answer))
            for topic in answer.topics { await broker.unsubscribe(topic) }
        }
    }

    private func send(_ messages: [MQTTMessage]) async {
        guard !hasSaidGoodbye else { return }
        alarm.set(nextDeadline)
        noteAnnouncements()
        outbox += messages
        guard !outbox.isEmpty, !isSending else { return }
        isSending = true
        while !outbox.isEmpty {
            let batch = outbox
            outbox = []
            for message in batch {
                if isHeldBack(message) { holdBack(message) } else { await broker.publish(message) }
            }
        }
        isSending = false
    }

    /// Whether a message has to wait for a save. Messages for other programs contain all meters, under topics without a meter's name, so
    /// they are held back as well.
    private func isHeldBack(_ message: MQTTMessage) -> Bool {
        guard !unsaved.isEmpty else { return false }
        let topics = publication.topics
        if let meter = topics.meter(of: message.topic) { return unsaved[meter] != nil }
        return message.topic != topics.status && !message.topic.hasPrefix(topics.prefix + "/")
    }

    private func holdBack(_ message: MQTTMessage) {
        if message.retain { heldBack.removeAll { $0.topic == message.topic } }
        heldBack.append(message)
        if heldBack.count > Self.mostHeldBack { heldBack.removeFirst() }
    }

    // MARK: Slow jobs

    private func work() async {
        await withDiscardingTaskGroup { group in
            for await job in jobs { group.addTask { await self.perform(job) } }
        }
    }

    private func perform(_ job: Job) async {
        switch job {
        case .set(let order):
            let refusal = await setTotal(order.meter, order.total)
            totalCommands.finish(order.meter)
            await send([result(order.meter, refusal ?? "ok")])
        case .settle(let answer):
            await settle(answer)
            let others = (unsaved[answer.meter] ?? 0) - 1
            unsaved[answer.meter] = others > 0 ? others : nil
            outbox = heldBack + outbox
            heldBack = []
            await send([])
        }
    }

    /// Starts to set the totals that are due; returns the answers to other commands.
    private func setDueTotals(_ now: Instant) -> [MQTTMessage] {
        let due = totalCommands.due(now: now)
        for order in due.orders { working.yield(.set(order)) }
        return due.answers.map { result($0.meter, $0.words) }
    }

    private func result(_ meter: String, _ words: String) -> MQTTMessage {
        MQTTMessage(publication.topics.totalResult(meter), words, qos: 1)
    }

    private func react(to events: AsyncStream<BrokerEvent>) async {
        for await event in events {
            switch event {
            case .connected:
                isConnected = true
                log.write(.notice, "mqtt: connected")
                await broker.subscribe(publication.topics.homeAssistantStatus)
                for topic in publication.commandTopics { await broker.subscribe(topic) }
                let now = clock.now
                for topic in inquiry.connected(now: now) { await broker.subscribe(topic) }
                await send(publication.connected(now: now) + fromOutputs { $0.connected(now: now) })
                await report(nil)
            case .disconnected(let reason):
                isConnected = false
                log.write(.warning, "mqtt: not connected: \(reason)")
                publication.disconnected()
                for index in outputs.indices { outputs[index].disconnected() }
                (outbox, heldBack) = ([], [])
                await take(inquiry.disconnected())
                alarm.set(nextDeadline)
                await report("not connected: \(reason)")
            case .remark(let remark): log.write(.notice, "mqtt: \(remark)")
            case .received(let topic, let payload, let isRetained):
                await receive(topic, payload, isRetained: isRetained)
            }
        }
    }

    private func receive(_ topic: String, _ payload: [UInt8], isRetained: Bool) async {
        if topic == publication.topics.homeAssistantStatus {
            // A retained message is older than this connection, and everything was published when the connection was made.
            guard !isRetained, payload.elementsEqual("online".utf8) else { return }
            publication.homeAssistantStarted(now: clock.now)
            alarm.set(nextDeadline)
        } else if let answers = inquiry.received(topic, payload, isRetained: isRetained, now: clock.now) {
            await take(answers)
            alarm.set(nextDeadline)
        } else if let meter = publication.topics.meter(ofTotalSet: topic), publication.isConfigured(meter) {
            // A retained command would set the total again at every start.
            guard !isRetained else { return complain("ignored a retained message on \(topic)") }
            let now = clock.now
            let answer = totalCommands.take(total(payload), of: meter, now: now)
            await send((answer.map { [result(meter, $0)] } ?? []) + setDueTotals(now))
        } else if let command = publication.commands.first(where: { publication.topics.command($0) == topic }) {
            // A retained command would be executed at every connect: a restart would then repeat for ever.
            guard !isRetained else { return complain("ignored a retained message on \(topic)") }
            guard payload.elementsEqual(BridgeCommand.press.utf8) else {
                return complain("ignored a message on \(topic): only \(BridgeCommand.press) is accepted")
            }
            for index in paces.indices where paces[index].command == command { paces[index].pace.ask() }
            await send(obeyDue(clock.now))
        }
    }

    /// Logs a complaint, with a rate limit, because a client may send the same wrong message at any rate.
    private func complain(_ complaint: String) {
        say(.warning, "mqtt: " + complaint, of: complaint)
        alarm.set(nextDeadline)
    }

    private func say(_ level: LogLevel, _ text: String, of kind: String) {
        if let line = logPace.admit(LogPace.Line(level: level, text: text), of: kind, now: clock.now) { log.write(line.level, line.text) }
    }

    /// Executes the commands that are due; returns what to publish as a result.
    private func obeyDue(_ now: Instant) -> [MQTTMessage] {
        var messages: [MQTTMessage] = []
        for index in paces.indices where paces[index].pace.isDue(now) {
            let command = paces[index].command
            say(.notice, "mqtt: asked to \(command.rawValue)\(command == .read ? " everything again" : "")", of: command.rawValue)
            commands[command]?()
            if command == .read { messages += publication.repeated(now: now) }
        }
        return messages
    }

    private func total(_ payload: [UInt8]) -> Result<Quantity, TypedTotal.Refusal> {
        do throws(TypedTotal.Refusal) {
            let total = try TypedTotal(payload).value
            guard !total.isNegative, total <= Self.largestTotal else {
                throw TypedTotal.Refusal(description: "\(total) is not between 0 and \(Self.largestTotal)")
            }
            return .success(total)
        } catch {
            return .failure(error)
        }
    }
}
