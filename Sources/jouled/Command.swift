import LinuxIO

/// Exit codes: 0 for success, 1 for failure, and those of sysexits.h.
enum ExitCode: Int32, Error {
    case done = 0, failed = 1, wrongUsage = 64, notReachable = 69, wrongConfiguration = 78
}

/// A subcommand of `jouled`.
protocol Command: Sendable {
    static var name: String { get }
    /// One line for the list of commands.
    static var summary: String { get }
    /// The output of `jouled NAME --help`.
    static var usage: String { get }
    static var rules: [Options.Rule] { get }

    /// Checks the arguments; if they are wrong, the error is printed together with the usage.
    init(_ options: Options) throws(Options.Misuse)
    func run(_ loop: EventLoop) async -> ExitCode
}

let defaultConfiguration = "/etc/jouled/config.toml"

extension Options {
    /// Throws an error if there are more than `count` words.
    func limitWords(to count: Int) throws(Misuse) {
        guard words.count <= count else { throw Misuse(reason: "unexpected argument \(words[count])") }
    }
}
