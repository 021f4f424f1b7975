import Configuration
import LinuxIO
import MeterDaemon
import Metering
import Publishing

/// The daemon's threads: one for blocking calls and one for the rest. libmosquitto has its own thread, and so do the pulses, because that
/// thread must not wait for anything else.
struct ServiceThreads {
    let main: EventLoop
    let storage: EventLoop
    /// Holds descriptors that must stay open between two runs.
    let store = DescriptorStore()

    init(main: EventLoop) {
        self.main = main
        storage = EventLoop()
        storage.startThread(named: "storage")
    }
}

/// One run of the daemon with one configuration and real ports.
struct Service {
    enum End {
        case stopped, failed
        case reloaded(Configuration)
    }

    private static let shutdownLimit = Duration.seconds(5)
    private static let start = Duration.seconds(10)

    private let configuration: Configuration
    private let threads: ServiceThreads
    private let broker: MosquittoBroker?
    private let pulses = PulseBell()
    private let log: any Log
    private let notice = ServiceNotice()

    init(_ configuration: Configuration, threads: ServiceThreads, log: any Log) {
        self.configuration = configuration
        self.threads = threads
        self.log = log
        broker = realBroker(configuration, threads.main)
    }

    /// Runs until a signal ends it, or a reload brings a different configuration.
    func run(_ signals: Signals, reload: @escaping @Sendable () -> Configuration?) async -> End {
        let folder = Folder(configuration.state.directory)
        var state: StateDirectory?
        var control: ControlSocket?
        // Counting must continue even if the disk can't be written to, but not if another daemon is already counting with this state.
        do throws(SystemError) {
            state = try StateDirectory(folder)
            guard state != nil else {
                log.write(.error, "another jouled is already using \(folder.path)")
                return .failed
            }
            control = try ControlSocket(directory: folder, loop: threads.main)
        } catch {
            log.write(.error, "the state directory can't be used, counting without it: \(error)")
        }
        let daemon = await Daemon(configuration, surroundings(folder))
        log.write(
            .notice, "jouled \(jouledVersion): meters: \(configuration.meters.count), pulse lines: \(configuration.pulses.count)")
        let end = await withTaskGroup(of: Void.self) { beside in
            if let control { beside.addTask { await control.serve { await daemon.answer($0) } } }
            beside.addTask { await feedWatchdog(daemon) }
            beside.addTask { await settle() }
            defer { beside.cancelAll() }
            return await run(daemon, signals, reload)
        }
        withExtendedLifetime(state) {}
        return end
    }

    private func surroundings(_ folder: Folder) -> Surroundings {
        let (threads, log, pulses) = (threads, log, pulses)
        if configuration.pulses.isEmpty { threads.store.discardRest() }
        let ram = RunFolder(state: folder.path, makesIt: true)
        if ram == nil, !configuration.pulses.isEmpty {
            log.write(
                .warning,
                "no writable directory in RAM (RUNTIME_DIRECTORY, /run/jouled): a crash loses the pulses since the last save")
        }
        let journal = pulseJournal(in: ram)
        let files = TotalFiles(directory: folder, journal: journal, ram: ram, loop: threads.storage)
        return Surroundings(
            executor: threads.main, clock: threads.main, log: log, port: { serialPort($0.port, loop: threads.main) },
            lines: { gpioLines($0, store: threads.store, bell: pulses) }, journal: journal, broker: broker, store: files,
            memory: files,
            announcements: AnnouncementFile(directory: folder, loop: threads.storage),
            restart: { Signals.askForRestart() })
    }

    private func run(_ daemon: Daemon, _ signals: Signals, _ reload: @Sendable () -> Configuration?) async -> End {
        // Nothing is sent through the stream: its end is the signal to stop.
        let (stop, stopping) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        return await withTaskGroup(of: Farewell.self) { group in
            group.addTask {
                await daemon.run(until: stop)
                return .over
            }
            notice.send("READY=1")
            var end = await waitForEnd(signals, reload)
            if case .stopped = end { notice.send("STOPPING=1") }
            stopping.finish()
            let limit = threads.main.now + Self.shutdownLimit
            group.addTask {
                await threads.main.sleep(until: limit)
                return .late
            }
            group.addTask { .signal(await signals.next()) }
            while let event = await group.next() {
                if case .over = event { break }
                if case .signal(.stop) = event, case .reloaded = end {
                    // This is the first stop signal during a restart: stop without starting again.
                    end = .stopped
                    notice.send("STOPPING=1")
                } else if event == .signal(.restart) {
                    // A restart is already in progress.
                } else if event == .signal(.reload) {
                    if case .reloaded = end, let newer = reload() { end = .reloaded(newer) }
                } else {
                    log.write(.error, "stopped before everything was published and saved")
                    endProcess(ExitCode.failed.rawValue)
                }
                group.addTask { .signal(await signals.next()) }
            }
            group.cancelAll()
            // A stop signal received at the last moment is in the group, no longer pending in the kernel, and must not be lost.
            for await event in group where event == .signal(.stop) { end = .stopped }
            return end
        }
    }

    /// Events after the daemon has been told to end. A second stop signal, or a shutdown that takes too long, ends the process immediately.
    private enum Farewell: Equatable {
        case over, late
        case signal(Signals.Signal?)
    }

    private func waitForEnd(_ signals: Signals, _ reload: @Sendable () -> Configuration?) async -> End {
        while let signal = await signals.next() {
            switch signal {
            case .stop: return .stopped
            case .restart:
                log.write(.notice, "restarting")
                return .reloaded(reload() ?? configuration)
            case .reload:
                guard let new = reload() else { continue }
                if new == configuration {
                    log.write(.notice, "the configuration has not changed")
                } else {
                    log.write(.notice, "the configuration has changed: restarting to apply it")
                    return .reloaded(new)
                }
            }
        }
        return .stopped
    }

    /// Waits until the meters and the broker have usually been found and regular operation has begun, and then frees the code that only the
    /// start needs.
    private func settle() async {
        await threads.main.sleep(until: threads.main.now + Self.start)
        if !Task.isCancelled { giveBackStartupCode() }
    }

    private func feedWatchdog(_ daemon: Daemon) async {
        guard let interval = notice.watchdogInterval else { return }
        let watchdog = ServiceWatchdog(
            every: interval, loop: threads.main, storage: threads.storage, pulses: configuration.pulses.isEmpty ? nil : pulses,
            broker: broker?.heartbeat, log: log)
        let (aggregator, notice) = (daemon.aggregator, notice)
        await watchdog.run(proof: { _ = await aggregator.snapshot }, feed: { notice.send("WATCHDOG=1") })
    }
}

/// The configured broker; its will is the offline message of the publication.
func realBroker(_ configuration: Configuration, _ loop: EventLoop) -> MosquittoBroker? {
    guard let mqtt = configuration.mqtt, let publication = configuration.publication else { return nil }
    return MosquittoBroker(mqtt, will: publication.will, loop: loop)
}
