import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering
import VirtualHardware
import VirtualMeters

struct SimulateCommand: Command {
    static let name = "simulate"
    static let summary = "runs a virtual meter on a pseudo-terminal"
    static let usage = """
        usage: jouled simulate KIND --link PATH [--profile P] [--fault F]… [--speed N] [--seed N]

        A virtual meter that can be read at PATH until SIGINT or SIGTERM: me162 (an Iskra ME162, mode C), mode-a and mode-b answer requests;
        sml, p1 and mode-d send by themselves, once a second.

          -l, --link PATH     where the port appears (a symbolic link to a pseudo-terminal)
          -p, --profile P     the power of the house: \(Household.Profile.names.joined(separator: " "))
          -f, --fault F       \(Fault.names.joined(separator: " "))
          -s, --speed N       baud rate of mode-d: 2400, 4800 or 9600 (9600)
              --seed N        the same number gives the same faults
        """
    static let rules: [Options.Rule] = [
        .value("link", "l"), .value("profile", "p"), .value("fault", "f", repeats: true), .value("speed", "s"), .value("seed"),
    ]

    private enum Kind {
        case me162
        case readout(VirtualReadoutMeter.Kind)
        case push(VirtualPushMeter.Kind)

        static let names =
            ["me162"] + VirtualReadoutMeter.Kind.allCases.map(\.rawValue) + VirtualPushMeter.Kind.allCases.map(\.rawValue)

        init?(_ name: String) {
            if name == "me162" {
                self = .me162
            } else if let kind = VirtualReadoutMeter.Kind(rawValue: name) {
                self = .readout(kind)
            } else if let kind = VirtualPushMeter.Kind(rawValue: name) {
                self = .push(kind)
            } else {
                return nil
            }
        }
    }

    private let kind: Kind
    private let link: String
    private let profile: Household.Profile
    private let faults: [Fault]
    private let speed: BaudRate?
    private let seed: UInt64

    init(_ options: Options) throws(Options.Misuse) {
        try options.limitWords(to: 1)
        let kinds = Kind.names.joined(separator: ", ")
        guard let word = options.words.first else { throw Options.Misuse(reason: "no KIND given; available: \(kinds)") }
        guard let kind = Kind(word) else { throw Options.Misuse(reason: "unknown kind \(word); available: \(kinds)") }
        self.kind = kind
        guard let link = options["link"] else { throw Options.Misuse(reason: "--link PATH is required") }
        self.link = link
        guard let profile = Household.Profile(options["profile"] ?? "home") else {
            throw Options.Misuse(
                reason: "unknown profile \(options["profile"] ?? ""); available: \(Household.Profile.names.joined(separator: " "))")
        }
        self.profile = profile
        var faults: [Fault] = []
        for text in options.all("fault") {
            guard let fault = Fault(text) else {
                throw Options.Misuse(reason: "unknown fault \(text); available: \(Fault.names.joined(separator: " "))")
            }
            faults.append(fault)
        }
        self.faults = faults
        speed = try Self.speed(options, kind)
        guard let seed = UInt64(options["seed"] ?? "1") else { throw Options.Misuse(reason: "--seed takes a number") }
        self.seed = seed
    }

    private static func speed(_ options: Options, _ kind: Kind) throws(Options.Misuse) -> BaudRate? {
        guard let text = options["speed"] else { return nil }
        guard case .push(.modeD) = kind else { throw Options.Misuse(reason: "--speed is only for mode-d; the others have a fixed speed") }
        let speeds = VirtualPushMeter.speedsOfModeD
        guard let speed = Int(text).flatMap(BaudRate.init), speeds.contains(speed) else {
            throw Options.Misuse(reason: "--speed takes \(speeds.map { String($0.rawValue) }.joined(separator: ", "))")
        }
        return speed
    }

    func run(_ loop: EventLoop) async -> ExitCode {
        let household = Household(seed: seed, profile: profile, startedAt: loop.now)
        switch kind {
        case .me162:
            let meter = VirtualME162(household: household, faults: faults, seed: seed, startedAt: loop.now, clock: loop.wall)
            return await run(meter, "ME162", loop)
        case .readout(let kind):
            let meter = VirtualReadoutMeter(kind, household: household, faults: faults, seed: seed, startedAt: loop.now)
            return await run(meter, kind.rawValue + " meter", loop)
        case .push(let kind):
            let meter = VirtualPushMeter(kind, speed: speed, household: household, faults: faults, seed: seed, startedAt: loop.now)
            return await run(meter, kind.rawValue + " meter", loop)
        }
    }

    private func run(_ meter: some VirtualMeter, _ title: String, _ loop: EventLoop) async -> ExitCode {
        let signals = Signals(loop: loop)
        do throws(PortError) {
            let meter = PtyMeter(meter, on: try PseudoTerminal(loop: loop, link: link), executor: loop, clock: loop)
            printText("a virtual \(title) is running at \(link)\n", to: standardError)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await meter.run() }
                _ = await signals.next()
                group.cancelAll()
            }
            return .done
        } catch {
            printText("jouled: \(error)\n", to: standardError)
            return .failed
        }
    }
}
