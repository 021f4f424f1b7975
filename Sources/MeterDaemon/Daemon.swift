import Configuration
import MeterProtocols
import Metering
import Publishing

/// Connects the inputs to the aggregator, and the aggregator to the sinks. Shuts them down in the order of the data flow.
package struct Daemon: Sendable {
    package let aggregator: Aggregator
    private let configuration: Configuration
    private let surroundings: Surroundings
    package let controls: MeterControls
    private let readers: [OpticalReader]
    private let sinks: [any Sink]
    private let reports: PulseReports
    /// How many pulses of each input had been counted when the daemon started.
    private let counted: [String: Int64]

    /// Restores the totals first: nothing is published before they are loaded.
    package init(_ configuration: Configuration, _ surroundings: Surroundings) async {
        self.configuration = configuration
        self.surroundings = surroundings
        let state = await Self.restore(configuration, surroundings)
        counted = state.snapshot.totals.mapValues(\.pulses)
        reports = PulseReports(lines: configuration.pulses.count)
        let aggregator = Aggregator(
            state, pulses: configuration.pulses.map(\.name), reports, memory: surroundings.memory, executor: surroundings.executor,
            clock: surroundings.clock, log: surroundings.log)
        self.aggregator = aggregator
        let memories = state.memories
        readers = configuration.meters.map { meter in
            let isTimedByPulses = configuration.pulses.contains { $0.of == meter.name }
            return OpticalReader(
                name: meter.name, session: meter.session(isTimedByPulses: isTimedByPulses, known: memories[meter.name]?.language),
                port: surroundings.port(meter), executor: surroundings.executor, clock: surroundings.clock, aggregator: aggregator)
        }
        let keeper = TotalKeeper(
            store: surroundings.store, saveEvery: configuration.state.saveEvery, executor: surroundings.executor,
            clock: surroundings.clock, newest: { await aggregator.snapshot.totals }
        ) { meter, failure in
            let problem = failure.map { "the total can't be saved: \($0)" }
            await aggregator.change { state, _, _ in state.note(savingProblem: problem, of: meter) }
        }
        let memoryKeeper = MemoryKeeper(
            aggregator, store: surroundings.memory, executor: surroundings.executor, clock: surroundings.clock, log: surroundings.log)
        controls = MeterControls(aggregator: aggregator, keeper: keeper, readers: readers, restart: surroundings.restart)
        sinks = [keeper, memoryKeeper] + Self.outputs(configuration, surroundings, controls)
    }

    /// Runs until `stop` yields or ends; then ends the inputs, then the aggregator, then the sinks.
    package func run(until stop: AsyncStream<Void>) async {
        var listening: [(sink: any Sink, snapshots: Newest<Snapshot>)] = []
        for sink in sinks { listening.append((sink, await aggregator.snapshots(type(of: sink).interest))) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await aggregator.run() }
            await withTaskGroup(of: Void.self) { telling in
                for (sink, snapshots) in listening { telling.addTask { await sink.run(snapshots) } }
                await runInputs(until: stop)
                await aggregator.finish()
            }
            group.cancelAll()
        }
    }

    /// Cancels the inputs when `stop` fires. The task that receives their reports is not cancelled, so that the last pulse is counted.
    private func runInputs(until stop: AsyncStream<Void>) async {
        await withTaskGroup(of: Void.self) { listeners in
            if !configuration.pulses.isEmpty { listeners.addTask { await aggregator.listen() } }
            await withTaskGroup(of: Void.self) { inputs in
                for reader in readers { inputs.addTask { await reader.run() } }
                if !configuration.pulses.isEmpty { inputs.addTask { await countPulses() } }
                for await _ in stop { break }
                inputs.cancelAll()
            }
        }
    }

    private func countPulses() async {
        let counter = PulseCounter(
            configuration, counted: counted, reports: reports, journal: surroundings.journal, log: surroundings.log)
        await surroundings.lines(configuration.pulses).run(counter)
    }

    private static func restore(_ configuration: Configuration, _ surroundings: Surroundings) async -> MeterState {
        var state = MeterState()
        for meter in configuration.meters {
            state.addOptical(
                MeterDescription(name: meter.name, title: meter.title), named: meter.named, maxPower: meter.maxPower,
                staleAfter: max(.seconds(30), meter.every * 3 + .seconds(10)), remembered: await surroundings.memory.recall(meter.name),
                since: surroundings.clock.now)
        }
        for pulse in configuration.pulses {
            if let meter = pulse.of {
                state.addLight(pulse.name, of: meter, pulsesPerUnit: pulse.pulsesPerUnit)
                continue
            }
            let stored = await load(pulse, asksBroker: configuration.mqtt != nil && surroundings.broker != nil, surroundings)
            state.addPulse(
                MeterDescription(name: pulse.name, title: pulse.title), medium: pulse.medium, unit: pulse.unit,
                pulsesPerUnit: pulse.pulsesPerUnit, restored: stored, wall: surroundings.clock.wall)
        }
        return state
    }

    /// Loads the saved total. If there is none, the broker may have retained the total; otherwise it starts at 0.
    private static func load(_ pulse: Configuration.Pulse, asksBroker: Bool, _ surroundings: Surroundings) async -> StoredTotal {
        let (name, log) = (pulse.name, surroundings.log)
        let stored = await surroundings.store.load(name)
        switch stored {
        case .total(var total) where total.origin == .unsettled:
            guard !asksBroker else { break }
            _ = total.settle(from: nil, at: surroundings.clock.wall)
            log.write(.notice, "\(name): no saved total, counting from 0; set it with: jouled total \(name) VALUE")
            return .total(total)
        case .total(let total): log.write(.info, "\(name): total \(total.total) restored")
        // After this older copy was written, the broker may have been asked for its total, and may now retain what was counted here.
        case .older(let total, let why) where total.origin == .unsettled: return .damaged(why)
        case .older(let total, let why): log.write(.warning, "\(name): total \(total.total) restored from the older copy: \(why)")
        case .new:
            if asksBroker { return .total(PulseTotal(pulsesPerUnit: pulse.pulsesPerUnit, origin: .unsettled)) }
            log.write(.notice, "\(name): no saved total, counting from 0; set it with: jouled total \(name) VALUE")
        case .damaged: break
        }
        return stored
    }
}
