/// How many bytes that belong to no telegram have been received at each speed since the session last started to listen at it: for the
/// message that explains why nothing can be read.
struct BytesHeard: Sendable {
    private var counts: [(line: LineSettings, bytes: Int)] = []
    private var current = 0
    /// `false` for a remote port, whose speed is set on another machine.
    private let isSpeedKnown: Bool

    init(isSpeedKnown: Bool) { self.isSpeedKnown = isSpeedKnown }

    /// Restarts the count for this speed at 0.
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

    /// Whether any bytes were received at each speed: unlike the counts, this stays the same while more bytes arrive.
    var speeds: [LineSettings: Bool] { Dictionary(counts.map { ($0.line, $0.bytes > 0) }) { $1 } }

    /// `no data at 9600 Bd 8N1; 312 bytes at 2400 Bd 8N1, but no telegram`
    var description: String {
        counts.map { line, bytes in
            let place = isSpeedKnown ? " at \(line)" : ""
            return bytes == 0 ? "no data\(place)" : "\(bytes) bytes\(place), but no telegram"
        }.joined(separator: "; ")
    }
}
