import Publishing

extension Configuration {
    package struct MQTT: Sendable, Equatable {
        package var host = "localhost"
        package var port = 1883
        package var usesTLS = false
        package var username: String?
        package var password: String?
        /// The base topic.
        package var topic = "jouled"
        package var clientID = "jouled"
        /// The name of the daemon's own device in Home Assistant, if that differs from `clientID`.
        package var bridge: String?
        package var caFile: String?
        package var certFile: String?
        package var keyFile: String?
        package var version = ProtocolVersion.auto
        package var discovery = DiscoveryForm.device
        package var discoveryPrefix = "homeassistant"

        package enum ProtocolVersion: String, Sendable, CaseIterable { case auto, v311 = "3.1.1", v5 = "5" }
        package init() {}
    }
}

extension Configuration.MQTT {
    static let keys = ConfigurationKeys(heading: "[mqtt]", path: "mqtt", names: fields.map(\.name))

    static var fields: [ConfigurationField<Self>] {
        [
            ConfigurationField("url"),
            ConfigurationField("username", .line("jouled", upTo: 1024)) { $0.username = $1 },
            ConfigurationField("password"),
            ConfigurationField("password_file"),
            ConfigurationField("topic", .topic(Self().topic)) { $0.topic = $1 },
            ConfigurationField("client_id"),
            ConfigurationField("ca_file"),
            ConfigurationField("cert_file"),
            ConfigurationField("key_file"),
            ConfigurationField("protocol", .choice()) { $0.version = $1 },
            ConfigurationField("homeassistant"),
        ]
    }

    static let homeAssistantKeys = ConfigurationKeys(
        heading: "[mqtt.homeassistant]", path: "mqtt.homeassistant", names: homeAssistantFields.map(\.name))

    static var homeAssistantFields: [ConfigurationField<Self>] {
        [
            ConfigurationField("discovery", .choice()) { $0.discovery = $1 },
            ConfigurationField("prefix", .topic(Self().discoveryPrefix)) { $0.discoveryPrefix = $1 },
        ]
    }
}

extension ConfigurationReader {
    mutating func mqtt(_ section: ConfigurationSection) -> Configuration.MQTT {
        var section = section
        var mqtt = Configuration.MQTT()
        let broker = section.read("url", .broker)
        if let broker { (mqtt.host, mqtt.port, mqtt.usesTLS) = (broker.host, broker.port, broker.usesTLS) }
        section.read(Configuration.MQTT.fields, into: &mqtt)
        mqtt.password = secret("password", &section)
        if mqtt.password != nil, !section.has("username") {
            section.refuse(
                "username", at: section.table["password"]?.position ?? section.table["password_file"]?.position,
                "missing; a password needs a username")
        }
        nameClient(&mqtt, &section)
        mqtt.caFile = readable("ca_file", &section)
        mqtt.certFile = readable("cert_file", &section)
        mqtt.keyFile = readable("key_file", &section)
        if let key = mqtt.keyFile { secretFiles.append(key) }
        checkTLS(&section, usesTLS: broker?.usesTLS ?? section.has("url"))
        if var homeassistant = section.section("homeassistant", Configuration.MQTT.homeAssistantKeys) {
            homeassistant.read(Configuration.MQTT.homeAssistantFields, into: &mqtt)
            if mqtt.topic == mqtt.discoveryPrefix, !section.has("topic") { homeassistant.refuse("prefix", Self.clash(mqtt.topic)) }
            errors += homeassistant.errors
        }
        if mqtt.topic == mqtt.discoveryPrefix, section.has("topic") { section.refuse("topic", Self.clash(mqtt.topic)) }
        errors += section.errors
        return mqtt
    }

    private static func clash(_ topic: String) -> String {
        "\(quoted(topic)) can't be both mqtt.topic and mqtt.homeassistant.prefix: jouled's status would be mistaken for Home Assistant's;"
            + " expected e.g. topic = \"jouled\""
    }

