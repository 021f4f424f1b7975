import Configuration
import HomeAssistant
import MeterDaemon
import MeterProtocols
import Metering
import Publishing
import SimulatedWorld
import VirtualMeters

/// Everything that the daemon can write to. After a kill nothing gets through any more.
///
/// SAFETY: only used on the simulation's one thread.
private final class Mortal: MessageBroker, TotalStore, MeterMemoryStore, PulseJournal, @unchecked Sendable {
    let broker: SimulatedBroker
    let store: SimulatedStore
    let memory: SimulatedMemory
    let marks: Marks
    var isAlive = true

    init(_ broker: SimulatedBroker, _ store: SimulatedStore, _ memory: SimulatedMemory, _ marks: Marks) {
        (self.broker, self.store, self.memory, self.marks) = (broker, store, memory, marks)
    }

    func connect() async -> AsyncStream<BrokerEvent> { await broker.connect() }
    func publish(_ message: MQTTMessage) async { if isAlive { await broker.publish(message) } }
    func subscribe(_ topic: String) async { if isAlive { await broker.subscribe(topic) } }
    func unsubscribe(_ topic: String) async { if isAlive { await broker.unsubscribe(topic) } }
    func disconnect(within seconds: Int) async { if isAlive { await broker.disconnect(within: seconds) } }

    func load(_ meter: String) async -> StoredTotal {
        guard case .total(var total) = await store.load(meter) else { return .new }
        total.pulses = max(total.pulses, marks.kept[meter]?.pulses ?? 0)
        return .total(total)
    }

    func save(_ meter: String, _ total: PulseTotal) async throws(PortError) { if isAlive { try await store.save(meter, total) } }

    func recall(_ meter: String) async -> MeterMemory { await memory.recall(meter) }
    func remember(_ meter: String, _ new: MeterMemory) async throws(PortError) { if isAlive { try await memory.remember(meter, new) } }
    func note(_ meter: String, _ new: MeterMemory) { if isAlive { memory.note(meter, new) } }

    func mark(of meter: String) -> PulseMark? { marks.kept[meter] }
    func page(of meter: String) -> any PulseJournalPage { Page(life: self, meter: meter) }

    private final class Page: PulseJournalPage {
        private let life: Mortal
        private let meter: String

        init(life: Mortal, meter: String) {
            self.life = life
            self.meter = meter
        }

        func note(_ mark: PulseMark) -> Bool {
            if life.isAlive { life.marks.kept[meter] = mark }
            return true
        }
        var obstacle: PortError? { nil }
    }

    /// SAFETY: only used on the simulation's one thread.
    final class Marks: @unchecked Sendable { var kept: [String: PulseMark] = [:] }
}

/// A house that executes a plan, with a Home Assistant that receives the totals.
///
/// SAFETY: only used on the simulation's one thread.
final class HostileHouse: @unchecked Sendable {
    let loop = SimulatedLoop()
    let meter: HostileMeter
    let log = SimulatedLog()
    private let plan: HostilePlan
    private let began: Instant
    private let broker: SimulatedBroker
    private let store = SimulatedStore()
    private let memory = SimulatedMemory()
    private let announcements = SimulatedAnnouncements()
    private let marks = Mortal.Marks()
    private let line: SimulatedSerialLine
    private let lines: SimulatedPulseLines
    private let heat: Heat
    private var configuration = Configuration()
    private var life: Mortal?
    private var stopping: AsyncStream<Void>.Continuation?
    private var isRunning = false

    private var homeAssistant = ListeningHomeAssistant()
    private var heard = 0
    /// The energy that replaced meters had counted since they were first read.
    private var before = (imported: Int64(0), exported: Int64(0))
    private(set) var exchanges = 0
    private(set) var findings: [String] = []
    private(set) var comparisons = 0

    /// SAFETY: only used on the simulation's one thread.
    private final class Heat: @unchecked Sendable {
        var meter: VirtualS0
        private var household: Household

        init(_ load: [Household.Step], seed: UInt64, at now: Instant) {
            household = Household(seed: seed, profile: .steps(load), startedAt: now)
            meter = VirtualS0(pulsesPerUnit: 1000, household: household, bounce: true, seed: seed)
        }

        /// The completed pulses; only valid when no energy has flowed for a while.
        func pulses(at now: Instant) -> Int64 {
            household.advance(to: now)
            return household.importWattSeconds / 3600
        }
    }

    init(_ kind: HostileMeter.Kind, seed: UInt64, rounds: Int) {
        let loop = loop
        plan = HostilePlan(kind, seed: seed, rounds: rounds)
        began = loop.now
        broker = SimulatedBroker(loop)
        meter = HostileMeter(kind, load: plan.grid, seed: seed, at: began)
        line = SimulatedSerialLine(loop, meter: meter)
        lines = SimulatedPulseLines(loop)
        let heat = Heat(plan.heat, seed: seed, at: began)
        self.heat = heat
        lines.add("heatpump") { heat.meter.nextEdge() }
        var grid = Configuration.Meter(name: "grid", title: "Grid", port: "virtual")
        let languages: [HostileMeter.Kind: MeterProtocol] = [.sml: .sml, .p1: .p1, .modeD: .d0Push, .nameless: .d0Push]
        grid.meterProtocol = languages[kind]
        grid.every = .seconds(1)
        configuration.meters = [grid]
        var pulse = Configuration.Pulse(name: "heatpump", title: "Heat pump", line: .name("GPIO17"))
        pulse.minPulse = .milliseconds(20)
        configuration.pulses = [pulse]
        configuration.mqtt = Configuration.MQTT()
    }

