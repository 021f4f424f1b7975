import Publishing

/// The connection to an MQTT broker that comes back by itself.
package protocol MessageBroker: Sendable {
    /// Starts connecting, for ever; what happens is in the stream. Newest last; an overflow drops the oldest (1024 wait).
    func connect() async -> AsyncStream<BrokerEvent>
    /// Only while connected; a message that can't be handed over is dropped (the next connect publishes everything again).
    func publish(_ message: MQTTMessage) async
    func subscribe(_ topic: String) async
    func unsubscribe(_ topic: String) async
    /// Waits until all that was published left (at most `seconds`), and disconnects.
    func disconnect(within seconds: Int) async
}

package enum BrokerEvent: Sendable, Equatable {
    case connected
    /// Why, in words: `connection refused`, `bad user name or password`.
    case disconnected(reason: String)
    /// Something to know of the connection, once.
    case remark(String)
    case received(topic: String, payload: [UInt8], retained: Bool)
}
