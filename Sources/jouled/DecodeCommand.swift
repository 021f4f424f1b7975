import LinuxIO
import MeterProtocols
import Metering
import Publishing

struct DecodeCommand: Command {
    static let name = "decode"
    static let summary = "decodes recorded bytes"
    static let usage = """
        usage: jouled decode FILE… [--protocol P] [--json]

        Shows the telegrams in recorded bytes, either raw or as written by `jouled record` (`-` is standard input). Corrupted data is never
        shown as a value; it is reported on standard error, consecutive identical errors once with their count. The exit code is 1 if
        nothing could be decoded.

          -p, --protocol P    iec62056, d0-push, sml or p1; auto detects it
          -j, --json          one line of JSON for each telegram
        """
    static let rules: [Options.Rule] = [.value("protocol", "p"), .flag("json", "j")]

    private static let piece = 64 * 1024

    private let files: [String]
    private let meterProtocol: MeterProtocol?
    private let asJSON: Bool

    init(_ options: Options) throws(Options.Misuse) {
        guard !options.words.isEmpty else { throw Options.Misuse(reason: "no file given") }
        meterProtocol = try options.meterProtocol()
        files = options.words
        asJSON = options.has("json")
    }

    func run(_ loop: EventLoop) async -> ExitCode {
        var telegrams = 0
        for file in files {
            guard let bytes = readRecordedBytes(file) else { continue }
            let count = decode(bytes, file)
            if count == 0 { printText("jouled: \(file): there is no complete telegram in it\n", to: standardError) }
            telegrams += count
        }
        return telegrams > 0 ? .done : .failed
    }

    private func decode(_ bytes: [UInt8], _ file: String) -> Int {
        var decoder = pushDecoder(for: meterProtocol)
        var complaints = Complaints(file: file)
        var telegrams = 0
        for start in stride(from: 0, to: bytes.count, by: Self.piece) {
            let piece = Array(bytes[start..<min(start + Self.piece, bytes.count)])
            for finding in decoder.push(piece, at: Instant(nanoseconds: 0)) { telegrams += show(finding, &complaints) }
        }
        for finding in decoder.finish() { telegrams += show(finding, &complaints) }
        complaints.end()
        return telegrams
    }

    private func show(_ finding: Finding, _ complaints: inout Complaints) -> Int {
        switch finding {
        case .noise(let noise):
            complaints.add(noise)
            return 0
        case .readout(let readout):
            printReadout(readout, asJSON: asJSON)
            if !asJSON { printText("\n") }
            return 1
        }
    }
}

/// The errors in a file. Consecutive identical errors are combined into one line, even if something was decoded in between.
private struct Complaints {
    let file: String
    private var last: Finding.Noise?
    private var count = 0

    init(file: String) { self.file = file }

    mutating func add(_ noise: Finding.Noise) {
        if noise != last { end() }
        (last, count) = (noise, count + 1)
    }

    mutating func end() {
        guard let last else { return }
        printText("jouled: \(file): \(last)\(count > 1 ? " (\(count) times)" : "")\n", to: standardError)
        (self.last, count) = (nil, 0)
    }
}
