import Configuration
import LinuxIO
import MeterDaemon
import MeterProtocols
import Metering

struct RecordCommand: Command {
    static let name = "record"
    static let summary = "records what a meter sends, with its timing"
    static let usage = """
        usage: jouled record PORT FILE [--protocol P] [--speed N] [--framing F] [--seconds N] [--anonymize]
               jouled record --anonymize RECORDING FILE [--protocol P]

        Writes what is received at PORT (a path, or tcp://HOST:PORT) to the new FILE, until SIGINT or SIGTERM. `decode` shows its
        contents, `replay` plays it. A meter that only answers requests is read out once with --protocol iec62056.

          -p, --protocol P    iec62056 asks; d0-push, sml, p1 and auto only listen (auto)
          -s, --speed N       baud rate to listen at (9600; 115200 for p1)
          -f, --framing F     8N1 or 7E1 (8N1, which has the parity of 7E1 as the eighth bit)
          -t, --seconds N     stops after N seconds
          -a, --anonymize     masks what identifies the meter and its location (serial numbers, addresses, keys, messages) and corrects
                              the checksums; bytes outside complete telegrams are left out. FILE is written at the end. The second form
                              anonymizes an existing recording, made by jouled or as plain bytes.
        """
    static let rules: [Options.Rule] = [
        .value("protocol", "p"), .value("speed", "s"), .value("framing", "f"), .value("seconds", "t"), .flag("anonymize", "a"),
    ]

    private let port: String
    private let file: String
    private let asks: Bool
    private let line: LineSettings
    private let limit: Duration?
    private let meterProtocol: MeterProtocol?
    private let anonymizes: Bool

    init(_ options: Options) throws(Options.Misuse) {
        try options.limitWords(to: 2)
        guard options.words.count == 2 else { throw Options.Misuse(reason: "PORT and FILE are required") }
        port = try portWord(options.words[0])
        file = options.words[1]
        anonymizes = options.has("anonymize")
        meterProtocol = try options.meterProtocol()
        let language = meterProtocol.map(Language.named)
        asks = language?.isAsked == true
        guard !asks || options["speed"] == nil && options["framing"] == nil else {
            throw Options.Misuse(reason: "--speed and --framing are only for listening; iec62056 sets its own")
        }
        let usual = language?.usualSpeed.rawValue ?? 9600
        guard let speed = (options["speed"].map { Int($0) } ?? usual).flatMap(BaudRate.init) else {
            throw Options.Misuse(reason: "--speed takes \(BaudRate.allCases.map { String($0.rawValue) }.joined(separator: ", "))")
        }
        guard let framing = Framing(rawValue: options["framing"]?.uppercased() ?? "8N1") else {
            throw Options.Misuse(reason: "--framing takes 8N1 or 7E1")
        }
        line = asks ? LineSettings.opening : LineSettings(speed, framing)
        let seconds = options["seconds"].map { Int64($0) ?? 0 }
        guard seconds.map({ (1...1_000_000).contains($0) }) ?? true else { throw Options.Misuse(reason: "--seconds takes 1 to 1000000") }
        limit = seconds.map { .seconds($0) }
    }

    func run(_ loop: EventLoop) async -> ExitCode {
        if anonymizes, isRegularFile(port) { return anonymizeRecording() }
        let signals = Signals(loop: loop)
        let connection: any SerialConnection
        do throws(PortError) {
            connection = try await serialPort(port, loop: loop).open(line)
        } catch {
            say(error.description)
            return .notReachable
        }
        let target: NewFile
        do throws(SystemError) {
            target = try NewFile(file)
        } catch {
            say(error.description)
            return .failed
        }
        return await withTaskGroup(of: ExitCode?.self) { group in
            group.addTask { await record(connection, target, loop) }
            group.addTask {
                _ = await signals.next()
                return nil
            }
            var code = ExitCode.done
            // Either the recording ended by itself, or a signal came.
            for await end in group {
                if let end { code = end }
                group.cancelAll()
            }
            await connection.close()
            return code
        }
    }

