import Metering

/// What Home Assistant's statistics make of a sensor whose state class is `total_increasing`. Numbers are in units of 10⁻⁷.
struct TotalIncreasing: Equatable {
    private(set) var sum: Int64 = 0
    private(set) var first: Int64?
    private(set) var last: Int64?
    private(set) var decreases = 0

    mutating func see(_ value: Int64) {
        guard value >= 0 else { return }
        guard let last else {
            // The first one ever is the zero point.
            (first, last) = (value, value)
            return
        }
        if value < last { decreases += 1 }
        // Below nine tenths the meter was reset, and the new value counts in full. A smaller dip is subtracted.
        sum += value * 10 < last * 9 ? value : value - last
        self.last = value
    }
}

/// A Home Assistant that listens to totals: what it hears while it runs, and what is retained when it starts.
struct ListeningHomeAssistant {
    static let exponent = -7
    private(set) var totals: [String: TotalIncreasing] = [:]
    private var retained: [String: String] = [:]
    private var isListening = true

    mutating func hear(_ topic: String, _ payload: String) {
        guard ["energy_import", "energy_export", "energy", "volume"].contains(where: { topic.hasSuffix("/" + $0) }) else { return }
        retained[topic] = payload
        if isListening { take(topic, payload) }
    }

    mutating func stop() { isListening = false }

    mutating func start() {
        isListening = true
        for (topic, payload) in retained { take(topic, payload) }
    }

    /// The broker lost what it had retained.
    mutating func lose() { retained = [:] }

    /// What is no number leaves the last one as it was.
    private mutating func take(_ topic: String, _ payload: String) {
        guard let value = Quantity(payload)?.units(of: Self.exponent) else { return }
        totals[topic, default: TotalIncreasing()].see(value)
    }
}
