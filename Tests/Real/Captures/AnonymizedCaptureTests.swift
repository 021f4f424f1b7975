import MeterProtocols
import Metering
import Testing

/// Every recording of a real meter, masked: the measured values are the same, and no serial number is left.
@Suite struct AnonymizedCaptureTests {
    @Test(arguments: ["sml", "iec", "p1"])
    func captures(_ kind: String) throws {
        guard let files = CaptureFiles(kind) else {
            print("\(kind) captures, anonymized: skipped, there are none beside the repository")
            return
        }
        var kept = 0
        var lost: [String] = []
        for name in files.names where !name.hasSuffix(".json") {
            let original = try #require(files.bytes(of: name))
            let before = decoded(original, by: AutoDecoder()).readouts
            // SML messages that were cut out of their frames are dropped: no port ever received them like that.
            guard !before.isEmpty, original.first != 0x76 else { continue }
            let anonymizer = Anonymizer(try Recording(file: original))
            let masked = anonymizer.recording.bytes
            let after = decoded(masked, by: AutoDecoder()).readouts
            #expect(after.count == anonymizer.telegrams, "\(name)")
            for readout in after {
                #expect(before.contains { hasSameValues($0, readout) }, "\(name)")
            }
            let characters = String(decoding: masked.map { $0 & 0x7F }, as: UTF8.self)
            for serial in before.compactMap(\.number) where serial.contains(where: { $0 != "0" }) && serial.count >= 6 {
                #expect(!characters.contains(serial), "\(name): \(serial)")
                #expect(!after.contains { $0.number == serial }, "\(name): \(serial)")
            }
            kept += after.count
            if after.count < before.count { lost.append("\(name): \(after.count) of \(before.count)") }
        }
        #expect(kept > 0)
        #expect(lost == [])
    }

    private func hasSameValues(_ a: Readout, _ b: Readout) -> Bool {
        a.registers.count == b.registers.count && a.source == b.source
            && zip(a.registers, b.registers).allSatisfy { old, new in
                guard old.code == new.code else { return false }
                if case .text = old.value, case .text = new.value { return true }
                return old.value == new.value
            }
    }
}
