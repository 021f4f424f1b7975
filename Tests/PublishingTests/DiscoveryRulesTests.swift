import HomeAssistant
import Testing

/// The checker detects violations of its rules.
@Suite struct DiscoveryRulesTests {
    private static let device = #"{"device":{"identifiers":["a"],"name":"Grid"},"#
    private static let origin = #""origin":{"name":"jouled"},"#
    private static let rest = #""availability":[{"topic":"s"}],"availability_mode":"all","components":{"x":{"#
    private static let topic = "homeassistant/device/jouled_grid/config"

    private func broken(_ component: String, topic: String = topic, head: String = device + origin + rest) -> [String] {
        DiscoveryRules(topic: topic, head + component + "}}}").broken
    }

    @Test func hasNothingAgainstAGoodOne() {
        let sensor = #""platform":"sensor","unique_id":"u","name":"Energy","state_topic":"t","#
        #expect(broken(sensor + #""device_class":"energy","unit_of_measurement":"kWh","state_class":"total_increasing""#) == [])
        #expect(broken(#""platform":"sensor""#) == [], "a removal")
        #expect(broken(#""platform":"button","unique_id":"u","name":null,"command_topic":"t","payload_press":"PRESS""#) == [])
    }

    @Test(arguments: [
        #""device_class":"energy","unit_of_measurement":"kWh","state_class":"measurement""#,
        #""device_class":"energy","unit_of_measurement":"KWH","state_class":"total_increasing""#,
        #""device_class":"gas","unit_of_measurement":"m3","state_class":"total_increasing""#,
        #""device_class":"gas","unit_of_measurement":"m²","state_class":"total_increasing""#,
        #""device_class":"reactive_energy","unit_of_measurement":"kvarh","state_class":"total_increasing""#,
        #""device_class":"Power","unit_of_measurement":"W""#, #""state_class":"rising""#, #""entity_category":"config""#,
        #""object_id":"x""#, #""availability_topic":"s""#, #""availability":[]"#, #""expire_after":5"#, #""state_topic":"a/#""#,
        #""state_topic":"""#, #""name":"Grid power""#, #""name":"""#, #""unique_id":"""#, #""unit_of_measurement":"""#,
        #""suggested_display_precision":-1"#, #""last_reset_value_template":"x","state_class":"total_increasing""#,
        #""platform":"sensors""#, #""availability":[{"topic":"a"},{"topic":"b"}],"availability_mode":"latest""#,
    ]) func findsWhatIsWrongWithASensor(wrong: String) {
        var members = [#""platform":"sensor""#, #""unique_id":"u""#, #""name":"Energy""#, #""state_topic":"t""#]
        members.removeAll { member in wrong.hasPrefix(String(member.prefix { $0 != ":" })) }
        #expect(broken((members + [wrong]).joined(separator: ",")) != [])
    }

    @Test(arguments: [
        #""platform":"number","unique_id":"u","name":"N","state_topic":"t","command_topic":"c""#,
        #""platform":"number","unique_id":"u","name":"N","state_topic":"t","command_topic":"c","min":0,"max":10,"step":0"#,
        #""platform":"number","unique_id":"u","name":"N","state_topic":"t","min":0,"max":10,"step":1"#,
        #""platform":"button","unique_id":"u","name":"N""#,
        #""platform":"button","unique_id":"u","name":"N","command_topic":"c","device_class":"power""#,
        #""platform":"binary_sensor","unique_id":"u","name":"N","state_topic":"t","device_class":"energy""#,
        #""platform":"light","unique_id":"u","name":"N","state_topic":"t""#,
    ]) func findsWhatIsWrongWithOthers(component: String) { #expect(broken(component) != []) }

    @Test func findsWhatIsWrongWithADevice() {
        let good = #""platform":"sensor","unique_id":"u","name":"E","state_topic":"t""#
        #expect(broken(good) == [])
        let devices = [
            #"{"device":{"identifiers":[],"name":"Grid"},"#, #"{"device":{"identifiers":["a"],"name":"Grid","via_device":"a"},"#,
            #"{"device":{"identifiers":["a"],"name":"Grid","configuration_url":"pi:80"},"#, "{",
            #"{"device":{"identifiers":["a"],"title":"Grid"},"#, #"{"device":{"identifiers":["a"],"name":"Grid"},"extra":1,"#,
        ]
        for device in devices { #expect(broken(good, head: device + Self.origin + Self.rest) != []) }
        for origin in ["", #""origin":{},"#, #""origin":{"name":""},"#, #""origin":{"name":"jouled","site":"x"},"#] {
            #expect(broken(good, head: Self.device + origin + Self.rest) != [])
        }
        for topic in ["homeassistant/device/jouled.grid/config", "homeassistant/device/config", "ha/device/x/config"] {
            #expect(broken(good, topic: topic) != [])
        }
    }

    @Test func knowsWhatHomeAssistantLosesAndWarnsOf() {
        var model = HomeAssistantModel()
        let component = #""platform":"sensor","unique_id":"u","name":"E","state_topic":"t","unit_of_measurement":"W"}}}"#
        let good = Self.device + Self.origin + Self.rest + component
        model.receive(Self.topic, good, isRetained: true)
        #expect(model.state("sensor u") == "unavailable")
        model.receive("s", "online", isRetained: true)
        #expect(model.state("sensor u") == "unknown")
        model.receive("t", "5", isRetained: true)
        #expect(model.state("sensor u") == "5" && model.complaints == [])
        model.receive("t", "nan", isRetained: false)
        model.receive("homeassistant/device/other/config", good, isRetained: true)
        #expect(model.complaints.count == 2)
        model.receive(Self.topic, "", isRetained: true)
        #expect(model.deleted == ["sensor u"] && model.entities.isEmpty)
        model.receive(Self.topic, "", isRetained: true)
        #expect(model.complaints.count == 3)
    }
}
