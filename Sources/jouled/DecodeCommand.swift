import LinuxIO
import MeterProtocols
import Metering
import Publishing

struct DecodeCommand: Command {
    static let name = "decode"
    static let summary = "decodes recorded bytes"
    static let usage = """
        usage: jouled decode FILE… [--protocol P] [--json]

        Shows the telegrams in recorded bytes (`-` is standard input). What is damaged is said on standard error and never shown as a
        value. Ends with 1 if nothing could be decoded.

          -p, --protocol P    iec62056 (or auto)
          -j, --json          one line of JSON for each telegram
        """
    static let rules: [Options.Rule] = [.value("protocol", "p"), .flag("json", "j")]

    /// A day of telegrams each second.
    private static let limit = 64 * 1024 * 1024

    private let files: [String]
    private let asJSON: Bool

    init(_ options: Options) throws(Options.Misuse) {
        guard !options.words.isEmpty else { throw Options.Misuse(reason: "say which file") }
        try checkProtocol(options)
        files = options.words
        asJSON = options.has("json")
    }

    func run(_ loop: EventLoop) async -> ExitCode {
        var telegrams = 0
        for file in files {
            switch file == "-" ? readBounded(0, limit: Self.limit) : readBounded(file, limit: Self.limit) {
            case .failure(let error): printText("jouled: \(error)\n", to: standardError)
            case .success(let bytes):
                var scanner = TelegramScanner()
                let before = telegrams
                for found in scanner.push(bytes) + scanner.finish() { telegrams += show(found, file) }
                if telegrams == before { printText("jouled: \(file): no whole telegram in it\n", to: standardError) }
            }
        }
        return telegrams > 0 ? .done : .failed
    }

    private func show(_ found: ScannedTelegram, _ file: String) -> Int {
        switch found {
        case .noise(let noise):
            printText("jouled: \(file): \(noise)\n", to: standardError)
            return 0
        case .telegram(let telegram):
            let identification = telegram.identification
            if asJSON {
                let json = JSON.decoded(
                    protocol: "iec62056", manufacturer: identification?.manufacturer, serial: telegram.registers.serial,
                    registers: telegram.registers)
                printText(json.description + "\n")
            } else {
                if let identification { printText("\(identification.manufacturer) \(identification.model)\n") }
                printText(registerTable(telegram.registers) + "\n")
            }
            return 1
        }
    }
}