    func run() {
        start()
        for case (let at, .suffer(let glitch, let telegrams)) in plan.events {
            loop.at(began + .seconds(at)) { self.meter.suffer(glitch, telegrams: telegrams, at: self.loop.now) }
        }
        for (at, event) in plan.events {
            run(until: at)
            perform(event, at)
        }
        run(until: plan.end)
    }

    private func run(until seconds: Int64) {
        let end = began + .seconds(seconds)
        if loop.now < end { loop.run(until: end) }
        listen()
    }

    private func perform(_ event: HostilePlan.Event, _ at: Int64) {
        switch event {
        case .compare: compare(at)
        case .suffer: break
        case .restart(let seconds): down(for: seconds) { self.stop() }
        case .kill(let seconds): down(for: seconds) { self.kill() }
        case .powerCut(let seconds, let error, let set):
            down(for: seconds) {
                self.kill()
                self.marks.kept = [:]
                self.memory.notes = [:]
            }
            loop.wallError = .seconds(error)
            loop.at(loop.now + .seconds(set)) { self.loop.wallError = .zero }
        case .forget(let seconds):
            down(for: seconds) {
                self.stop()
                self.memory.memories = [:]
            }
        case .exchange: exchange()
        case .exchangeWhileDown(let seconds):
            down(for: seconds) {
                self.stop()
                self.exchange()
            }
        case .headOff(let seconds):
            meter.isSeen = false
            loop.at(loop.now + .seconds(seconds)) { self.meter.isSeen = true }
        case .brokerAway(let seconds, let forgets):
            broker.isThere = false
            if forgets { homeAssistant.lose() }
            loop.at(loop.now + .seconds(seconds)) { self.broker.isThere = true }
        case .homeAssistantAway(let seconds):
            homeAssistant.stop()
            loop.at(loop.now + .seconds(seconds)) {
                self.listen()
                self.homeAssistant.start()
            }
        }
    }

    // MARK: The daemon

    /// Keeps the daemon down for `seconds`; the plan's wrong telegrams continue meanwhile.
    private func down(for seconds: Int64, _ end: () -> Void) {
        let back = loop.now + .seconds(seconds + 10)
        end()
        loop.run(until: back)
        start()
    }

    private func start() {
        let (stop, stopping) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        self.stopping = stopping
        isRunning = true
        let life = Mortal(broker, store, memory, marks)
        self.life = life
        let surroundings = Surroundings(
            executor: loop, clock: loop, log: log, port: { [line] _ in line },
            lines: { [lines] in lines.wired(to: $0) }, journal: life, broker: life, store: life, memory: life,
            announcements: announcements)
        Task(executorPreference: loop) { [configuration] in
            await Daemon(configuration, surroundings).run(until: stop)
            self.isRunning = false
        }
    }

    private func stop() {
        stopping?.finish()
        loop.run(until: loop.now + .seconds(10))
        if isRunning { findings.append("it does not end") }
    }

    /// From this moment on, nothing the daemon does has any effect: no last message, no file, no byte to the meter.
    private func kill() {
        life?.isAlive = false
        line.isPlugged = false
        stop()
        line.isPlugged = true
    }

    private func exchange() {
        listen()
        let (now, last) = (loop.now, meter.shown(at: loop.now))
        let first = exchanges == 0 ? (zero("energy_import"), zero("energy_export")) : (0, 0)
        before.imported += last.imported - first.0
        before.exported += last.exported - first.1
        exchanges += 1
        meter.isSeen = false
        loop.at(now + .seconds(HostilePlan.exchangeTakes)) { self.meter.isSeen = true }
        meter.exchange(load: plan.grid(from: (now - began).components.seconds), at: now)
    }

    // MARK: What Home Assistant receives

    private func zero(_ quantity: String) -> Int64 { homeAssistant.totals["jouled/grid/\(quantity)"]?.first ?? 0 }

    private func listen() {
        for published in broker.published[heard...] { homeAssistant.hear(published.message.topic, published.message.payload) }
        heard = broker.published.count
    }

    private func compare(_ at: Int64) {
        listen()
        comparisons += 1
        let shown = meter.shown(at: loop.now)
        let (first, last) = exchanges == 0 ? ((zero("energy_import"), zero("energy_export")), shown) : ((0, 0), shown)
        expect("grid/energy_import", before.imported + last.imported - first.0, at)
        expect("grid/energy_export", before.exported + last.exported - first.1, at)
        expect("heatpump/energy", heat.pulses(at: loop.now) * 10_000, at)
        if let gas = homeAssistant.totals["jouled/grid_gas/volume"]?.first { expect("grid_gas/volume", meter.gas - gas, at) }
    }

    private func expect(_ topic: String, _ used: Int64, _ at: Int64) {
        let sum = homeAssistant.totals["jouled/" + topic]?.sum
        if sum != used { findings.append("\(topic) at \(at) s: \(sum.map { "\($0)" } ?? "none") instead of \(used)") }
    }

    /// For each total: how often it decreased, and its first value.
    var totals: [String: TotalIncreasing] { homeAssistant.totals }

    var published: [SimulatedBroker.Published] { broker.published }

    var complaints: [String] { broker.homeAssistant.complaints.map { "\($0)" } }

    var serial: String? { broker.retained["jouled/grid/serial"] }
}
