import Publishing

/// The connection to an MQTT broker, which reconnects by itself.
package protocol MessageBroker: Sendable {
    /// Starts to connect, and reconnects for ever; the stream has the events, newest last. If 1024 wait, the oldest are dropped.
    func connect() async -> AsyncStream<BrokerEvent>
    /// Only while connected; a message that can't be handed over is dropped (the next connect publishes everything again).
    func publish(_ message: MQTTMessage) async
    func subscribe(_ topic: String) async
    func unsubscribe(_ topic: String) async
    /// Waits for at most `seconds` until everything published was sent, and disconnects.
    func disconnect(within seconds: Int) async
}

package enum BrokerEvent: Sendable, Equatable {
    case connected
    /// The reason as text: `connection refused`, `bad user name or password`.
    case disconnected(reason: String)
    /// A remark about the connection, sent once.
    case remark(String)
    case received(topic: String, payload: [UInt8], retained: Bool)
}
