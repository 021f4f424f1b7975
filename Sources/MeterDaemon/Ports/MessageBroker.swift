import Publishing

/// The connection to an MQTT broker, which reconnects by itself.
package protocol MessageBroker: Sendable {
    /// Starts to connect, and reconnects for ever. Returns the stream of events; if more than 1024 are pending, the oldest are dropped.
    func connect() async -> AsyncStream<BrokerEvent>
    /// Publishes only while connected. A message that can't be sent is dropped (everything is published again at the next connect).
    func publish(_ message: MQTTMessage) async
    func subscribe(_ topic: String) async
    func unsubscribe(_ topic: String) async
    /// Waits up to `seconds` until everything that was published has been sent, and disconnects.
    func disconnect(within seconds: Int) async
}

package enum BrokerEvent: Sendable, Equatable {
    case connected
    /// The reason as text: `connection refused`, `bad user name or password`.
    case disconnected(reason: String)
    /// A remark about the connection, reported once.
    case remark(String)
    case received(topic: String, payload: [UInt8], retained: Bool)
}
