import Configuration
import LinuxIO
import MeterDaemon
import Metering
import Publishing

struct RunCommand: Command, Sendable {
    static let name = "run"
    static let summary = "runs the daemon"
    static let usage = """
        usage: jouled run [-c FILE]

        Reads the meters and publishes them until SIGTERM or SIGINT; then saves the totals, publishes `offline` and exits.
        SIGHUP: reloads the configuration; an invalid one changes nothing, and its errors are logged.
        SIGUSR1: the same, but restarts even if nothing has changed, like the button in Home Assistant.

          -c, --config FILE   the configuration (\(defaultConfiguration))
          -v, --verbose       logs more
        """
    static let rules: [Options.Rule] = [.value("config", "c"), .flag("verbose", "v")]

    private let path: String
    private let log: Journal

    init(_ options: Options) throws(Options.Misuse) {
        try options.limitWords(to: 0)
        path = options["config"] ?? defaultConfiguration
        log = Journal(lowest: options.has("verbose") ? .debug : .info)
    }

    func run(_ loop: EventLoop) async -> ExitCode {
        var configuration: Configuration
        do throws(ConfigurationErrors) {
            configuration = try loadConfiguration(path: path)
        } catch {
            printText(error.description + "\n", to: standardError)
            return .wrongConfiguration
        }
        warnOfSecrets(configuration)
        let signals = Signals(loop: loop)
        let threads = ServiceThreads(main: loop)
        return await withTaskGroup(of: Void.self) { beside in
            beside.addTask { await log.writeRest(loop) }
            defer { beside.cancelAll() }
            while true {
                let service = Service(configuration, threads: threads, log: log)
                switch await service.run(signals, reload: { [self] in reload() }) {
                case .stopped: return .done
                case .failed: return .failed
                case .reloaded(let new): configuration = new
                }
            }
        }
    }

    /// Returns the new configuration, or writes a log message and returns `nil`.
    private func reload() -> Configuration? {
        do throws(ConfigurationErrors) {
            let new = try loadConfiguration(path: path)
            warnOfSecrets(new)
            return new
        } catch {
            log.write(.error, "the new configuration is invalid, keeping the old one:")
            for line in error.description.split(separator: "\n") { log.write(.error, String(line)) }
            return nil
        }
    }

    private func warnOfSecrets(_ configuration: Configuration) {
        for warning in exposedSecrets(of: configuration) { log.write(.warning, warning) }
    }
}
