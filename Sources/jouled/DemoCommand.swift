import Configuration
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Publishing
import VirtualHardware
import VirtualMeters

struct DemoCommand: Command {
    static let name = "demo"
    static let summary = "runs a house without hardware"
    static let usage = """
        usage: jouled demo [--broker URL] [--seconds N] [--seed N]

        A virtual ME162 on a pseudo-terminal and two virtual S0 lines, read by the real daemon, which publishes under `jouled-demo`
        when a broker answers. Shows the values until Ctrl-C.

          -b, --broker URL    mqtt://HOST:PORT (mqtt://localhost:1883, if that answers)
          -s, --seconds N     stops after N seconds; exit code 1 if no value was read by then
              --seed N        simulates another house
        """
    static let rules: [Options.Rule] = [.value("broker", "b"), .value("seconds", "s"), .value("seed")]

    private let broker: Configuration.MQTT?
    private let seconds: Int64?
    private let seed: UInt64

    init(_ options: Options) throws(Options.Misuse) {
        try options.limitWords(to: 0)
        let seconds = options["seconds"].map { Int64($0) }
        guard seconds == nil || seconds.map({ $0.map { (1...86_400).contains($0) } ?? false }) == true else {
            throw Options.Misuse(reason: "--seconds takes 1 to 86400")
        }
        self.seconds = seconds ?? nil
        let seed = options["seed"].map { UInt64($0) } ?? 1
        guard let seed else { throw Options.Misuse(reason: "--seed takes a number") }
        self.seed = seed
        guard let url = options["broker"] else {
            broker = nil
            return
        }
        guard let parsed = Configuration.MQTT(url: url) else { throw Options.Misuse(reason: "--broker takes mqtt://HOST:PORT, not \(url)") }
        broker = parsed
    }

    func run(_ loop: EventLoop) async -> ExitCode {
        let signals = Signals(loop: loop)
        let threads = ServiceThreads(main: loop)
        let directory: String
        let meter: PtyMeter<VirtualME162>
        do {
            directory = try makeTemporaryDirectory("jouled-demo")
            let terminal = try PseudoTerminal(loop: loop, link: directory + "/me162")
            meter = PtyMeter(virtualMeter(loop), on: terminal, executor: loop, clock: loop)
        } catch {
            printText("jouled: \(error)\n", to: standardError)
            return .failed
        }
        var mqtt = broker
        if mqtt == nil, acceptsConnections(host: "localhost", port: 1883) { mqtt = Configuration.MQTT() }
        mqtt?.topic = "jouled-demo"
        mqtt?.clientID = "jouled-demo-\(loop.wall.millisecondsSince1970)"
        let configuration = household(mqtt, port: directory + "/me162", state: directory)
        introduce(mqtt, directory)
        let files = TotalFiles(directory: Folder(directory), journal: NoPulseJournal(), loop: threads.storage)
        // Saves totals of 0, because these meters are new: otherwise the broker would be asked for totals retained from an earlier demo.
        for pulse in configuration.pulses { try? await files.save(pulse.name, PulseTotal(pulsesPerUnit: pulse.pulsesPerUnit)) }
        let daemon = await Daemon(configuration, surroundings(configuration, threads, files))
        let code = await run(daemon, meter, signals, loop)
        removeDirectory(directory)
        return code
    }

    private func run(_ daemon: Daemon, _ meter: PtyMeter<VirtualME162>, _ signals: Signals, _ loop: EventLoop) async -> ExitCode {
        let (stop, stopping) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        let display = LiveTable(loop: loop)
        let (displayed, displaying) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        let snapshots = await daemon.aggregator.snapshots()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await meter.run() }
            await withTaskGroup(of: Void.self) { daemonGroup in
                daemonGroup.addTask { await daemon.run(until: stop) }
                daemonGroup.addTask {
                    await display.run(snapshots)
                    displaying.finish()
                }
                await waitForEnd(signals, displayed, loop)
                stopping.finish()
            }
            group.cancelAll()
        }
        return await daemon.aggregator.snapshot["grid"]?.values[.energyImport] == nil ? .failed : .done
    }

    /// Waits for a signal, the time limit, or the end of the output.
    private func waitForEnd(_ signals: Signals, _ displayed: AsyncStream<Void>, _ loop: EventLoop) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in displayed {} }
            group.addTask { _ = await signals.next() }
            if let seconds { group.addTask { await loop.sleep(until: loop.now + .seconds(seconds)) } }
            await group.next()
            group.cancelAll()
        }
    }

    private func virtualMeter(_ loop: EventLoop) -> VirtualME162 {
        VirtualME162(
            household: Household(seed: seed, profile: .home, startedAt: loop.now), seed: seed, startedAt: loop.now, clock: loop.wall)
    }

    private func household(_ mqtt: Configuration.MQTT?, port: String, state: String) -> Configuration {
        var configuration = Configuration()
        configuration.mqtt = mqtt
        configuration.meters = [Configuration.Meter(name: "grid", title: "Grid meter", port: port)]
        for (name, title, line) in [("heatpump", "Heat pump", "GPIO17"), ("solar", "Solar panels", "GPIO27")] {
            configuration.pulses.append(Configuration.Pulse(name: name, title: title, line: .name(line)))
        }
        configuration.state.directory = state
        return configuration
    }

    private func surroundings(
        _ configuration: Configuration, _ threads: ServiceThreads, _ files: TotalFiles
    ) -> Surroundings {
        let seed = seed
        return Surroundings(
            executor: threads.main, clock: threads.main, log: Journal(lowest: .warning),
            port: { TTYPort(path: $0.port, loop: threads.main) },
            lines: { pulses in
                let meters = pulses.map { pulse in
                    let watts: Int64 = pulse.name == "solar" ? 2400 : 1300
                    let household = Household(seed: seed, profile: .steady(watts: watts), startedAt: threads.main.now)
                    return VirtualS0(pulsesPerUnit: 1000, household: household, seed: seed)
                }
                return VirtualPulseLines(meters, clock: threads.main)
            },
            journal: NoPulseJournal(),
            broker: realBroker(configuration, threads.main),
            store: files,
            announcements: AnnouncementFile(directory: Folder(configuration.state.directory), loop: threads.storage))
    }

    private func introduce(_ mqtt: Configuration.MQTT?, _ directory: String) {
        printText("A virtual ME162 is running at \(directory)/me162; two virtual S0 meters send pulses.\n")
        if let mqtt {
            printText("Subscribe: mosquitto_sub -h \(mqtt.host) -p \(mqtt.port) -t 'jouled-demo/#' -v\n\n")
        } else {
            printText("No broker answers at localhost:1883, so nothing is published.\n\n")
        }
    }
}
