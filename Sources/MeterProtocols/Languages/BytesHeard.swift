/// How many bytes were received at each speed since the session last listened at it, without a telegram among them: for the message that
/// explains why nothing can be read.
struct BytesHeard: Sendable {
    private var counts: [(line: LineSettings, bytes: Int)] = []
    private var current = 0
    /// `false` if the speed is set on another machine.
    private let isSpeedKnown: Bool

    init(isSpeedKnown: Bool) { self.isSpeedKnown = isSpeedKnown }

    /// Starts to count from 0 at this speed.
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

    /// A telegram was received: the counts of the other speeds no longer matter.
    mutating func reset() {
        guard counts.indices.contains(current) else { return }
        counts = [(counts[current].line, 0)]
        current = 0
    }

    var isSilent: Bool { counts.allSatisfy { $0.bytes == 0 } }

    /// Whether there were bytes, for each speed: unlike the counts, this stays the same while more bytes come.
    var speeds: [LineSettings: Bool] { Dictionary(counts.map { ($0.line, $0.bytes > 0) }) { $1 } }

    /// `no data at 9600 Bd 8N1; 312 bytes at 2400 Bd 8N1, but no telegram`
    var description: String {
        counts.map { line, bytes in
            let place = isSpeedKnown ? " at \(line)" : ""
            return bytes == 0 ? "no data\(place)" : "\(bytes) bytes\(place), but no telegram"
        }.joined(separator: "; ")
    }
}
