import JSONReading
import MeterProtocols
import Metering
import Testing

/// Compares our results for recordings of real meters with those of independent decoders.
@Suite struct IECCaptureTests {
    /// Recordings that must not give a value, and the reason. All others give one telegram, those in `several` the given number.
    static let valueless: [String: [Finding.Noise]] = [
        "APATOR_unitless_bang_on_last_line": [.wrongCheck],  // digits zeroed by its author
        "ISKRA_ME162-0012_anonymised_zeros": [.wrongCheck],  // same
        "ISKRA_MT171_value_with_blank_unit": [.wrongCheck],  // same
        "EASYMETER_Q3D_bit_errors": [.corruptLine],
        "EASYMETER_Q3D_broken": [.corruptLine],
        "EASYMETER_T3D_double_number": [.corruptLine],
        "ISKRA_MT372_4_registers": [.cutOff],  // no `!`
        "ISKRA_MT382_8_tariffs": [.cutOff],
        "LANDISGYR_ZMD405_history_amp": [.cutOff],
        "ELSTER_AS3000_history": [],  // no identification, so no telegram begins
        "ISKRA_MT174_history_fragment": [],
    ]
    static let several = ["EBZ_DD3_locked_integer_kWh": 2]

    @Test func readsTheRecordings() throws {
        guard let files = CaptureFiles("iec") else {
            print("IEC captures: skipped, there are none beside the repository")
            return
        }
        var (accepted, rejected, values) = (0, 0, 0)
        for file in files.names where file.hasSuffix(".expected.json") && !file.contains("session") {
            let name = String(file.dropLast(".expected.json".count))
            let bytes = try #require(files.bytes(of: name + ".bin") ?? files.bytes(of: name + ".txt"), "\(name)")
            let json = try #require(files.bytes(of: file), "\(name)")
            let expected = try #require(JSONText(String(decoding: json, as: UTF8.self)), "\(name)")
            let found = decoded(bytes, by: IECDecoder())
            let (readouts, noise) = (found.readouts, found.noise)
            #expect(decoded(bytes, by: AutoDecoder()) == found, "\(name)")
            if let reason = Self.valueless[name] {
                #expect(readouts.isEmpty && noise == reason, "\(name)")
                rejected += 1
            } else {
                #expect(readouts.count == Self.several[name] ?? 1 && noise.isEmpty, "\(name)")
                accepted += 1
                values += compare(readouts.flatMap(\.registers), with: expected, name)
                let line = try #require(expected["identification"]?.string, "\(name)")
                let identification = try #require(Identification(line: line.utf8), "\(name)")
                #expect(
                    readouts.allSatisfy { $0.manufacturer == identification.manufacturer && $0.model == identification.model }, "\(name)")
                #expect(readouts.allSatisfy { ($0.source == .d0Push) == hasBlankLine(bytes) }, "\(name)")
            }
            // The data lines alone: even in damaged or truncated recordings each line can be parsed.
            let lines = lines(of: bytes)
            let contents = DataBlock.parse(Array(lines), strict: false)
            if Self.several[name] == nil { values += compare(contents.registers, with: expected, name) }
            #expect(
                contents.badLines == ["EASYMETER_Q3D_bit_errors": 2, "EASYMETER_Q3D_broken": 3, "EASYMETER_T3D_double_number": 1][name]
                    ?? 0,
                "\(name)")
        }
        print("IEC captures: \(accepted) decoded, \(rejected) rejected, \(values) values compared")
        #expect(accepted + rejected >= 27)
    }

    @Test func readsTheRecordedSession() throws {
        guard let files = CaptureFiles("iec"), let text = files.bytes(of: "ISKRA_ME162_programming_session.txt"),
            let json = files.bytes(of: "ISKRA_ME162_programming_session.expected.json"),
            let expected = JSONText(String(decoding: json, as: UTF8.self))
        else {
            print("IEC session capture: skipped, there is none beside the repository")
            return
        }
        var both: [UInt8] = []
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") where !line.hasPrefix("#") {
            let hex = Array(line.split(separator: " ").last ?? "")
            both += stride(from: 0, to: hex.count - 1, by: 2).compactMap { UInt8(String(hex[$0...($0 + 1)]), radix: 16) }
        }
        let found = decoded(both, by: IECDecoder())
        let telegrams = found.readouts
        #expect(found.noise.isEmpty)
        #expect(telegrams.first?.registers.count == 9)
        #expect(telegrams.allSatisfy { $0.isChecked && $0.model == "ME162-0033" })
        let answers = (expected["messages"]?.elements ?? []).compactMap { $0["answer"]?.string }
        #expect(answers.count == 6 && telegrams.count == 7)
        for (answer, telegram) in zip(answers, telegrams.dropFirst()) {
            let energy = try #require(Quantity(String(answer.dropLast(4))))
            #expect(telegram.registers.map(\.value) == [.number(energy, .kilowattHours)])
        }
        #expect(telegrams.dropFirst().flatMap(\.registers).map(\.code.c) == [1, 2, 1, 2, 1, 1])
    }

    /// Byte by byte, at every split, and twice with garbage before, between and after.
    @Test func readsTheRecordingsInPiecesAndAmongGarbage() throws {
        guard let files = CaptureFiles("iec") else { return }
        var random = SplitMix(state: 1)
        for file in files.names where !file.hasSuffix(".json") && !file.contains("session") {
            let bytes = try #require(files.bytes(of: file), "\(file)")
            let whole = decoded(bytes, by: IECDecoder())
            #expect(decoded(bytes, in: 1, by: IECDecoder()) == whole, "\(file)")
            #expect(decoded(bytes, in: 1, by: AutoDecoder()) == whole, "\(file)")
            let all = 0...bytes.count
            for cut in bytes.count < 256 ? Array(all) : (0..<100).map({ _ in Int.random(in: all, using: &random) }) {
                #expect(decoded(bytes, cutAt: cut, by: IECDecoder()) == whole, "\(file) cut at \(cut)")
            }
            for _ in 0..<20 {
                // Not an ETX, which after data lines would mean that they began with an STX.
                let garbage = (0..<3).map { _ in
                    [0xFF] + (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) } + [
                        0x0D, 0x0A,
                    ]
                }
                let around = decoded(garbage[0] + bytes + garbage[1] + bytes + garbage[2], by: IECDecoder())
                #expect(around.readouts == whole.readouts + whole.readouts, "\(file)")
            }
        }
    }

    private func hasBlankLine(_ bytes: [UInt8]) -> Bool {
        let text = bytes.map { $0 & 0x7F }
        guard let end = text.firstIndex(of: ControlCharacter.lf) else { return false }
        return text[(end + 1)...].starts(with: [0x0D, 0x0A])
    }

    /// The part between the identification or STX and the end.
    private func lines(of bytes: [UInt8]) -> ArraySlice<UInt8> {
        let characters = bytes.map { $0 & 0x7F }
        if let start = characters.firstIndex(of: ControlCharacter.stx) { return bytes[(start + 1)...] }
        guard let start = characters.firstIndex(of: UInt8(ascii: "/")), start < 4,
            let end = characters.firstIndex(of: ControlCharacter.lf)
        else { return bytes[...] }
        return bytes[end...]
    }

    /// Returns the number of compared data sets. The other decoder treats commas and glued units as text, and keeps both of two sets.
    private func compare(_ registers: [Register], with expected: JSONText, _ name: String) -> Int {
        var compared = 0
        var seen: Set<OBISCode> = []
        for set in expected["dataSets"]?.elements ?? [] {
            guard let address = set["address"]?.string, let value = set["value"]?.string else { continue }
            guard var code = address == "FF" ? OBISCode(97, 97, 0) : OBISCode(address) else { continue }
            if name.hasPrefix("APATOR"), code.f == 0 { code.f = 255 }
            let isSecond = Self.several[name] == nil && !seen.insert(code).inserted
            let found = registers.filter { $0.code == code }
            let trimmed = String(value.drop { $0 == " " })
            if isSecond || trimmed.isEmpty
                || trimmed.contains(where: { $0 == "." }) && Quantity(trimmed) == nil && set["unit"]?.string != nil
            {
                if !isSecond { #expect(found.isEmpty, "\(name) \(address)") }
                continue
            }
            compared += 1
            #expect(found.contains { isSame($0.value, trimmed, set["unit"]?.string) }, "\(name) \(address) \(value) \(found)")
        }
        return compared
    }

    private func isSame(_ value: RegisterValue, _ text: String, _ unit: String?) -> Bool {
        switch value {
        case .text(let own): return own == text && unit == nil
        case .number(let number, let own):
            let glued = text.hasSuffix("kWh")
            let digits = glued ? String(text.dropLast(3).prefix { $0 != " " }) : text
            return Quantity(digits) == number && (unit == nil || own?.rawValue == unit) && (!glued || own == .kilowattHours)
        }
    }
}
