import JSONReading
import MeterProtocols
import Metering
import Testing

/// What independent decoders read from recordings of real meters, and what we read.
@Suite struct IECCaptureTests {
    /// Recordings that must not give a value, and why. All others give one telegram, those of `several` as many as said.
    static let valueless: [String: [ScannedTelegram.Noise]] = [
        "APATOR_unitless_bang_on_last_line": [.wrongBlockCheck],  // digits zeroed by its author
        "ISKRA_ME162-0012_anonymised_zeros": [.wrongBlockCheck],  // as well
        "ISKRA_MT171_value_with_blank_unit": [.wrongBlockCheck],  // as well
        "EASYMETER_Q3D_bit_errors": [.corruptLine],
        "EASYMETER_Q3D_broken": [.corruptLine],
        "EASYMETER_T3D_double_number": [.corruptLine],
        "ISKRA_MT372_4_registers": [.cutOff],  // no `!`
        "ISKRA_MT382_8_tariffs": [.cutOff],
        "LANDISGYR_ZMD405_history_amp": [.cutOff],
        "ELSTER_AS3000_history": [],  // no identification: nothing begins
        "ISKRA_MT174_history_fragment": [],
    ]
    static let several = ["EBZ_DD3_locked_integer_kWh": 2]

    @Test func readsTheRecordings() throws {
        guard let files = CaptureFiles("iec") else {
            print("IEC captures: skipped, there are none beside the repository")
            return
        }
        var (decoded, rejected, values) = (0, 0, 0)
        for file in files.names where file.hasSuffix(".expected.json") && !file.contains("session") {
            let name = String(file.dropLast(".expected.json".count))
            let bytes = try #require(files.bytes(of: name + ".bin") ?? files.bytes(of: name + ".txt"), "\(name)")
            let json = try #require(files.bytes(of: file), "\(name)")
            let expected = try #require(JSONText(String(decoding: json, as: UTF8.self)), "\(name)")
            let (telegrams, noise) = scan(bytes)
            if let reason = Self.valueless[name] {
                #expect(telegrams.isEmpty && noise == reason, "\(name)")
                rejected += 1
            } else {
                #expect(telegrams.count == Self.several[name] ?? 1 && noise.isEmpty && telegrams.allSatisfy { $0.badLines == 0 }, "\(name)")
                decoded += 1
                values += compare(telegrams.flatMap(\.registers), with: expected, name)
                let line = try #require(expected["identification"]?.string, "\(name)")
                #expect(telegrams.allSatisfy { $0.identification == Identification(line: line.utf8) }, "\(name)")
            }
            // The data lines by themselves: those of damaged and cut recordings are readable one by one.
            let lines = lines(of: bytes)
            let (registers, badLines) = DataBlock.parse(lines, strict: false)
            if Self.several[name] == nil { values += compare(registers, with: expected, name) }
            #expect(
                badLines == ["EASYMETER_Q3D_bit_errors": 2, "EASYMETER_Q3D_broken": 3, "EASYMETER_T3D_double_number": 1][name] ?? 0,
                "\(name)")
        }
        print("IEC captures: \(decoded) decoded, \(rejected) rejected, \(values) values compared")
        #expect(decoded + rejected >= 27)
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
        let (telegrams, noise) = scan(both)
        #expect(noise.isEmpty)
        #expect(telegrams.first?.registers.count == 9)
        #expect(telegrams.allSatisfy { $0.isChecked && $0.identification?.model == "ME162-0033" })
        let answers = (expected["messages"]?.elements ?? []).compactMap { $0["answer"]?.string }
        #expect(answers.count == 6 && telegrams.count == 7)
        for (answer, telegram) in zip(answers, telegrams.dropFirst()) {
            let energy = try #require(Quantity(String(answer.dropLast(4))))
            #expect(telegram.registers.map(\.value) == [.number(energy, .kilowattHours)])
        }
        #expect(telegrams.dropFirst().flatMap(\.registers).map(\.code.c) == [1, 2, 1, 2, 1, 1])
    }

    private func scan(_ bytes: [UInt8]) -> ([Telegram], [ScannedTelegram.Noise]) {
        var scanner = TelegramScanner()
        var (telegrams, noise): ([Telegram], [ScannedTelegram.Noise]) = ([], [])
        for found in scanner.push(bytes) + scanner.finish() {
            switch found {
            case .telegram(let telegram): telegrams.append(telegram)
            case .noise(let reason): noise.append(reason)
            }
        }
        return (telegrams, noise)
    }

    /// What is between the identification or STX and the end.
    private func lines(of bytes: [UInt8]) -> ArraySlice<UInt8> {
        let characters = bytes.map { $0 & 0x7F }
        if let start = characters.firstIndex(of: ControlCharacter.stx) { return bytes[(start + 1)...] }
        guard let start = characters.firstIndex(of: UInt8(ascii: "/")), start < 4,
            let end = characters.firstIndex(of: ControlCharacter.lf)
        else { return bytes[...] }
        return bytes[end...]
    }

    /// How many data sets were compared. The other decoder's gaps: it takes a comma or a glued unit for text, and both of two sets.
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
