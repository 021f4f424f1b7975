package struct MQTTMessage: Sendable, Hashable {
    package var topic: String
    package var payload: String
    package var qos: Int
    package var retain: Bool
    /// Seconds after which it is not true any more, and a broker that speaks MQTT 5 forgets it.
    package var expiresAfter: Int?

    package init(_ topic: String, _ payload: String, qos: Int = 0, retain: Bool = false, expiresAfter: Int? = nil) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.expiresAfter = expiresAfter
    }
}