    /// Two machines with the same host name, which every Raspberry Pi has at first, must not disconnect each other from the broker, so the
    /// client id names the machine too. The daemon's device in Home Assistant is named after the host alone: existing devices have that
    /// name, and it stays the same when the SD card is replaced.
    private func nameClient(_ mqtt: inout Configuration.MQTT, _ section: inout ConfigurationSection) {
        if let own = section.read("client_id", .line("jouled-kitchen")) {
            mqtt.clientID = own
            return
        }
        let name = environment.hostName.isEmpty ? mqtt.clientID : "jouled-\(environment.hostName)"
        mqtt.bridge = name
        mqtt.clientID = environment.machine.isEmpty ? name : "\(name)-\(environment.machine)"
    }

    private func checkTLS(_ section: inout ConfigurationSection, usesTLS: Bool) {
        for key in ["ca_file", "cert_file", "key_file"] where section.has(key) && !usesTLS {
            section.refuse(key, "only for TLS, but mqtt.url is not mqtts://")
        }
        for (one, other) in [("cert_file", "key_file"), ("key_file", "cert_file")] where section.has(one) && !section.has(other) {
            section.refuse(one, "needs mqtt.\(other) as well")
        }
    }

    private func readable(_ key: String, _ section: inout ConfigurationSection) -> String? {
        guard let path = section.read(key, .path("/etc/jouled/\(key == "ca_file" ? "ca" : "client").pem")) else { return nil }
        if let obstacle = environment.obstacle(path) { section.refuse(key, "\(quoted(path)): \(obstacle)") }
        return path
    }

    /// Reads the secret from the key `name`, the file in `name_file`, or the systemd credential of that name.
    private mutating func secret(_ name: String, _ section: inout ConfigurationSection) -> String? {
        let (fileKey, path) = (name + "_file", section.keys.path(of: name))
        if section.has(name) {
            if section.has(fileKey) { section.refuse(fileKey, "\(path) is set as well; keep one of the two") }
            secretFiles.append(self.file)
            return section.read(name, .line("…", isSecret: true, upTo: 1024))
        }
        if section.has(fileKey) {
            guard let file = section.read(fileKey, .path("/etc/jouled/\(path)")) else { return nil }
            secretFiles.append(file)
            return secretText(file, key: fileKey, isRequired: true, &section)
        }
        guard let directory = environment.credentialsDirectory else { return nil }
        return secretText("\(directory)/\(path)", key: name, isRequired: false, &section)
    }

    private func secretText(_ file: String, key: String, isRequired: Bool, _ section: inout ConfigurationSection) -> String? {
        switch environment.readSecret(file) {
        case .missing:
            if isRequired { section.refuse(key, "\(quoted(file)): no such file") }
            return nil
        case .unreadable(let why):
            section.refuse(key, "\(quoted(file)): \(why)")
            return nil
        case .text(let content):
            // Editors end a file with a line break, which does not belong to the secret.
            let text = content.hasSuffix("\r\n") || content.hasSuffix("\n") ? String(content.dropLast()) : content
            switch ConfigurationFormat.line("…", isSecret: true, upTo: 1024).read(TOMLValue(.string(text), at: section.position)) {
            case .success(let secret): return secret
            case .failure(let refusal):
                section.refuse(key, "\(quoted(file)) \(refusal.message)")
                return nil
            }
        }
    }
}

extension Configuration.MQTT {
    package var summary: String {
        let address = "\(usesTLS ? "mqtts" : "mqtt")://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        let user = username.map { " as \(quoted($0)) \(password == nil ? "without" : "with") a password" } ?? ""
        let protocolName = version == .auto ? "" : ", MQTT \(version.rawValue)"
        let homeAssistant = discovery == .off ? "no discovery" : "discovery \(discovery.rawValue) under \(discoveryPrefix)"
        return "broker \(address)\(user)\(protocolName), client \(clientID), topics under \(topic), \(homeAssistant)"
    }
}
