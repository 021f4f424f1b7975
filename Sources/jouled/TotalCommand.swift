import Configuration
import LinuxIO
import MeterDaemon
import Metering

struct TotalCommand: Command {
    static let name = "total"
    static let summary = "shows or sets the total of a pulse meter"
    static let usage = """
        usage: jouled total [-c FILE] NAME [VALUE]

        Shows the total of the pulse meter NAME, or sets it to VALUE, the reading of the meter's display (in the meter's unit).
        Below the total: when it was set to which value and, from the second time on, how far the pulses deviate from the display.
        Asks the running daemon; if none is running, reads and writes the saved state.

          -c, --config FILE   the configuration (\(defaultConfiguration))
        """
    static let rules: [Options.Rule] = [.value("config", "c")]

    private let path: String
    private let meter: String
    private let value: Quantity?

    init(_ options: Options) throws(Options.Misuse) {
        try options.limitWords(to: 2)
        guard let meter = options.words.first else { throw Options.Misuse(reason: "no meter given") }
        self.meter = meter
        path = options["config"] ?? defaultConfiguration
        guard let word = options.words.dropFirst().first else {
            value = nil
            return
        }
        do throws(TypedTotal.Refusal) {
            value = try TypedTotal(word.utf8).value
        } catch {
            throw Options.Misuse(reason: "\(word): \(error)")
        }
    }

    func run(_ loop: EventLoop) async -> ExitCode {
        let configuration: Configuration
        do throws(ConfigurationErrors) {
            configuration = try loadConfiguration(path: path)
        } catch {
            printText(error.description + "\n", to: standardError)
            return .wrongConfiguration
        }
        guard let pulse = configuration.pulses.first(where: { $0.name == meter }) else {
            return fail("\(path) has no pulse meter \(meter)")
        }
        if let meter = pulse.of { return fail("\(pulse.name) is the light of \(meter) and has no total of its own") }
        let folder = Folder(configuration.state.directory)
        // From here on the command acts as the directory's owner: the daemon's user can change the directory's contents, and could direct
        // root to other files.
        do throws(SystemError) { try folder.actAsOwner() } catch { return fail("the saved state can't be accessed: \(error)") }
        let request = "total \(meter)" + (value.map { " \($0)" } ?? "")
        if let reply = ControlSocket.ask(request, directory: folder) {
            guard reply.hasPrefix("ok ") else { return fail(String(reply.drop { $0 != " " }.dropFirst())) }
            let lines = reply.dropFirst(3).split(separator: "\n", maxSplits: 1)
            printText("\(lines.first ?? "") \(pulse.unit.rawValue)\n")
            for rest in lines.dropFirst() { printText(rest + "\n") }
            return .done
        }
        return await editSavedState(pulse, folder, loop)
    }

    private func editSavedState(_ pulse: Configuration.Pulse, _ folder: Folder, _ loop: EventLoop) async -> ExitCode {
        do throws(SystemError) {
            guard let held = try StateDirectory(folder) else { return fail("a daemon is using \(folder.path), but does not answer") }
            defer { withExtendedLifetime(held) {} }
            let journal = pulseJournal(in: RunFolder(state: folder.path, makesIt: false))
            let files = TotalFiles(directory: folder, journal: journal, loop: loop)
            let stored = await files.load(meter)
            guard let value else { return show(stored, pulse) }
            var state = MeterState()
            state.addPulse(
                MeterDescription(name: meter, title: pulse.title), medium: pulse.medium, unit: pulse.unit,
                pulsesPerUnit: pulse.pulsesPerUnit, restored: stored, wall: loop.wall)
            if let refusal = state.setTotal(value, of: meter, wall: loop.wall) { return fail(refusal) }
            guard let new = state.snapshot[meter]?.total else { return fail("there is no total to save") }
            journal.begin(meter, counted: new.pulses)
            return await save(new, files, pulse)
        } catch {
            return fail("the saved state can't be accessed: \(error)")
        }
    }

    private func save(_ total: PulseTotal, _ files: TotalFiles, _ pulse: Configuration.Pulse) async -> ExitCode {
        do throws(PortError) {
            try await files.save(meter, total)
        } catch {
            return fail(error.description)
        }
        return show(total, pulse)
    }

    private func show(_ stored: StoredTotal, _ pulse: Configuration.Pulse) -> ExitCode {
        switch stored {
        case .total(let total) where total.origin == .unsettled:
            return fail("the total of \(meter) is unknown: the broker, which may have retained it, has not been asked yet; set it")
        case .total(let total): return show(total, pulse)
        case .older(let total, let why):
            printText("jouled: using the older copy: \(why)\n", to: standardError)
            return show(total, pulse)
        case .new: return fail("\(meter) has no saved total yet")
        case .damaged(let why): return fail("the saved total can't be read (\(why)): set it")
        }
    }

    private func show(_ total: PulseTotal, _ pulse: Configuration.Pulse) -> ExitCode {
        printText("\(total.total) \(pulse.unit.rawValue)\n" + total.remarks.map { $0 + "\n" }.joined())
        return .done
    }

    private func fail(_ why: String) -> ExitCode {
        printText("jouled: \(why)\n", to: standardError)
        return .failed
    }
}
