import Configuration
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering

struct WatchCommand: Command {
    static let name = "watch"
    static let summary = "shows a meter live, and how well its head receives it"
    static let usage = """
        usage: jouled watch [PORT] [--protocol P] [--seconds N]
               jouled watch -c FILE [NAME] [--seconds N]

        Reads the meter at PORT and shows its values as they arrive, and a bar: turn the head until the bar is long. Without PORT: the
        only optical head that is plugged in. If the output is not a terminal: a line per second. Ctrl-C stops it.

          -c, --config FILE   takes port and protocol of the meter NAME from FILE; without NAME if there is only one
          -p, --protocol P    iec62056 asks; d0-push, sml and p1 listen; auto listens for a moment, asks, then listens
          -s, --seconds N     stops after N seconds; exit code 1 if nothing was read by then
        """
    static let rules: [Options.Rule] = [.value("config", "c"), .value("protocol", "p"), .value("seconds", "s")]

    private let word: String?
    private let configuration: String?
    private let meterProtocol: MeterProtocol?
    private let limit: Duration?

    init(_ options: Options) throws(Options.Misuse) {
        try options.limitWords(to: 1)
        configuration = options["config"]
        if let word = options.words.first { self.word = configuration == nil ? try portWord(word) : word } else { word = nil }
        meterProtocol = try options.meterProtocol()
        if configuration != nil, options.has("protocol") { throw Options.Misuse(reason: "--protocol can't be combined with --config") }
        let seconds = options["seconds"].map { Int64($0) ?? 0 }
        if let seconds, !(1...86_400).contains(seconds) { throw Options.Misuse(reason: "--seconds takes 1 to 86400") }
        limit = seconds.map { .seconds($0) }
    }

    func run(_ loop: EventLoop) async -> ExitCode {
        let meter: Configuration.Meter
        switch findMeter() {
        case .success(let found): meter = found
        case .failure(let code): return code
        }
        let signals = Signals(loop: loop)
        return await withTaskGroup(of: ExitCode.self) { group in
            group.addTask { await watch(meter, loop) }
            group.addTask {
                _ = await signals.next()
                return .done
            }
            let first = await group.next() ?? .failed
            group.cancelAll()
            return first
        }
    }

    private func findMeter() -> Result<Configuration.Meter, ExitCode> {
        guard let configuration else {
            guard let port = word ?? onlyHead() else { return .failure(.notReachable) }
            var meter = Configuration.Meter(name: "", title: "", port: port)
            meter.meterProtocol = meterProtocol
            return .success(meter)
        }
        let meters: [Configuration.Meter]
        do throws(ConfigurationErrors) {
            meters = try loadConfiguration(path: configuration).meters
        } catch {
            printText(error.description + "\n", to: standardError)
            return .failure(.wrongConfiguration)
        }
        let wanted = meters.filter { word == nil || $0.name == word }
        if wanted.count == 1 { return .success(wanted[0]) }
        let names = meters.map(\.name).joined(separator: " ")
        printText("jouled: \(configuration): \(names.isEmpty ? "no [[meter]] in it" : "choose a meter: \(names)")\n", to: standardError)
        return .failure(.wrongUsage)
    }

    private func watch(_ meter: Configuration.Meter, _ loop: EventLoop) async -> ExitCode {
        var watch = LinkWatch(meter.session(), every: .seconds(1))
        var view = LinkView(port: meter.port)
        defer { view.end() }
        do throws(PortError) {
            try await converse(&watch, at: meter.port, loop, until: limit.map { loop.now + $0 }) { watch, _ in
                if watch.isDue { view.show(watch) }
                return outputFailure == nil
            }
            return watch.readout == nil ? .failed : .done
        } catch {
            guard error != .cancelled else { return .done }
            printText("jouled: \(error)\n", to: standardError)
            return .notReachable
        }
    }
}
