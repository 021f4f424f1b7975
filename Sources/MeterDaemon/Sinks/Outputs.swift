import Configuration

extension Daemon {
    /// Everybody outside who is told of the meters, a line each.
    static func outputs(_ configuration: Configuration, _ surroundings: Surroundings, _ controls: MeterControls) -> [any Sink] {
        [
            MQTTPublisher(configuration, surroundings, controls)
        ].compactMap { $0 }
    }
}
