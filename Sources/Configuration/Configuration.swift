/// A valid configuration: everything that the daemon needs to start, with all defaults filled in.
package struct Configuration: Sendable, Equatable {
    package var mqtt: MQTT?
    package var meters: [Meter] = []
    package var pulses: [Pulse] = []
    package var outputs: [Output] = []
    package var state = State()
    /// The files that hold passwords and keys.
    package var secretFiles: [String] = []

    package init() {}
}
