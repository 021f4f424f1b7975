import Configuration
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering

struct DetectCommand: Command {
    static let name = "detect"
    static let summary = "detects which meter is in front of a head"
    static let usage = """
        usage: jouled detect [PORT…]

        Listens at each PORT (SML, P1, IEC 62056-21 mode D), then asks (modes A, B, C), for at most \(Detection.limit.components.seconds) s, all ports at the same time.
        Shows what answered, and a [[meter]] for the configuration: all of standard output can be pasted into the file. Without PORT:
        every serial adapter that is plugged in (/dev/serial/by-id) and not used by another program.

        The exit code is 1 if nothing answered, and 69 if a port can't be opened and no meter was found at another.
        """
    static let rules: [Options.Rule] = []

    private static let registersShown = 12

    private let ports: [String]

    init(_ options: Options) throws(Options.Misuse) {
        var ports: [String] = []
        for word in options.words { ports.append(try portWord(word)) }
        self.ports = ports
    }

    func run(_ loop: EventLoop) async -> ExitCode {
        let ports = ports.isEmpty ? serialAdapters() : ports
        if ports.isEmpty {
            say("no serial adapter is plugged in")
            return .notReachable
        }
        let outcomes = await withTaskGroup(of: (Int, Detection.Outcome?).self) { group in
            for (index, port) in ports.enumerated() { group.addTask { (index, await detect(port, loop)) } }
            var outcomes = [Detection.Outcome?](repeating: nil, count: ports.count)
            for await (index, outcome) in group { outcomes[index] = outcome }
            return outcomes
        }
        var found = 0
        for case (let port, let outcome?) in zip(ports, outcomes) {
            guard let report = Self.report(outcome, port, found: found + 1) else { continue }
            printText((found > 0 ? "\n" : "") + report)
            found += 1
        }
        return found > 0 ? .done : outcomes.contains(nil) ? .notReachable : .failed
    }

    /// Returns `nil` if the port can't be used.
    private func detect(_ port: String, _ loop: EventLoop) async -> Detection.Outcome? {
        var detection = Detection(hasFixedSpeed: RemoteHead(port) != nil)
        var asks = false
        do throws(PortError) {
            try await converse(&detection, at: port, loop) { detection, actions in
                for action in actions {
                    switch action {
                    case .apply(let settings) where !asks && settings.framing == .eightNone:
                        say("\(port): listening at \(settings.speed.rawValue) Bd")
                    case .send where !asks:
                        asks = true
                        say("\(port): asking")
                    default: break
                    }
                }
                return detection.outcome == nil
            }
        } catch {
            say(error.description)
            return nil
        }
        switch detection.outcome {
        case .silent?:
            say(
                "\(port): \(detection.whatWasHeard); no answer to the sign-on: check the head's position and orientation"
                    + " (or the meter only answers to its own address: `address`; or it is asleep: `wake_up`;"
                    + " or it is refusing to answer for a minute: try again)")
        case .heard?: say("\(port): \(detection.whatWasHeard): check the head's position, with: jouled watch \(port)")
        default: break
        }
        return detection.outcome
    }

    /// Returns `nil` if there is no meter. Everything but the meter's block is written as a TOML comment.
    private static func report(_ outcome: Detection.Outcome, _ port: String, found number: Int) -> String? {
        let lasting = lastingName(of: port)
        switch outcome {
        case .heard, .silent: return nil
        case .identified(let identification):
            let meter = Configuration.Meter(found: number, port: lasting, speaking: .iec62056)
            return comment(
                "\(identification.manufacturer) \(identification.model) answers by iec62056, but its data did not arrive in time: jouled read \(port)\n"
            )
                + meter.block
        case .read(let readout, let speed):
            let meter = Configuration.Meter(found: number, port: lasting, speaking: readout.source, registers: readout.registers)
            let names = [readout.manufacturer, readout.model, readout.number].compactMap { $0 }.filter { !$0.isEmpty }
            let known = readout.registers.filter { $0.code.title != nil }.prefix(registersShown)
            let more = readout.registers.count - known.count
            let locked = readout.isLocked ? "It only shows whole kWh until its PIN is entered.\n" : ""
            return comment(
                "\(names.joined(separator: " ")), \(readout.source.rawValue) at \(speed.rawValue) Bd\n" + locked
                    + registerTable(Array(known)) + (more > 0 ? "\(more) more: jouled read \(port)\n" : ""))
                + meter.block
        }
    }

    /// Turns a text into comment lines; it comes from a meter or a path, and may contain anything.
    private static func comment(_ text: String) -> String {
        text.split(separator: "\n").map { line in
            var comment = "# "
            for scalar in line.unicodeScalars {
                comment.unicodeScalars.append(scalar.properties.generalCategory == .control ? "?" : scalar)
            }
            return comment + "\n"
        }.joined()
    }

    private func say(_ text: String) { printText("jouled: \(text)\n", to: standardError) }
}
