import Glibc
import MeterProtocols
import Metering
import StateTrial

/// Trials that take too long without optimization, and measurements: built like the release binary, from the same objects.
///
///   DecoderTrials mutate COUNT            that many corrupted telegrams of each language, with bounded memory
///   DecoderTrials decode LANGUAGE ROUNDS  decodes telegrams from standard input that many times, and prints the number of values
///   DecoderTrials write LANGUAGE COUNT    writes telegrams of the usual shape to standard output: libsml supports no other
///   DecoderTrials seeds LANGUAGE FOLDER   writes a fuzzer's initial corpus; `session` is the dialogue, `state` all from wire to broker
///   DecoderTrials state COUNT             that many scripts of different telegrams, from the wire to the broker
@main struct Trials {
    static func main() {
        let words = Array(CommandLine.arguments.dropFirst())
        switch (words.first, words.dropFirst().first.flatMap { Language(rawValue: $0) }, words.last) {
        case ("mutate", nil, let count?): mutate(Int(count) ?? 0)
        case ("decode", let language?, let rounds?): decode(language, Int(rounds) ?? 0)
        case ("write", let language?, let count?): save((0..<(Int(count) ?? 0)).flatMap { language.telegram(12 * $0) }, "/dev/stdout")
        case ("state", nil, let count?): tryState(UInt64(count) ?? 0)
        case ("seeds", let language, let folder?):
            let seeds = words.dropFirst().first == "state" ? StateTrial.seeds : language?.seeds ?? sessionSeeds
            for (number, seed) in seeds.enumerated() { save(seed, "\(folder)/own-\(number)") }
        default: fail("see Tests/DecoderTrials/Trials.swift")
        }
    }

    private static func mutate(_ count: Int) {
        guard count > 0 else { fail("mutate how many?") }
        for language in Language.allCases {
            let before = residentKilobytes()
            var trial = MutationTrial(language, seed: 62_056)
            trial.run(count)
            feedWithoutEnd(language)
            let growth = residentKilobytes() - before
            print("\(language): \(count) damaged telegrams, \(trial.late) whole ones read late, memory grew by \(growth) kB")
            guard trial.failures.isEmpty else { fail(trial.failures.joined(separator: "\n")) }
            guard growth < 8_192 else { fail("memory is not bounded") }
        }
    }

    private static func tryState(_ count: UInt64) {
        guard count > 0 else { fail("how many?") }
        let before = residentKilobytes()
        var readouts = 0
        for seed in 0..<count {
            let trial = StateTrial.run(StateTrial.script(seed: seed, length: 400))
            readouts += trial.readouts.values.reduce(0, +)
            guard trial.failures.isEmpty else { fail("seed \(seed): \(trial.failures.joined(separator: "\n"))") }
        }
        let growth = residentKilobytes() - before
        print("state: \(count) scripts, \(readouts) readouts, memory grew by \(growth) kB")
        guard growth < 16_384 else { fail("memory is not bounded") }
    }

    /// 32 MB of each kind of telegram start without an end: no decoder may keep them.
    private static func feedWithoutEnd(_ language: Language) {
        let beginnings: [[UInt8]] = [
            Array("/ABC5x\r\n".utf8), Array("/ABC5x\r\n\r\n1.8.0(1)\r\n".utf8), [0x02] + Array("1.8.0(1)\r\n".utf8), Array("(".utf8),
            [0x1B], [0x76],
            [0x1B, 0x1B, 0x1B, 0x1B, 0x01, 0x01, 0x01, 0x01], [0x1B, 0x1B, 0x1B, 0x1B, 0x01, 0x01, 0x01, 0x01, 0x55], [0x00],
        ]
        for beginning in beginnings {
            var decoder = language.decoder
            let piece = Array(repeatElement(beginning, count: 4096 / beginning.count).joined())
            for _ in 0..<8192 { _ = decoder.push(piece, at: Instant(nanoseconds: 0)) }
        }
    }

    private static func decode(_ language: Language, _ rounds: Int) {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = read(0, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
        let pieces = stride(from: 0, to: bytes.count, by: 4096).map { Array(bytes[$0..<min($0 + 4096, bytes.count)]) }
        switch language {
        case .iec: decode(pieces, rounds, IECDecoder())
        case .sml: decode(pieces, rounds, SMLDecoder())
        case .p1: decode(pieces, rounds, P1Decoder())
        }
    }

    private static func decode(_ pieces: [[UInt8]], _ rounds: Int, _ decoder: some PushDecoder) {
        var decoder = decoder
        var (telegrams, values) = (0, 0)
        for _ in 0..<rounds {
            for piece in pieces {
                for case .readout(let readout) in decoder.push(piece, at: Instant(nanoseconds: 0)) {
                    telegrams += 1
                    values += readout.registers.count
                }
            }
        }
        print("\(telegrams) telegrams, \(values) values")
    }

    private static func save(_ bytes: [UInt8], _ path: String) {
        guard let file = fopen(path, "wb"), fwrite(bytes, 1, bytes.count, file) == bytes.count, fclose(file) == 0 else {
            fail("\(path) can't be written")
        }
    }

    private static func residentKilobytes() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { fail("no /proc") }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, 128, file) != nil else { fail("no /proc") }
        let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: " ")
        return (Int(words[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) / 1024
    }

    private static func fail(_ words: String) -> Never {
        print(words)
        exit(1)
    }
}
