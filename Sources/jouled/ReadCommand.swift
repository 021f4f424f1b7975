import Configuration
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import Publishing

struct ReadCommand: Command {
    static let name = "read"
    static let summary = "reads a meter once"
    static let usage = """
        usage: jouled read [PORT] [--protocol P] [--json] [--timeout SECONDS]

        Reads the meter at PORT once and shows every register with its meaning. Without PORT: the only optical head that is plugged
        in (/dev/serial/by-id). A head on another machine is tcp://HOST:PORT.

          -p, --protocol P    iec62056 asks; d0-push, sml and p1 listen; auto listens for a moment, asks, then listens
          -j, --json          one line of JSON, as `decode --json` prints it
          -t, --timeout S     gives up after S seconds (90: a meter may refuse for a minute after an aborted session)
        """
    static let rules: [Options.Rule] = [.value("protocol", "p"), .flag("json", "j"), .value("timeout", "t")]

    private let port: String?
    private let meterProtocol: MeterProtocol?
    private let asJSON: Bool
    private let patience: Duration

    init(_ options: Options) throws(Options.Misuse) {
        try options.limitWords(to: 1)
        meterProtocol = try options.meterProtocol()
        port = try options.words.first.map(portWord)
        asJSON = options.has("json")
        let seconds = options["timeout"].map { Int64($0) } ?? 90
        guard let seconds, (1...3600).contains(seconds) else { throw Options.Misuse(reason: "--timeout takes 1 to 3600 seconds") }
        patience = .seconds(seconds)
    }

    func run(_ loop: EventLoop) async -> ExitCode {
        let path: String
        switch port ?? onlyHead() {
        case let found?: path = found
        case nil: return .notReachable
        }
        do throws(PortError) {
            let readout = try await readOnce(path, loop)
            printReadout(readout, asJSON: asJSON)
            return .done
        } catch {
            say(error.description)
            return .notReachable
        }
    }

    private func readOnce(_ path: String, _ loop: EventLoop) async throws(PortError) -> Readout {
        var plan = ReadingPlan(read: .readout, registers: [], every: .seconds(1))
        plan.hasFixedSpeed = RemoteHead(path) != nil
        var session = session(for: meterProtocol, plan: plan)
        var readout: Readout?
        try await converse(&session, at: path, loop, until: loop.now + patience) { _, actions in
            for action in actions {
                switch action {
                case .deliver(let delivered): readout = readout ?? delivered
                case .noise(let noise): say(noise.rawValue)
                case .problem(let problem): if let problem { say(problem) }
                case .send, .apply: break
                }
            }
            return readout == nil
        }
        if let readout { return readout }
        throw PortError("\(path): no meter answered within \(patience.components.seconds) s")
    }

    private func say(_ text: String) { printText("jouled: \(text)\n", to: standardError) }
}

/// Returns the path, or the address of a remote head, in `word`.
func portWord(_ word: String) throws(Options.Misuse) -> String {
    guard word.hasPrefix("tcp:") else { return word }
    guard let head = RemoteHead(word) else { throw Options.Misuse(reason: "\(word) is not a remote head; expected tcp://HOST:PORT") }
    return head.description
}

/// Returns the only head that is plugged in; if there is none or more than one, prints the reason and returns `nil`.
func onlyHead() -> String? {
    let heads = serialAdapters()
    if heads.count == 1 { return heads[0] }
    let reason = heads.isEmpty ? "no serial adapter is plugged in" : "choose one: \(heads.joined(separator: " "))"
    printText("jouled: \(reason)\n", to: standardError)
    return nil
}

extension Options {
    /// The value of `--protocol`; `nil` means `auto`.
    func meterProtocol() throws(Misuse) -> MeterProtocol? {
        guard let name = self["protocol"], name != "auto" else { return nil }
        let known = Language.all.map(\.name)
        if let found = known.first(where: { $0.rawValue == name }) { return found }
        let names = known.map(\.rawValue).joined(separator: ", ")
        throw Misuse(reason: "--protocol takes \(names) or auto, not \(name)")
    }
}

func printReadout(_ readout: Readout, asJSON: Bool) {
    if readout.isLocked { printText("jouled: the meter only shows whole kWh until its PIN is entered\n", to: standardError) }
    if asJSON { return printText(JSON.decoded(readout).description + "\n") }
    let names = [readout.manufacturer, readout.model, readout.serial].compactMap { $0 }.filter { !$0.isEmpty }
    if !names.isEmpty { printText(names.joined(separator: " ") + "\n") }
    printText(registerTable(readout.registers))
}

/// One line per register: code, value, unit, meaning.
func registerTable(_ registers: [Register]) -> String {
    let rows = registers.map { register -> (String, String, String) in
        switch register.value {
        case .number(let number, let unit):
            (register.code.short, number.description + (unit.map { " " + $0.rawValue } ?? ""), register.code.title ?? "")
        case .text(let text): (register.code.short, text, register.code.title ?? "")
        }
    }
    let codeWidth = rows.map(\.0.count).max() ?? 0
    let valueWidth = rows.map(\.1.count).max() ?? 0
    return rows.map { code, value, title in
        let line = padded(code, codeWidth) + "  " + padded(value, valueWidth, right: true) + "  " + title
        return String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
    }.joined()
}

func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
    let blanks = String(repeating: " ", count: max(0, width - text.count))
    return right ? blanks + text : text + blanks
}
