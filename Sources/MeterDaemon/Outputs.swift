import Configuration

extension Daemon {
    /// All outputs that publish the state, one per line.
    static func outputs(_ configuration: Configuration, _ surroundings: Surroundings, _ controls: MeterControls) -> [any Sink] {
        [
            MQTTPublisher(configuration, surroundings, controls)
        ].compactMap { $0 }
    }
}
