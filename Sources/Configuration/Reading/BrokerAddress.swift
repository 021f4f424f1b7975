/// The parts of an MQTT URL: `mqtt://host[:port]`, `mqtts://[fe80::1]:8883`.
struct BrokerAddress: Equatable {
    var host: String
    var port: Int
    var usesTLS: Bool
}

extension ConfigurationFormat where Value == BrokerAddress {
    static var broker: Self { .text(BrokerAddress.example, BrokerAddress.parse) }
}

extension Configuration.MQTT {
    /// A broker with all other settings at their defaults; `nil` if `url` is not a broker's URL.
    package init?(url: String) {
        guard case .success(let address) = BrokerAddress.parse(url) else { return nil }
        self.init()
        (host, port, usesTLS) = (address.host, address.port, address.usesTLS)
    }
}

extension BrokerAddress {
    static let example = "mqtt://localhost:1883"

    static func parse(_ text: String) -> Result<BrokerAddress, Refusal> {
        // Checked before any message quotes the URL: the part before an @ may contain a password.
        guard !text.contains("@") else {
            return .failure(Refusal("user and password do not belong in the URL; put them in mqtt.username and mqtt.password_file"))
        }
        func refused(_ why: String) -> Result<BrokerAddress, Refusal> {
            .failure(Refusal("\(quoted(text)): \(why); expected e.g. \"\(example)\", or mqtts:// for TLS"))
        }
        let usesTLS = text.hasPrefix("mqtts://")
        guard usesTLS || text.hasPrefix("mqtt://") else { return refused("does not begin with mqtt:// or mqtts://") }
        var rest = text.dropFirst(usesTLS ? 8 : 7)
        if rest.last == "/" { rest = rest.dropLast() }
        guard !rest.contains("/") else { return refused("has a path; the base topic is set with mqtt.topic") }
        guard let (host, portText) = hostAndPort(rest) else {
            return refused("is not a host with an optional port (an IPv6 address must be in brackets)")
        }
        var port = usesTLS ? 8883 : 1883
        if let portText {
            guard let number = portNumber(portText) else { return refused("the port must be 1 to 65535") }
            port = number
        }
        return .success(BrokerAddress(host: host, port: port, usesTLS: usesTLS))
    }
}
