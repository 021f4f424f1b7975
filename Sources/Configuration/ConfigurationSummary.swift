extension Configuration {
    /// One line for each task of the daemon, for `jouled check`.
    package var summary: [String] {
        meters.map(\.summary) + pulses.map(\.summary) + [
            mqtt?.summary ?? "no broker: there is no [mqtt]"
        ] + outputs.flatMap(\.settings.summary) + state.summary
    }
}

func publishing(_ interval: Duration) -> String {
    interval == .zero ? "publishes every reading" : "publishes every \(interval.configurationText)"
}
