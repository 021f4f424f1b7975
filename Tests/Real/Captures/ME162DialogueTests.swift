import MeterProtocols
import Metering
import Testing
import VirtualMeters

/// Sends the requests of a recorded dialogue to the virtual meter at the same times, and expects the same answers.
@Suite struct ME162DialogueTests {
    private struct Line {
        var at: Instant
        var isRequest: Bool
        var speed: BaudRate
        var bytes: [UInt8]
    }

    @Test func dialogue() throws {
        let name = "ISKRA_ME162_programming_session.txt"
        guard let recording = CaptureFiles("iec")?.bytes(of: name).map({ String(decoding: $0, as: UTF8.self) }) else {
            print("1 test was skipped: no \(name) beside the repository")
            return
        }
        let lines = recording.split(separator: "\n").compactMap(parse)
        let start = try #require(lines.first).at
        // The real counter advanced by 17 Wh in the three minutes of the recording.
        let household = Household(seed: 1, profile: .steady(watts: 350), startedAt: start)
        var meter = VirtualME162(household: household, seed: 1, startedAt: start)
        var said: [Emission] = []
        var compared = 0
        for line in lines {
            if line.isRequest {
                // The host sent its requests after the complete answer.
                while let end = said.last?.end, line.at - end > .seconds(30) {
                    // The recording omits most of the reads that kept the session open.
                    said = meter.received(line.bytes, at: end + .seconds(30), lineSpeed: line.speed)
                }
                let through = max(line.at, said.last?.end ?? line.at) + LineSettings(line.speed).duration(of: line.bytes.count)
                said = meter.advance(to: through) + meter.received(line.bytes, at: through, lineSpeed: line.speed)
                continue
            }
            let answer = try #require(said.first)
            #expect(said.count == 1)
            #expect(answer.speed == line.speed)
            #expect(shape(answer.bytes) == shape(line.bytes))
            // The program that wrote the log polled, so its times are inexact.
            #expect((Duration.milliseconds(-250)...(.milliseconds(120))).contains(answer.end - line.at))
            compared += 1
        }
        #expect(compared == 10)
        let last = try #require(lines.last?.bytes)
        let counted = try #require(Quantity(last[2..<13]))
        #expect(abs(counted.mantissa - meter.energy(at: try #require(lines.last).at).imported) <= 2)
    }

    /// Omits the last digits of the counters and the check character, which depends on them.
    private func shape(_ message: [UInt8]) -> String {
        guard message.count == 20 else { return String(decoding: message, as: UTF8.self) }
        return String(decoding: message[..<11] + message[13..<19], as: UTF8.self)
    }

    private func parse(_ line: Substring) -> Line? {
        let fields = line.split(separator: " ")
        guard line.first != "#", fields.count == 4, let speed = Int(fields[2]).flatMap(BaudRate.init) else { return nil }
        let clock = fields[0].split { $0 == ":" || $0 == "." }.compactMap { Int64($0) }
        guard clock.count == 4 else { return nil }
        let digits = Array(fields[3])
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap { UInt8(String(digits[$0...($0 + 1)]), radix: 16) }
        let milliseconds = ((clock[0] * 60 + clock[1]) * 60 + clock[2]) * 1000 + clock[3]
        return Line(at: Instant(nanoseconds: milliseconds * 1_000_000), isRequest: fields[1] == "TX", speed: speed, bytes: bytes)
    }
}