    private func record(_ connection: any SerialConnection, _ target: NewFile, _ loop: EventLoop) async -> ExitCode {
        let began = loop.now
        var tally = Tally()
        var kept: [Recording.Portion] = []
        var end: PortError?
        do throws(SystemError) {
            if !anonymizes { try target.append(Recording.beginning(asks ? "asked by IEC 62056-21" : line.description)) }
            end = try await listen(connection, loop) { bytes, at throws(SystemError) in
                tally.add(bytes, at)
                let portion = Recording.Portion(at: at - began, bytes)
                if anonymizes { kept.append(portion) } else { try target.append(Recording.lines(portion)) }
            }
            if !anonymizes { try target.append(Recording.end(loop.now - began)) }
        } catch {
            say(error.description)
            return .failed
        }
        if let end { say(end.description) }
        say("\(file): \(tally.summary) in \((loop.now - began).components.seconds) s")
        if anonymizes, !write(Recording(kept, length: loop.now - began), to: target) { return .failed }
        return end != nil ? .notReachable : tally.bytes > 0 ? .done : .failed
    }

    private func anonymizeRecording() -> ExitCode {
        guard let bytes = readFile(port), let original = recording(bytes, port) else { return .failed }
        do throws(SystemError) {
            return write(original, to: try NewFile(file)) ? .done : .failed
        } catch {
            say(error.description)
            return .failed
        }
    }

    /// Writes the recording without the parts that can't be anonymized.
    private func write(_ original: Recording, to target: NewFile) -> Bool {
        let anonymizer = Anonymizer(original, meterProtocol)
        do throws(SystemError) {
            try target.append(anonymizer.recording.text("anonymized"))
        } catch {
            say(error.description)
            return false
        }
        say("\(file): \(anonymizer.telegrams) telegrams anonymized, \(anonymizer.leftOut) bytes left out")
        return anonymizer.telegrams > 0
    }

    /// Records until the time limit, the end of the readout, or cancellation; returns the error if one ends the recording earlier.
    private func listen(
        _ connection: any SerialConnection, _ loop: EventLoop, _ take: ([UInt8], Instant) throws(SystemError) -> Void
    ) async throws(SystemError) -> PortError? {
        var plan = ReadingPlan(read: .readout, registers: [], every: .seconds(1))
        plan.hasFixedSpeed = RemoteHead(port) != nil
        var session = ReadoutSession(plan: plan)
        let end = limit.map { loop.now + $0 }
        var actions = asks ? session.opened(loop.now) : []
        while true {
            do throws(PortError) {
                var isRead = false
                try await connection.perform(actions) { action in
                    switch action {
                    case .deliver: isRead = true
                    case .noise(let noise): say(noise.rawValue)
                    case .problem(let problem): if let problem { say(problem) }
                    case .send, .apply: break
                    }
                }
                if isRead { return nil }
            } catch {
                return error
            }
            let deadline = [end, session.deadline].compactMap { $0 }.min()
            switch await connection.next(until: deadline) {
            case .received(let bytes, let at):
                try take(bytes, at)
                actions = asks ? session.received(bytes, at) : []
            case .timedOut:
                if let end, loop.now >= end { return nil }
                actions = session.timedOut(loop.now)
            case .closed(.cancelled): return nil
            case .closed(let reason): return reason
            }
            // If bytes keep arriving without a pause, no deadline ever expires.
            if let end, loop.now >= end { return nil }
        }
    }

    private func say(_ text: String) { printText("jouled: \(text)\n", to: standardError) }
}

/// Counts what has been received so far.
private struct Tally {
    private(set) var bytes = 0
    private var telegrams = 0
    private var decoder = AutoDecoder()

    mutating func add(_ heard: [UInt8], _ at: Instant) {
        bytes += heard.count
        telegrams += decoder.push(heard, at: at).count { if case .readout = $0 { true } else { false } }
    }

    var summary: String { bytes == 0 ? "nothing was received" : "\(bytes) bytes with \(telegrams) complete telegrams" }
}
