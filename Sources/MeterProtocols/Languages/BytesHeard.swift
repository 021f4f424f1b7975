/// How many bytes were heard at which speed, since it was last listened at, without a telegram in them: what a person needs to know who
/// asks why nothing is read.
struct BytesHeard: Sendable {
    private var counts: [(line: LineSettings, bytes: Int)] = []
    private var current = 0
    /// The speed is set on another machine and unknown here.
    private let isSpeedKnown: Bool

    init(isSpeedKnown: Bool) { self.isSpeedKnown = isSpeedKnown }

    /// From now on at this speed, with nothing heard yet.
    mutating func listen(at line: LineSettings) {
        if let place = counts.firstIndex(where: { $0.line == line }) {
            current = place
            counts[place].bytes = 0
        } else {
            current = counts.count
            counts.append((line, 0))
        }
    }

    mutating func add(_ count: Int) {
        guard counts.indices.contains(current) else { return }
        let (sum, overflow) = counts[current].bytes.addingReportingOverflow(count)
        counts[current].bytes = overflow ? .max : sum
    }

    /// A telegram came: the other speeds are of no account.
    mutating func reset() {
        guard counts.indices.contains(current) else { return }
        counts = [(counts[current].line, 0)]
        current = 0
    }

    var isSilent: Bool { counts.allSatisfy { $0.bytes == 0 } }

    /// What does not change while only the number of bytes does.
    var speeds: [LineSettings: Bool] { Dictionary(counts.map { ($0.line, $0.bytes > 0) }) { $1 } }

    /// `no data at 9600 Bd 8N1; 312 bytes at 2400 Bd 8N1, but no telegram`
    var description: String {
        counts.map { line, bytes in
            let place = isSpeedKnown ? " at \(line)" : ""
            return bytes == 0 ? "no data\(place)" : "\(bytes) bytes\(place), but no telegram"
        }.joined(separator: "; ")
    }
}
