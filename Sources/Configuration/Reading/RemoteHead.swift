/// `tcp://host:port`: a head on another machine that forwards raw bytes (ser2net's `raw`, a Wi-Fi adapter).
package struct RemoteHead: Sendable, Hashable {
    package var host: String
    package var port: Int

    static let example = "tcp://raspberrypi:7970"

    /// `nil` if `text` is not such an address.
    package init?(_ text: String) {
        guard case .success(let head) = Self.parse(text) else { return nil }
        self = head
    }

    private init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    static func isMeant(by text: String) -> Bool { text.hasPrefix("tcp:") }

    static func parse(_ text: String) -> Result<RemoteHead, Refusal> {
        func refused(_ why: String) -> Result<RemoteHead, Refusal> {
            .failure(Refusal("\(quoted(text)): \(why); expected e.g. \"\(example)\""))
        }
        guard text.hasPrefix("tcp://") else { return refused("does not begin with tcp://") }
        var rest = text.dropFirst(6)
        if rest.last == "/" { rest = rest.dropLast() }
        guard let (host, portText) = hostAndPort(rest) else {
            return refused("is not a host and port (an IPv6 address must be in brackets)")
        }
        guard let portText else { return refused("the port is missing") }
        guard let port = portNumber(portText) else { return refused("the port must be 1 to 65535") }
        // An IPv6 address may contain the name of a network interface, which is case-sensitive.
        return .success(RemoteHead(host: host.utf8.contains(UInt8(ascii: ":")) ? host : host.lowercased(), port: port))
    }
}

extension RemoteHead: CustomStringConvertible {
    package var description: String { "tcp://\(host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host):\(port)" }
}
