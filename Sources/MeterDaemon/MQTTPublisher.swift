import Metering
import Publishing

/// Carries what `MQTTPublication` decides to the broker, and what the broker brings to the meters.
package actor MQTTPublisher {
    /// Sets the total of a meter; says why not, or `nil`.
    package typealias SetTotal = @Sendable (_ meter: String, _ total: Quantity) async -> String?

    /// Takes what the broker remembers of a total; back when it is on disk.
    package typealias Settle = @Sendable (TotalInquiry.Answer) async -> Void

    /// What to do beside publishing everything again.
    package typealias Commands = [BridgeCommand: @Sendable () -> Void]

    private static let largestTotal = Quantity(9_999_999)
    private static let lastWordsWithin = 2

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
    private var publication: MQTTPublication
    private var outputs: [any MQTTOutput]
    /// In order. While one task hands messages to the broker, others only add theirs.
    private var outbox: [MQTTMessage] = []
    private var isSending = false
    private let announcements: AsyncStream<[Announcement]>
    private let remembering: AsyncStream<[Announcement]>.Continuation
    private var remembered: [Announcement] = []
    /// Totals that are on their way to the disk.
    private var unsaved = 0

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package init(
        _ publication: MQTTPublication, outputs: [any MQTTOutput] = [], broker: any MessageBroker, executor: any SerialExecutor,
        clock: any Clockwork, log: any Log, announcements store: any AnnouncementStore = NoAnnouncementStore(), commands: Commands = [:],
        setTotal: @escaping SetTotal, settle: @escaping Settle = { _ in }
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
        // The newest is all there is to know.
        (announcements, remembering) = AsyncStream.makeStream(of: [Announcement].self, bufferingPolicy: .bufferingNewest(1))
        self.settle = settle
        inquiry = TotalInquiry(publication.topics)
        alarm = clock.makeAlarm()
    }

    /// Until there are no more snapshots; then it says goodbye.
    package func run(_ snapshots: Newest<Snapshot>) async {
        await recall()
        async let remembered: Void = remember()
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
        let now = clock.now
        await send(fromOutputs { $0.farewell(now: now) } + publication.farewell(now: now))
        await broker.disconnect(within: Self.lastWordsWithin)
        remembering.finish()
        await remembered
    }

    // MARK: What Home Assistant was told

    private func recall() async {
        do throws(PortError) {
            remembered = try await store.load()
            publication.remember(remembered)
        } catch {
            log.write(.warning, "mqtt: what was announced before is not known, and what of it is gone stays with Home Assistant: \(error)")
        }
    }

    /// Beside the publishing: a disk may take its time.
    private func remember() async {
        var failure: PortError?
        for await announcements in announcements {
            do throws(PortError) {
                try await store.save(announcements)
                failure = nil
            } catch {
                if error != failure { log.write(.warning, "mqtt: what is announced can't be saved: \(error)") }
                failure = error
            }
        }
    }

    private func noteAnnouncements() {
        guard let announcements = publication.takeAnnouncements(), announcements != remembered else { return }
        remembered = announcements
        remembering.yield(announcements)
    }

    // MARK: What is published

    private func publishOnTime() async {
        while await alarm.goesOff() {
            let now = clock.now
            await take(inquiry.tick(now: now))
            await send(publication.tick(now: now) + fromOutputs { $0.tick(now: now) })
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
        var earliest = min(publication.nextDeadline ?? .distantFuture, inquiry.nextDeadline ?? .distantFuture)
        for output in outputs { earliest = min(earliest, output.nextDeadline ?? .distantFuture) }
        return earliest == .distantFuture ? nil : earliest
    }

    /// What is published meanwhile waits: a total that is not on disk must not be what the broker remembers.
    private func take(_ answers: [TotalInquiry.Answer]) async {
        guard !answers.isEmpty else { return }
        unsaved += 1
        for answer in answers {
            for topic in answer.topics { await broker.unsubscribe(topic) }
            await settle(answer)
        }
        unsaved -= 1
        await send([])
    }

    private func send(_ messages: [MQTTMessage]) async {
        alarm.set(nextDeadline)
        noteAnnouncements()
        outbox += messages
        guard !outbox.isEmpty, !isSending, unsaved == 0 else { return }
        isSending = true
        while !outbox.isEmpty, unsaved == 0 {
            let batch = outbox
            outbox = []
            for message in batch { await broker.publish(message) }
        }
        isSending = false
    }

    private func react(to events: AsyncStream<BrokerEvent>) async {
        for await event in events {
            switch event {
            case .connected:
                log.write(.notice, "mqtt: connected")
                await broker.subscribe(publication.topics.totalSetFilter)
                await broker.subscribe(publication.topics.homeAssistantStatus)
                for command in publication.commands { await broker.subscribe(publication.topics.command(command)) }
                let now = clock.now
                for topic in inquiry.connected(now: now) { await broker.subscribe(topic) }
                await send(publication.connected(now: now) + fromOutputs { $0.connected(now: now) })
            case .disconnected(let reason):
                log.write(.warning, "mqtt: not connected: \(reason)")
                publication.disconnected()
                for index in outputs.indices { outputs[index].disconnected() }
                alarm.set(nil)
                outbox = []
                await take(inquiry.disconnected())
            case .remark(let remark): log.write(.notice, "mqtt: \(remark)")
            case .received(let topic, let payload, let isRetained):
                await receive(topic, payload, isRetained: isRetained)
            }
        }
    }

    private func receive(_ topic: String, _ payload: [UInt8], isRetained: Bool) async {
        if topic == publication.topics.homeAssistantStatus {
            // A retained one is older than this connection, at which everything was published.
            guard !isRetained, payload.elementsEqual("online".utf8) else { return }
            publication.homeAssistantStarted(now: clock.now)
            alarm.set(nextDeadline)
        } else if let answers = inquiry.received(topic, payload, isRetained: isRetained, now: clock.now) {
            await take(answers)
            alarm.set(nextDeadline)
        } else if let meter = publication.topics.meter(ofTotalSet: topic) {
            // A retained command would set the total back at every start.
            guard !isRetained else { return log.write(.warning, "mqtt: \(topic) is retained: ignored") }
            await send([MQTTMessage(publication.topics.totalResult(meter), await answer(payload, of: meter), qos: 1)])
        } else if let command = publication.commands.first(where: { publication.topics.command($0) == topic }) {
            await obey(command, topic, payload, isRetained: isRetained)
        }
    }

    private func obey(_ command: BridgeCommand, _ topic: String, _ payload: [UInt8], isRetained: Bool) async {
        // A retained one would be obeyed at every connect: for ever, if it is a restart.
        guard !isRetained else { return log.write(.warning, "mqtt: \(topic) is retained: ignored") }
        guard payload.elementsEqual(BridgeCommand.press.utf8) else {
            return log.write(.warning, "mqtt: \(topic) takes \(BridgeCommand.press) only: ignored")
        }
        log.write(.notice, "mqtt: asked to \(command.rawValue)\(command == .read ? " everything again" : "")")
        commands[command]?()
        if command == .read { await send(publication.repeated(now: clock.now)) }
    }

    private func answer(_ payload: [UInt8], of meter: String) async -> String {
        let total: Quantity
        do throws(TypedTotal.Refusal) { total = try TypedTotal(payload).value } catch { return error.description }
        guard !total.isNegative, total <= Self.largestTotal else { return "\(total) is not between 0 and \(Self.largestTotal)" }
        return await setTotal(meter, total) ?? "ok"
    }
}
