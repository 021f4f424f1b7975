import JSONReading
import MeterProtocols
import Metering
import Publishing
import VirtualMeters

/// Invariants for arbitrary bytes from a meter. A violation ends the process, which the fuzzer reports.
func checkProperties(of bytes: [UInt8], as language: Language) {
    let whole = findings(bytes, [bytes.count], language)
    var random = SeededGenerator(seed: bytes.reduce(UInt64(bytes.count)) { $0 &* 31 &+ UInt64($1) })
    let pieces = (0..<64).map { _ in Int(random.number(in: 1...Int64(random.number(in: 1...300)))) }
    require(findings(bytes, pieces, language) == whole, "in pieces it is read as whole")
    require(findings(bytes, [1], language) == whole, "byte by byte it is read as whole")
    for case .readout(let readout) in whole { checkPublication(of: readout) }
    checkWhatFollows(bytes, language)
    for case .readout(let readout) in findings(bytes, [bytes.count], AutoDecoder()) { checkPublication(of: readout) }
}

private func findings(_ bytes: [UInt8], _ pieces: [Int], _ language: Language) -> [Finding] { findings(bytes, pieces, language.decoder) }

private func findings(_ bytes: [UInt8], _ pieces: [Int], _ decoder: some PushDecoder) -> [Finding] {
    var decoder = decoder
    var found: [Finding] = []
    var start = 0
    var piece = 0
    while start < bytes.count {
        let end = min(bytes.count, start + max(1, pieces[piece % pieces.count]))
        found += decoder.push(Array(bytes[start..<end]), at: Instant(nanoseconds: 0))
        (start, piece) = (end, piece + 1)
    }
    return found + decoder.finish()
}

/// The JSON of a readout must be parsed back to the same values.
private func checkPublication(of readout: Readout) {
    require(!readout.registers.isEmpty, "a readout has registers")
    let line = JSON.decoded(readout).description
    guard let elements = JSONText(line)?["registers"]?.elements else { fatalError("well-formed JSON: \(line)") }
    require(elements.count == readout.registers.count, "all registers are in the JSON")
    for (register, element) in zip(readout.registers, elements) {
        require(element["obis"]?.string.flatMap { OBISCode($0) } == register.code, "a code reads back")
        switch (register.value, element["value"], element["text"]) {
        case (.number(let number, _), .number(let digits)?, nil):
            // Values with more digits than can be parsed came in binary, so they can't be compared.
            if let back = Quantity(digits) { require(!(back < number) && !(number < back), "a number reads back: \(digits)") }
        case (.text(let text), nil, .string(let back)?):
            require(back == text && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "a text reads back")
        default: fatalError("a number or a text: \(line)")
        }
    }
    var again = readout.signedByStatus
    again.registers = readout.canonicalRegisters
    _ = (again.isLocked, readout.subMeters, readout.number)
    var state = MeterState()
    state.addOptical(MeterDescription(name: "meter", title: "Meter"), maxPower: 25_000, staleAfter: .seconds(60))
    for second in 0..<4 as Range<Int64> {
        again.at = Instant(nanoseconds: second * 1_000_000_000)
        again.asked = again.at
        state.record(again, of: "meter", wall: WallTime(millisecondsSince1970: 0))
    }
}

/// Two intact telegrams after arbitrary bytes must both be found.
private func checkWhatFollows(_ bytes: [UInt8], _ language: Language) {
    guard let (good, expected) = whole[language] else { fatalError("of each language") }
    let separator: [UInt8] = language == .sml ? [] : [0x0D, 0x0A]
    let found = registers(findings(bytes + separator + good, [bytes.count], language))
    require(expected.count == 2 && found.suffix(2).elementsEqual(expected), "what comes behind is found: \(found.count)")
}

private let whole = Dictionary(
    uniqueKeysWithValues: Language.allCases.map { language in
        let good = [language.telegram(0), language.telegram(1)]
        return (language, (bytes: Array(good.joined()), registers: good.flatMap { registers(findings($0, [$0.count], language)) }))
    })

private func registers(_ found: [Finding]) -> [[Register]] {
    found.compactMap { if case .readout(let readout) = $0 { readout.registers } else { nil } }
}

func require(_ holds: Bool, _ words: @autoclosure () -> String) {
    if !holds { fatalError(words()) }
}
