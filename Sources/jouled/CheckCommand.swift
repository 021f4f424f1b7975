import Configuration
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Publishing

struct CheckCommand: Command {
    static let name = "check"
    static let summary = "validates the configuration; with --online, also tries its ports and broker"
    static let usage = """
        usage: jouled check [-c FILE] [--online]

        Reads the configuration and reports each error with file, line and column; the exit code is then 78.

          -c, --config FILE   the configuration (\(defaultConfiguration))
              --online        also tries every port, line and the broker, one line each; exit code 69 if one fails
        """
    static let rules: [Options.Rule] = [.value("config", "c"), .flag("online")]

    private let path: String
    private let isOnline: Bool

    init(_ options: Options) throws(Options.Misuse) {
        try options.limitWords(to: 0)
        path = options["config"] ?? defaultConfiguration
        isOnline = options.has("online")
    }

    func run(_ loop: EventLoop) async -> ExitCode {
        let configuration: Configuration
        do throws(ConfigurationErrors) {
            configuration = try loadConfiguration(path: path)
        } catch {
            printText(error.description + "\n", to: standardError)
            return .wrongConfiguration
        }
        printText("\(path): ok\n" + configuration.summary.map { "  \($0)\n" }.joined())
        for warning in exposedSecrets(of: configuration) { printText("jouled: \(warning)\n", to: standardError) }
        guard isOnline else { return .done }
        let folder = Folder(configuration.state.directory)
        var failures = 0
        for meter in configuration.meters {
            failures += say("meter \(meter.name)", await finding(meter.name, folder) { await tryPort(meter, loop) })
        }
        for pulse in configuration.pulses {
            failures += say("pulse \(pulse.name)", await finding(pulse.name, folder) { await tryLine(pulse, loop) })
        }
        if let mqtt = configuration.mqtt { failures += say("broker \(mqtt.host):\(mqtt.port)", await tryBroker(mqtt, loop)) }
        failures += say("state \(folder.path)", tryState(folder))
        for warning in await serialWarnings(configuration, folder, loop) { printText("warning: \(warning)\n") }
        return failures == 0 ? .done : .notReachable
    }

    private enum Finding { case ok(String), wrong(String) }

    private func say(_ what: String, _ finding: Finding) -> Int {
        switch finding {
        case .ok(let detail):
            printText("\(what): ok\(detail.isEmpty ? "" : ", " + detail)\n")
            return 0
        case .wrong(let why):
            printText("\(what): \(why)\n")
            return 1
        }
    }

    /// A running daemon holds the port or line, so the daemon is asked first. If none is running, or it does not have this meter, the check
    /// tries the port or line itself.
    private func finding(_ meter: String, _ folder: Folder, trying: () async -> Finding) async -> Finding {
        let answer = try? folder.asOwner { ControlSocket.ask("problem \(meter)", directory: folder) }
        guard let reply = answer ?? nil else { return await trying() }
        let words = String(reply.drop { $0 != " " }.dropFirst())
        if reply.hasPrefix("ok ") { return .ok("\(words) by the running daemon") }
        return words.hasPrefix("no meter") ? await trying() : .wrong("the running daemon reports: \(words)")
    }

    private func tryPort(_ meter: Configuration.Meter, _ loop: EventLoop) async -> Finding {
        do throws(PortError) {
            let connection = try await serialPort(meter.port, loop: loop).open(LineSettings.opening)
            await connection.close()
            return .ok("\(meter.port) can be opened; try: jouled read \(meter.port)")
        } catch {
            return .wrong(error.description)
        }
    }

    private func tryLine(_ pulse: Configuration.Pulse, _ loop: EventLoop) async -> Finding {
        switch await GPIOTrial(pulse, loop: loop).result() {
        case .success(let found): .ok(found)
        case .failure(let error): .wrong(error.description)
        }
    }

    private func tryBroker(_ mqtt: Configuration.MQTT, _ loop: EventLoop) async -> Finding {
        var mqtt = mqtt
        // The daemon may be connected with the same client id, and a second client with that id would disconnect it.
        mqtt.clientID += "-check"
        let broker = MosquittoBroker(mqtt, will: nil, loop: loop)
        let events = broker.connect()
        return await withTaskGroup(of: Finding?.self) { group in
            group.addTask {
                for await event in events {
                    switch event {
                    case .connected: return .ok("connected")
                    case .disconnected(let reason): return .wrong(reason)
                    case .remark, .received: break
                    }
                }
                return nil
            }
            group.addTask {
                await loop.sleep(until: loop.now + .seconds(15))
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            await broker.disconnect(within: 1)
            return first ?? .wrong("no answer within 15 s")
        }
    }

    /// Warnings about meters with the same serial number. Uses the numbers that a running or earlier daemon has read.
    private func serialWarnings(_ configuration: Configuration, _ folder: Folder, _ loop: EventLoop) async -> [String] {
        let files = TotalFiles(directory: folder, journal: NoPulseJournal(), loop: loop)
        var serials: [(meter: String, serial: String)] = []
        for meter in configuration.meters {
            if let serial = await files.recall(meter.name).serial { serials.append((meter.name, serial)) }
        }
        return sameSerialWarnings(serials)
    }

    /// Checks the state directory without creating it: a directory created by root might not belong to the daemon.
    private func tryState(_ folder: Folder) -> Finding {
        do throws(SystemError) {
            let condition = try folder.asOwner { () throws(SystemError) in try StateDirectory.condition(of: folder) }
            switch condition {
            case .missing: return .ok("does not exist yet, and can be created")
            case .free: return .ok("can be written")
            case .held: return .ok("a daemon is using it")
            }
        } catch {
            return .wrong(error.description)
        }
    }
}
