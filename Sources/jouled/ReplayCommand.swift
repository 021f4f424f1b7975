import LinuxIO
import MeterDaemon
import MeterProtocols
import VirtualHardware

struct ReplayCommand: Command {
    static let name = "replay"
    static let summary = "plays a recording on a pseudo-terminal"
    static let usage = """
        usage: jouled replay FILE --link PATH [--speed N] [--loop]

        Plays a recording of `jouled record`: a program that reads PATH gets the same bytes at the same pace. Bytes without timestamps are
        played at 9600 baud. Stops at the end of the recording, or on SIGINT or SIGTERM, and removes PATH.

          -l, --link PATH     where the port appears (a symbolic link to a pseudo-terminal)
          -s, --speed N       plays N times as fast, 1 to 1000
              --loop          repeats the recording forever
        """
    static let rules: [Options.Rule] = [.value("link", "l"), .value("speed", "s"), .flag("loop")]

    private let file: String
    private let link: String
    private let timesAsFast: Int
    private let again: Bool

    init(_ options: Options) throws(Options.Misuse) {
        try options.limitWords(to: 1)
        guard let file = options.words.first else { throw Options.Misuse(reason: "no file given") }
        guard let link = options["link"] else { throw Options.Misuse(reason: "--link PATH is required") }
        let speed = options["speed"].map { Int($0) } ?? 1
        guard let speed, (1...1000).contains(speed) else { throw Options.Misuse(reason: "--speed takes 1 to 1000") }
        (self.file, self.link, timesAsFast, again) = (file, link, speed, options.has("loop"))
    }

    func run(_ loop: EventLoop) async -> ExitCode {
        let signals = Signals(loop: loop)
        guard let bytes = readFile(file), let recording = recording(bytes, file) else { return .failed }
        guard !recording.portions.isEmpty else {
            printText("jouled: \(file): the recording is empty\n", to: standardError)
            return .failed
        }
        do throws(PortError) {
            let replay = PtyReplay(recording, on: try PseudoTerminal(loop: loop, link: link), clock: loop)
            printText("playing \(file) at \(link)\n", to: standardError)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await replay.run(timesAsFast: timesAsFast, again: again) }
                group.addTask { _ = await signals.next() }
                _ = await group.next()
                group.cancelAll()
            }
            return .done
        } catch {
            printText("jouled: \(error)\n", to: standardError)
            return .failed
        }
    }
}
