import LinuxIO
import Publishing

@main
struct Main {
    private static var commands: [any Command.Type] {
        [
            RunCommand.self, CheckCommand.self, DetectCommand.self, ReadCommand.self, WatchCommand.self, DecodeCommand.self,
            RecordCommand.self, ReplayCommand.self, SimulateCommand.self, TotalCommand.self, DemoCommand.self,
        ]
    }

    static func main() {
        checkProcess()
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard let word = arguments.first else { misuse("no command given", general) }
        if word == "--help" || word == "-h" || word == "help" { finish(general) }
        if word == "--version" || word == "-V" { finish("jouled \(jouledVersion)\n") }
        guard let type = commands.first(where: { $0.name == word }) else { misuse("unknown command \(word)", general) }
        let command: any Command
        do throws(Options.Misuse) {
            let options = try Options(Array(arguments.dropFirst()), rules: type.rules)
            if options.has("help") { finish(type.usage + "\n") }
            if options.has("version") { finish("jouled \(jouledVersion)\n") }
            command = try type.init(options)
        } catch {
            misuse("\(word): \(error.reason)", type.usage + "\n")
        }
        let loop = EventLoop()
        // The only unstructured task: the loop runs it on this thread until the task ends the process.
        Task(executorPreference: loop) { [command] in
            let code = await command.run(loop)
            end(code)
        }
        loop.run()
    }

    /// If the output could not be written, the command has failed. If the reader closed the pipe, no message is needed.
    private static func end(_ code: ExitCode) -> Never {
        guard let outputFailure else { endProcess(code.rawValue) }
        if case .other(let error) = outputFailure { printText("jouled: can't write to \(error)\n", to: standardError) }
        endProcess((code == .done ? .failed : code).rawValue)
    }

    private static var general: String {
        let width = commands.map { $0.name.count }.max() ?? 0
        let list = commands.map { "  \($0.name)\(String(repeating: " ", count: width - $0.name.count))  \($0.summary)\n" }.joined()
        return "usage: jouled COMMAND [OPTION…]\n\n\(list)\n`jouled COMMAND --help` shows more, `jouled --version` the version.\n"
    }

    private static func finish(_ text: String) -> Never {
        printText(text)
        end(.done)
    }

    private static func misuse(_ reason: String, _ usage: String) -> Never {
        printText("jouled: \(reason)\n\n\(usage)", to: standardError)
        endProcess(ExitCode.wrongUsage.rawValue)
    }
}
