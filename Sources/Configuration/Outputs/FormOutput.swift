import Publishing

extension FormOutput: OutputSettings {
    static let type = "mqtt-form"
    static let keys = [ConfigurationKeys(heading: "[[output]]", path: "output", names: ["type", "topic", "meter", "device_id", "export"])]

    static func read(
        _ section: inout ConfigurationSection, _ reader: inout ConfigurationReader, _ configuration: Configuration
    ) -> FormOutput? {
        reader.form(&section, configuration)
    }

    var mqttOutput: (any MQTTOutput)? { FormPublication(self) }

    var summary: [String] {
        ["output mqtt-form: \(meter) to \(topic) as \(quoted(deviceID))" + (hasExport ? "" : ", no export")]
    }
}

extension ConfigurationReader {
    fileprivate func form(_ section: inout ConfigurationSection, _ configuration: Configuration) -> FormOutput? {
        requireBroker(&section, configuration)
        let topic = section.required("topic", .topic("myhome/infra/power/xwwwform"), "expected the former PE32ME162_TOPIC")
        let meter = section.required("meter", .name, "expected the name of a [[meter]]")
        let id = section.required("device_id", .line("EUI48:11:22:33:44:55:66"), "expected the former PE32ME162_GUID")
        let hasExport = section.read("export", .boolean)
        if let meter, !meterNames.contains(meter) {
            let names = listed(meterNames)
            section.refuse("meter", "no [[meter]] named \(quoted(meter))" + (names.isEmpty ? "" : "; allowed: \(names)"))
        }
        if let topic { checkTopic(topic, &section, configuration) }
        guard let topic, let meter, let id else { return nil }
        var form = FormOutput(meter: meter, topic: topic, deviceID: id)
        form.hasExport = hasExport ?? form.hasExport
        return form
    }
}

extension Configuration.Output {
    package init(_ form: FormOutput) { self.init(settings: form) }
}
