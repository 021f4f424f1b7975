import Metering

/// Home Assistant's statistics for a sensor with state class `total_increasing`. Numbers are in units of 10⁻⁷.
struct TotalIncreasing: Equatable {
    private(set) var sum: Int64 = 0
    private(set) var first: Int64?
    private(set) var last: Int64?
    private(set) var decreases = 0

    mutating func see(_ value: Int64) {
        guard value >= 0 else { return }
        guard let last else {
            // The first value ever is the zero point.
            (first, last) = (value, value)
            return
        }
        if value < last { decreases += 1 }
        // Below nine tenths it is a reset, and the new value counts in full. A smaller decrease is subtracted.
        sum += value * 10 < last * 9 ? value : value - last
        self.last = value
    }
}

/// A Home Assistant that receives totals: messages while it runs, and the retained ones when it starts.
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

    /// The broker lost its retained messages.
    mutating func lose() { retained = [:] }

    /// A payload that is not a number leaves the last value unchanged.
    private mutating func take(_ topic: String, _ payload: String) {
        guard let value = Quantity(payload)?.units(of: Self.exponent) else { return }
        totals[topic, default: TotalIncreasing()].see(value)
    }
}
