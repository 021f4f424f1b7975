import Publishing

extension Configuration {
    /// What is published, and when; `nil` without a broker.
    package var publication: MQTTPublication? {
        guard let mqtt else { return nil }
        let intervals = meters.map { ($0.name, $0.publishEvery) } + pulses.map { ($0.name, $0.publishEvery) }
        return MQTTPublication(
            topics: Topics(base: mqtt.topic, prefix: mqtt.discoveryPrefix), discovery: mqtt.discovery, version: jouledVersion,
            clientID: mqtt.clientID, bridge: mqtt.bridge, publishEvery: Dictionary(uniqueKeysWithValues: intervals))
    }

    /// The other outputs that publish to the same broker.
    package var mqttOutputs: [any MQTTOutput] {
        outputs.compactMap(\.mqttOutput)
    }
}
