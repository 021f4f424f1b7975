package struct MQTTMessage: Sendable, Hashable {
    package var topic: String
    package var payload: String
    package var qos: Int
    package var retain: Bool
    /// Seconds until the value is no longer valid, after which a broker that supports MQTT 5 discards it.
    package var expiresAfter: Int?

    package init(_ topic: String, _ payload: String, qos: Int = 0, retain: Bool = false, expiresAfter: Int? = nil) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.expiresAfter = expiresAfter
    }
}
