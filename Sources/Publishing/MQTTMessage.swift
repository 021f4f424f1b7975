package struct MQTTMessage: Sendable, Hashable {
    package var topic: String
    package var payload: String
    package var qos: Int
    package var retain: Bool

    package init(_ topic: String, _ payload: String, qos: Int = 0, retain: Bool = false) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
    }
}
